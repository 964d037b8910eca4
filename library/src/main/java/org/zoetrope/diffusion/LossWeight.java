package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

/// How much the squared error of one sample counts at its noise level.
public sealed interface LossWeight {
    /// Every error alike, in the space of the prediction.
    record Plain() implements LossWeight {}

    /// Min-SNR (arXiv 2303.09556): the error of the clean sample counts `min(SNR, clip)`, whatever is predicted.
    record MinSnr(double clip) implements LossWeight {
        public MinSnr {
            require(clip > 0, "the clip of min-SNR must be positive, found %s", clip);
        }
    }

    /// The error of the v-prediction, whatever is predicted (arXiv 2511.13720): that of the clean sample counts
    /// `min(SNR + 1, clip)`.
    record Velocity(double clip) implements LossWeight {
        public Velocity {
            require(clip > 0, "the clip of the velocity's weight must be positive, found %s", clip);
        }
    }

    /// `2 / (pi (1 - 2 t + 2 t^2))` with t the share of noise (arXiv 2403.03206, cosmap).
    record CosineMap() implements LossWeight {}

    /// The error of the clean sample counts `(sigma^2 + d^2) / (sigma d)^2`, the error of the network 1 (arXiv
    /// 2206.00364).
    record Edm(double dataStd) implements LossWeight {}

    /// The factor of `|output - target|^2`.
    default double at(Level level, Prediction prediction) {
        return switch (this) {
            case Plain() -> 1;
            case MinSnr(var clip) -> Math.min(level.snr(), clip) * cleanError(level, prediction);
            case Velocity(var clip) -> Math.min(level.snr() + 1, clip) * cleanError(level, prediction);
            case CosineMap() -> {
                var t = level.noiseShare();
                yield 2 / (Math.PI * (1 - 2 * t + 2 * t * t));
            }
            case Edm(var d) -> {
                var s = level.ratio();
                yield (s * s + d * d) / (s * s * d * d) * cleanError(level, prediction);
            }
        };
    }

    /// The squared error of the clean sample that a unit of squared error of the output makes.
    private static double cleanError(Level level, Prediction prediction) {
        // With z given, eps = (z - alpha x) / sigma, and the output moves with x at this rate.
        var target = prediction.target(level);
        var rate = target.a() - target.b() * level.alpha() / level.sigma();
        return 1 / (rate * rate);
    }
}
