package org.zoetrope.nn;

import java.util.List;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// How far the output of a network moves when its moment (what it makes of the timestep) moves: the relative change
/// `mean |now - before| / mean |before|` of the moment under a polynomial that was fitted to a model's own runs (TeaCache,
/// arXiv 2411.19108, equations 4 and 7).
///
/// @param rescale   coefficients, the highest power first, as they are published
/// @param threshold how much change may add up before blocks are run again, if nobody asks for something else
public record Drift(List<Double> rescale, double threshold) {
    public Drift {
        rescale = List.copyOf(rescale);
    }

    /// The change of the moment as it is, for models whose polynomial nobody has published.
    public static Drift plain(double threshold) {
        return new Drift(List.of(1.0, 0.0), threshold);
    }

    /// Outside the changes it was fitted to, a polynomial falls below 0; no change is less than none.
    double of(double relativeChange) {
        var sum = 0.0;
        for (var coefficient : rescale) {
            sum = sum * relativeChange + coefficient;
        }
        return Math.max(0, sum);
    }

    static double relativeChange(Tensor before, Tensor now) {
        return Scope.run(() -> {
            var was = before.to(DType.FLOAT32);
            return now.to(DType.FLOAT32).minus(was).abs().mean().item() / was.abs().mean().item();
        });
    }
}
