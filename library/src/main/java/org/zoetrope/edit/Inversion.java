package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.Collections;
import org.zoetrope.diffusion.Step;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Carries a clip to noise along the deterministic sampler, run backwards under the source prompt without guidance (DDIM
/// inversion, arXiv 2010.02502, section 4.3; 2211.09794, section 3.1; for flow models Euler backwards).
///
/// A step of the sampler is `x' = x + (s' - s) v(x, s)`. Backwards x' is known and x is sought. In flow form this is one
/// rule for networks of every prediction; a schedule that ends without signal (zero terminal SNR) is no special case.
public sealed interface Inversion {
    /// The state that the step led to `after`.
    Tensor before(EditTask task, Step step, Tensor after);

    /// Most evaluations of the network per step.
    int mostEvaluations();

    /// Repeats `x <- x' - (s' - s) v(x, s)`, from x = x'. One iteration is the rule of the published methods: the network
    /// is told the level the step comes from and shown the state it leads to. The exact inverse is approached while
    /// (s - s') times the network's Lipschitz constant stays below 1.
    ///
    /// @param iterations most repetitions
    /// @param tolerance  relative change at which to stop early; 0 always takes them all
    record FixedPoint(int iterations, double tolerance) implements Inversion {
        public FixedPoint {
            require(iterations >= 1, "%d iterations; give 1 or more", iterations);
            require(tolerance >= 0, "a tolerance of %s; give 0 or more", tolerance);
        }

        @Override
        public Tensor before(EditTask task, Step step, Tensor after) {
            var x = after;
            for (var i = 0; i < iterations; i++) {
                var now = x;
                var next = Scope.run(() -> after.minus(task.sourceVelocity(now, step, 1).times(width(step))));
                var change = Scope.run(() -> Math.sqrt(next.minus(now).square().sum().item() / now.square().sum().item()));
                x = next;
                if (change < tolerance) {
                    break;
                }
            }
            return x;
        }

        @Override
        public int mostEvaluations() {
            return iterations;
        }
    }

    /// `x = x' - (s' - s) v(x', s')`: the network is told the level of the state it is shown. The step that leads to the
    /// clip itself has no such level in the run and is told its own.
    record OwnTime() implements Inversion {
        @Override
        public Tensor before(EditTask task, Step step, Tensor after) {
            var steps = task.plan().steps();
            var next = steps.indexOf(step) + 1;
            var own = next < steps.size() ? steps.get(next) : step;
            return Scope.run(() -> after.minus(task.sourceVelocity(after, own, 1).times(width(step))));
        }

        @Override
        public int mostEvaluations() {
            return 1;
        }
    }

    /// Three iterations: a round trip without guidance comes back to about a thousandth.
    static Inversion defaults() {
        return new FixedPoint(3, 1e-4);
    }

    /// The whole way from the clip to the level of a step.
    ///
    /// @param start step at which sampling will begin; 0 for pure noise
    default Trajectory trajectory(EditTask task, int start) {
        var steps = task.plan().steps();
        require(start >= 0 && start < steps.size(), "cannot begin at step %d of %d", start, steps.size());
        return Scope.run(() -> {
            var states = new ArrayList<Tensor>();
            states.add(task.source());
            for (var i = steps.size() - 1; i >= start; i--) {
                states.add(task.stepped(steps.get(i), before(task, steps.get(i), states.getLast())));
            }
            Collections.reverse(states);
            return new Trajectory(start, states);
        });
    }

    /// s' - s.
    private static double width(Step step) {
        return step.to().sigma() - step.from().sigma();
    }
}
