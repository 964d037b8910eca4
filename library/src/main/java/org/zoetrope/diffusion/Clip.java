package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.Arrays;
import org.zoetrope.tensor.Tensor;

/// What happens to a predicted clean sample before it is used. Right for pixels, wrong for latents.
public sealed interface Clip {
    /// Nothing.
    record Off() implements Clip {}

    /// Values are cut at +-limit.
    record Range(double limit) implements Clip {
        public Range {
            require(limit > 0, "clip_sample_range must be positive, found %s", limit);
        }
    }

    /// Dynamic thresholding (Imagen, arXiv 2205.11487): s is a quantile of the absolute values of one sample of the
    /// batch (all frames of a clip share it), at least 1; values are cut at +-s and divided by s.
    ///
    /// @param ratio   which quantile, 0.995 in the open code
    /// @param largest s is at most this; 1 makes it a plain clip
    record Dynamic(double ratio, double largest) implements Clip {
        public Dynamic {
            require(ratio > 0 && ratio <= 1, "dynamic_thresholding_ratio must be within (0, 1], found %s", ratio);
        }
    }

    /// The clean sample to use.
    ///
    /// @param clean predicted clean sample [B, ...]
    default Tensor apply(Tensor clean) {
        return switch (this) {
            case Off() -> clean;
            case Range(var limit) -> clean.clamp(-limit, limit);
            case Dynamic(var ratio, var largest) -> {
                var shape = new long[clean.rank()];
                Arrays.fill(shape, 1);
                shape[0] = clean.size(0);
                var s = clean.reshape(shape[0], -1).abs().quantile(ratio, 1, true)
                        .clamp(Math.min(1, largest), largest).reshape(shape);
                yield clean.maximum(s.negate()).minimum(s).div(s);
            }
        };
    }
}
