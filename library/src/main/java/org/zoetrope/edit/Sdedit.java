package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.List;
import org.zoetrope.diffusion.Step;
import org.zoetrope.tensor.Tensor;

/// SDEdit (arXiv 2108.01073): noise is added to the clip and taken away again under the target prompt. What ties the
/// result to the source are the low frequencies that the noise leaves.
///
/// @param strength      share of the run that is taken, from 0 (the clip itself) to 1
/// @param guidanceScale of classifier-free guidance
public record Sdedit(double strength, double guidanceScale) implements Editor {
    public Sdedit {
        require(strength >= 0 && strength <= 1, "a strength of %s; give 0 (keep the clip) to 1", strength);
    }

    @Override
    public Tensor edit(EditTask task) {
        var taken = task.plan().steps().subList(task.steps() - stepsTaken(task.steps()), task.steps());
        if (taken.isEmpty()) {
            return task.source();
        }
        var noise = task.noise(taken.getFirst(), 0);
        return sample(task, taken.getFirst().from().noisy(task.source(), noise), noise, taken, guidanceScale);
    }

    @Override
    public int stepsTaken(int steps) {
        return (int) Math.round(strength * steps);
    }

    /// Euler steps under the target prompt. Where a mask keeps the source, every step ends at the source under the same
    /// noise, and the last one at the source itself.
    static Tensor sample(EditTask task, Tensor start, Tensor noise, List<Step> steps, double guidanceScale) {
        return task.sampled(start, steps, (x, step) -> {
            var velocity = task.targetVelocity(x, step, guidanceScale);
            var next = x.plus(velocity.times(step.to().sigma() - step.from().sigma()));
            if (task.mask().weights().isEmpty()) {
                return next;
            }
            var kept = step.to().noisy(task.source(), noise);
            return kept.plus(task.masked(next.minus(kept)));
        });
    }

    @Override
    public boolean followsOnePath() {
        return true;
    }

    @Override
    public long evaluations(int steps, int windows) {
        return (long) Editor.perPrediction(guidanceScale) * stepsTaken(steps) * windows;
    }
}
