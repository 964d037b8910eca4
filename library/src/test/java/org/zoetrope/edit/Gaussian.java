package org.zoetrope.edit;

import java.util.stream.IntStream;
import org.zoetrope.diffusion.Level;
import org.zoetrope.diffusion.Plan;
import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Tensor;

/// A perfect network for clips whose latents are Gaussian given the prompt: x0 ~ N(mean, variance), cell by cell. Its
/// velocity is known in closed form, so whatever differs from theory is the method's.
record Gaussian(Tensor mean, double variance) implements Branch {
    @Override
    public Tensor features() {
        return mean;
    }

    @Override
    public Gaussian with(Tensor features) {
        return new Gaussian(features, variance);
    }

    @Override
    public Tensor velocity(Tensor x, Step step, Pass pass) {
        double a = step.at().alpha(), b = step.at().sigma();
        var gain = variance * a / (a * a * variance + b * b);
        var clean = mean.plus(x.minus(mean.times(a)).times(gain));
        return x.minus(clean).div(b);
    }

    /// Flow levels 1, (n - 1) / n, ..., 0.
    static Plan plan(int steps) {
        return new Plan(IntStream.range(0, steps).mapToObj(i -> {
            double from = 1 - i / (double) steps, to = 1 - (i + 1) / (double) steps;
            return new Step(i, steps, 1000 * from, Level.flow(from), Level.flow(from), Level.flow(to));
        }).toList(), 1);
    }
}
