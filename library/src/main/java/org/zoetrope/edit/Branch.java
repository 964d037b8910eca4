package org.zoetrope.edit;

import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Tensor;

/// A network under one prompt, in flow form.
public interface Branch {
    /// The velocity `n - x0` at `x = (1 - sigma) x0 + sigma n`.
    ///
    /// @param x    noisy latents [1, T, C, H, W]
    /// @param step of the task's plan; sigma is `step.at().sigma()`
    /// @param pass what is watched on the way
    /// @return shaped like x, float32 or better: differences of velocities cancel large equal parts
    Tensor velocity(Tensor x, Step step, Pass pass);

    /// The prompt as the network reads it: text features [1, L, D].
    Tensor features();

    /// The same network under other words. Gradients flow from the velocity back to them.
    ///
    /// @param features text features [1, L, D], or one text for each latent frame [1, T, L, D]
    Branch with(Tensor features);
}
