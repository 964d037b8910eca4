package org.zoetrope.diffusion;

import org.zoetrope.tensor.Tensor;

/// Hears of every step of a run.
@FunctionalInterface
public interface StepListener {
    /// Called after a step.
    ///
    /// @param latents the state the step led to; copy or decode it now, it is freed with the next step
    void after(Step step, Tensor latents);

    /// Hears nothing.
    static StepListener none() {
        return (_, _) -> {};
    }
}
