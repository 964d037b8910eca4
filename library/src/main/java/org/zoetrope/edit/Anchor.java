package org.zoetrope.edit;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.zoetrope.diffusion.Step;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// What holds guided sampling to the pivots of an inversion. Guidance leads away from them: the inversion ran without.
/// An anchor is found on the source side, where the way is known, and then holds the edit.
public interface Anchor {
    /// What an anchor does to one step.
    ///
    /// @param unprompted the branch that guidance leads away from
    /// @param shift      added to the state after the step [1, T, C, H, W]
    /// @param live       guidance whose shift is found where the run stands
    record Hold(Branch unprompted, Optional<Tensor> shift, Optional<DecoupledGuidance> live) implements Tensors {
        /// A hold that is known before the run.
        public Hold(Branch unprompted, Optional<Tensor> shift) {
            this(unprompted, shift, Optional.empty());
        }

        @Override
        public List<Tensor> tensors() {
            var all = new ArrayList<>(unprompted.tensors());
            shift.ifPresent(all::add);
            return all;
        }
    }

    /// Finds the holds of all steps, from `pivots.start()` on.
    ///
    /// @param guidanceScale of the run that is held
    List<Hold> along(EditTask task, Trajectory pivots, double guidanceScale);

    /// Why this cannot hold a clip, each reason with what to do instead; empty if it can.
    ///
    /// @param guidanceScale of the run that is held
    default List<String> obstacles(ClipShape clip, double guidanceScale) {
        return List.of();
    }

    /// What of this comes to nothing on a clip although the rest of it works.
    default List<String> caveats(ClipShape clip) {
        return List.of();
    }

    /// Most evaluations of the network for this many steps.
    long mostEvaluations(int steps, double guidanceScale);

    /// Most gradients through the network for this many steps.
    default long mostGradients(int steps) {
        return 0;
    }

    /// Guidance leads where it leads.
    record None() implements Anchor {
        @Override
        public List<Hold> along(EditTask task, Trajectory pivots, double guidanceScale) {
            return steps(task, pivots).stream().map(_ -> new Hold(task.unprompted(), Optional.empty())).toList();
        }

        @Override
        public long mostEvaluations(int steps, double guidanceScale) {
            return 0;
        }
    }

    /// Adds to every step what it missed the next pivot by on the source side (direct inversion, arXiv 2310.01506,
    /// algorithm 1). Nothing is optimised, and with the source prompt the clip comes back exactly: the upper bound of
    /// reconstruction, and what null-text has to be better than where something is edited.
    record ResidualReplay() implements Anchor {
        @Override
        public List<Hold> along(EditTask task, Trajectory pivots, double guidanceScale) {
            return steps(task, pivots).stream().map(step -> Scope.run(() -> {
                var x = pivots.before(step.index());
                var reached = InversionEdit.moved(x, task.sourceVelocity(x, step, guidanceScale), step);
                return new Hold(task.unprompted(), Optional.of(pivots.after(step.index()).minus(reached)));
            })).toList();
        }

        @Override
        public long mostEvaluations(int steps, double guidanceScale) {
            return (long) Editor.perPrediction(guidanceScale) * steps;
        }
    }

    /// The steps of a run that follow the first pivot.
    static List<Step> steps(EditTask task, Trajectory pivots) {
        return task.plan().steps().subList(pivots.start(), task.steps());
    }
}
