package org.zoetrope.pipeline;

import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Tensor;

/// The network of a model for callers who arrange a run anew, such as an editor: one prediction, everything given.
@FunctionalInterface
public interface NetworkCall {
    /// What the network predicts, in the terms of the model's scheduler.
    ///
    /// @param x        latents as the scheduler steps them [1, T, C, H, W]
    /// @param step     of a plan of [VideoModel#sampler()]
    /// @param features text features [1, L, D], see [VideoModel#features]
    /// @param pass     what is special about this call
    /// @return shaped like x, float32
    Tensor predict(Tensor x, Step step, Tensor features, Pass pass);
}
