package org.zoetrope.diffusion;

import org.zoetrope.tensor.Tensor;

/// A network with everything but the latents decided. Networks do not implement it; the pipeline writes
/// `(x, step) -> model.forward(x, step.timestep(), prompt)`.
@FunctionalInterface
public interface Denoiser {
    /// The raw prediction, in whatever the network predicts.
    ///
    /// @param x    the latents, already scaled as the sampler asks
    /// @param step where the run stands; `step.timestep()` is what the network is told
    /// @return shaped like x (with twice the channels where the variance is learned)
    Tensor predict(Tensor x, Step step);
}
