package org.zoetrope.pipeline;

import static org.zoetrope.tensor.ShapeException.require;

/// How strongly words lead an edit that a model makes, unless somebody says otherwise. What is right is a matter of the model:
/// low scales and few steps keep more of a clip, high and many change it more surely.
///
/// @param sourceScale guidance scale of the words for what the clip shows, 1 for the words alone
/// @param targetScale guidance scale of the words for what it should show
/// @param nMax        share of the steps in which the edit moves, 0 .. 1; the noisiest ones before them are skipped (n_max of
///                    FlowEdit, arXiv 2412.08629)
/// @param nMaxWide    the same where it may act on most of the clip: a background changes
public record EditDefaults(double sourceScale, double targetScale, double nMax, double nMaxWide) {
    /// Of the published example for Wan2.1 (FlowDirector, arXiv 2506.05046): 40 of 50 steps.
    public static final EditDefaults WAN = new EditDefaults(3.5, 10.5, 0.8, 0.8);
    /// Nobody has published any for CogVideoX.
    static final EditDefaults COGVIDEOX = new EditDefaults(1.5, 5, 0.8, 0.8);

    public EditDefaults {
        require(Double.isFinite(sourceScale) && sourceScale >= 1 && Double.isFinite(targetScale) && targetScale >= 1,
                "guidance scales of edits are 1 (the prompt alone) or more; found %s for the source and %s for the target",
                sourceScale, targetScale);
        require(nMax >= 0 && nMax <= 1 && nMaxWide >= 0 && nMaxWide <= 1,
                "n_max %s and, of wide edits, %s are shares of the steps: 0 .. 1", nMax, nMaxWide);
    }

    /// The same towards the target words at another scale.
    public EditDefaults towards(double scale) {
        return new EditDefaults(sourceScale, scale, nMax, nMaxWide);
    }
}
