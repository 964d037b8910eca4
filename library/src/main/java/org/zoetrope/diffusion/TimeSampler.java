package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;

/// Which times a training step looks at: densities over t in [0, 1], from clean to noise.
public sealed interface TimeSampler {
    /// Every time alike.
    record Uniform() implements TimeSampler {}

    /// One time from each of n equal intervals, so that every batch covers the range (CogVideoX, "explicit uniform
    /// sampling"). Sample i of the batch comes from interval i.
    record Stratified() implements TimeSampler {}

    /// `sigmoid(mean + std n)`: the middle more often (arXiv 2403.03206).
    record LogitNormal(double mean, double std) implements TimeSampler {
        public LogitNormal {
            require(std > 0, "the standard deviation of the logit must be positive, found %s", std);
        }
    }

    /// `1 - u - scale (cos^2(pi u / 2) - 1 + u)`: heavy tails (arXiv 2403.03206, mode sampling).
    ///
    /// @param scale -1 to 1.75, where the map is one to one
    record Mode(double scale) implements TimeSampler {
        public Mode {
            require(scale >= -1 && scale <= 2 / (Math.PI - 2), "the scale of mode sampling must be within -1 .. "
                    + "2 / (pi - 2), found %s", scale);
        }
    }

    /// n times. One draw of n numbers from the stream.
    default double[] draw(Rng rng, int n) {
        return switch (this) {
            case Uniform() -> uniform(rng, n, u -> u);
            case Stratified() -> {
                var times = uniform(rng, n, u -> u);
                for (var i = 0; i < n; i++) {
                    times[i] = (i + times[i]) / n;
                }
                yield times;
            }
            case LogitNormal(var mean, var std) -> normal(rng, n, x -> 1 / (1 + Math.exp(-(mean + std * x))));
            case Mode(var scale) -> uniform(rng, n, u -> {
                var cosine = Math.cos(Math.PI * u / 2);
                return 1 - u - scale * (cosine * cosine - 1 + u);
            });
        };
    }

    /// The timestep of a schedule with T steps that a time falls into.
    static int timestep(double t, int trainSteps) {
        return Math.clamp((long) (t * trainSteps), 0, trainSteps - 1);
    }

    private static double[] uniform(Rng rng, int n, DoubleUnaryOperator map) {
        try (var _ = Scope.open()) {
            return Arrays.stream(rng.uniform(n).toDoubles()).map(map).toArray();
        }
    }

    private static double[] normal(Rng rng, int n, DoubleUnaryOperator map) {
        try (var _ = Scope.open()) {
            return Arrays.stream(rng.normal(n).toDoubles()).map(map).toArray();
        }
    }

    /// n sigmas with `ln sigma ~ N(mean, std^2)`, the noise levels of EDM training.
    static double[] logNormalSigmas(Rng rng, int n, double mean, double std) {
        return normal(rng, n, x -> Math.exp(mean + std * x));
    }
}
