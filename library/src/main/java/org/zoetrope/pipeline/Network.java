package org.zoetrope.pipeline;

import java.util.Optional;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Tensor;

/// A denoising network with its weights, as the pipeline asks it.
interface Network {
    /// Predicts what the folder's scheduler says a prediction is.
    ///
    /// @param x        noisy latents, with the channels of a first frame behind them where the model takes one [B, T, C,
    ///                 H, W]
    /// @param timestep [B]
    /// @param prompt   text features [B, L, D]
    /// @param picture  features of a first frame [B, I, D], for models that read them
    /// @param pass     what is special about this call
    /// @return [B, T, C, H, W]
    Tensor predict(Tensor x, Tensor timestep, Tensor prompt, Optional<Tensor> picture, Pass pass);
}
