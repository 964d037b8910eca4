package org.zoetrope.pipeline;

import static org.zoetrope.tensor.ShapeException.require;

/// How strongly words lead an edit that a model makes: guidance scales, 1 for the words alone.
///
/// Low scales keep more of a clip, high ones change it more surely; which are right is a matter of the model.
///
/// @param source of the words for what the clip shows
/// @param target of the words for what it should show
public record EditScales(double source, double target) {
    /// Of the published example for Wan2.1 (FlowDirector, arXiv 2506.05046).
    public static final EditScales WAN = new EditScales(3.5, 10.5);
    /// Nobody has published any for CogVideoX.
    static final EditScales COGVIDEOX = new EditScales(1.5, 5);

    public EditScales {
        require(Double.isFinite(source) && source >= 1 && Double.isFinite(target) && target >= 1,
                "guidance scales of edits are 1 (the prompt alone) or more; found %s for the source and %s for the target", source, target);
    }
}
