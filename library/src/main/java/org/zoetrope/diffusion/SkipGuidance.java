package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.List;
import java.util.stream.LongStream;
import org.zoetrope.tensor.Tensor;

/// Spatiotemporal skip guidance (STG, arXiv 2411.18664): a third prediction, by the network without some of its blocks, is a
/// weaker version of itself, and the result is pushed away from it. It needs no training and one more evaluation a step. It
/// has nothing to do with the spatial-temporal decoupled guidance of editing (STDG) but the letters.
///
/// @param blocks  indices of the blocks that are left out, from 0; none leaves the choice to the model
/// @param scale   how far; 0 is no guidance of this kind
/// @param kind    what is pushed
/// @param rescale how far the standard deviation of every sample is brought back to that of the prompted prediction, 0 to
///                1; 0.7 in the public code where it is used
public record SkipGuidance(List<Integer> blocks, double scale, Kind kind, double rescale) {
    /// The two forms of the public code.
    public enum Kind {
        /// `guided + s (cond - skipped cond)`, as for CogVideoX and Mochi.
        PROMPTED,
        /// `guided + s (guided - skipped uncond)`, as for Wan.
        GUIDED
    }

    public SkipGuidance {
        blocks = blocks.stream().distinct().sorted().toList();
        require(Double.isFinite(scale) && scale >= 0, "a scale of skip guidance of %s; give 0 or more", scale);
        require(rescale >= 0 && rescale <= 1, "the rescaling of skip guidance must be within 0 .. 1, found %s", rescale);
    }

    /// One scale, pushed as for CogVideoX, of the model's choice of blocks.
    public static SkipGuidance of(double scale) {
        return new SkipGuidance(List.of(), scale, Kind.PROMPTED, 0);
    }

    /// The same without other blocks.
    public SkipGuidance blocks(List<Integer> indices) {
        return new SkipGuidance(indices, scale, kind, rescale);
    }

    /// The same in another form.
    public SkipGuidance kind(Kind other) {
        return new SkipGuidance(blocks, scale, other, rescale);
    }

    /// The pushed prediction.
    ///
    /// @param guided  what other guidance made of the predictions [B, ...]
    /// @param cond    prompted prediction
    /// @param skipped prediction without blocks, of the prompted or the unprompted branch as [#kind()] says
    public Tensor combine(Tensor guided, Tensor cond, Tensor skipped) {
        if (scale == 0) {
            return guided;
        }
        var strong = kind == Kind.PROMPTED ? cond : guided;
        var pushed = guided.plus(strong.minus(skipped).times(scale));
        if (rescale == 0) {
            return pushed;
        }
        var axes = LongStream.range(1, cond.rank()).toArray();
        var ratio = cond.std(true, axes).div(pushed.std(true, axes));
        return pushed.times(ratio.times(rescale).plus(1 - rescale));
    }
}
