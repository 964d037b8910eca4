package org.zoetrope.edit;

import java.util.Optional;
import java.util.function.Supplier;
import org.zoetrope.diffusion.StepListener;
import org.zoetrope.tensor.Tensor;

/// How a run of a method goes on from step to step.
///
/// @param heard   hears of every step
/// @param kept    hears of every state from which the run could go on another time
/// @param reached where an earlier run was stopped; empty for a run from the beginning
public record Course(StepListener heard, Keeper kept, Optional<Reached> reached) {
    /// Where a run stands between two steps.
    ///
    /// @param done  steps of the plan behind it
    /// @param state of the method: how the source has changed so far, or a sample [1, T, C, H, W]
    public record Reached(int done, Tensor state) {}

    /// Hears of states from which a run could go on.
    @FunctionalInterface
    public interface Keeper {
        /// @param reached valid during the call only
        /// @param clean   computes what the state says of the edited latents without noise
        void behind(Reached reached, Supplier<Tensor> clean);
    }

    /// From the beginning, with nobody listening.
    public static Course plain() {
        return new Course(StepListener.none(), (_, _) -> {}, Optional.empty());
    }

    public Course from(Reached where) {
        return new Course(heard, kept, Optional.of(where));
    }

    public Course keeping(Keeper keeper) {
        return new Course(heard, keeper, reached);
    }
}
