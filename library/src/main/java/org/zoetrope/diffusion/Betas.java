package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/// The variance beta_i that step i of a discrete diffusion adds, by the names of the published configs.
public sealed interface Betas {
    /// beta rises on a straight line; DDPM, DiT and Latte use 1e-4 .. 0.02.
    record Linear(double start, double end) implements Betas {}

    /// sqrt(beta) rises on a straight line; Stable Diffusion and CogVideoX use 0.00085 .. 0.012.
    record ScaledLinear(double start, double end) implements Betas {}

    /// `squaredcos_cap_v2`: the cumulative product follows `cos((u + 0.008) / 1.008 * pi / 2)^2` (Nichol and Dhariwal).
    record SquaredCosine() implements Betas {}

    /// `exp`: the cumulative product follows `exp(-12 u)`.
    record Exponential() implements Betas {}

    /// `laplace`: the log-SNR follows the quantiles of a Laplace distribution.
    record Laplace() implements Betas {}

    /// `sigmoid`: beta is a logistic curve over [-6, 6] scaled to the two ends (GeoDiff).
    record Sigmoid(double start, double end) implements Betas {}

    /// `trained_betas`: the values themselves.
    record Trained(List<Double> values) implements Betas {
        public Trained {
            values = List.copyOf(values);
        }
    }

    /// The largest beta that the schedules made from a cumulative product may take.
    double CAP = 0.999;

    /// beta_0 .. beta_(T-1).
    ///
    /// @throws SamplingException if there are trained values and their number is not `trainSteps`
    default double[] values(int trainSteps, Precision precision) {
        return switch (this) {
            case Linear(var start, var end) -> line(start, end, trainSteps, precision);
            case ScaledLinear(var start, var end) -> {
                var roots = line(Math.sqrt(start), Math.sqrt(end), trainSteps, precision);
                yield map(roots, r -> precision.round(r * r));
            }
            case SquaredCosine() -> fromProduct(trainSteps, precision, u -> {
                var c = Math.cos((u + 0.008) / 1.008 * Math.PI / 2);
                return c * c;
            });
            case Exponential() -> fromProduct(trainSteps, precision, u -> Math.exp(-12 * u));
            case Laplace() -> fromProduct(trainSteps, precision, u -> {
                var snr = Math.exp(-0.5 * Math.copySign(1, 0.5 - u) * Math.log(1 - 2 * Math.abs(0.5 - u) + 1e-6));
                return Math.sqrt(snr / (1 + snr));
            });
            case Sigmoid(var start, var end) -> map(line(-6, 6, trainSteps, precision),
                    x -> precision.round(1 / (1 + Math.exp(-x)) * (end - start) + start));
            case Trained(var values) -> {
                require(values.size() == trainSteps, "%d trained betas for %d training steps; give one beta a step",
                        values.size(), trainSteps);
                yield values.stream().mapToDouble(v -> precision.round(v)).toArray();
            }
        };
    }

    private static double[] line(double start, double end, int n, Precision precision) {
        var line = new double[n];
        // Counted from both ends, as the reference does, so that the last value is `end` to the last bit.
        var first = precision.round(start);
        var last = precision.round(end);
        var step = n == 1 ? 0 : precision.round((last - first) / (n - 1));
        for (var i = 0; i < n; i++) {
            line[i] = precision.round(i < n / 2 || n == 1 ? first + step * i : last - step * (n - 1 - i));
        }
        return line;
    }

    private static double[] fromProduct(int n, Precision precision, DoubleUnaryOperator product) {
        var betas = new double[n];
        for (var i = 0; i < n; i++) {
            var ratio = product.applyAsDouble((i + 1.0) / n) / product.applyAsDouble((double) i / n);
            betas[i] = precision.round(Math.min(1 - ratio, CAP));
        }
        return betas;
    }

    private static double[] map(double[] values, DoubleUnaryOperator f) {
        return Arrays.stream(values).map(f).toArray();
    }
}
