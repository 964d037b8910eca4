package org.zoetrope.pipeline;

import java.util.function.Supplier;
import org.zoetrope.tensor.Tensor;

/// Hears of the progress of a run, on the thread that runs it. What it throws ends the run.
@FunctionalInterface
public interface ProgressListener {
    void on(Progress progress);

    /// Called after every step of the sampler, behind its [Progress.Denoising].
    ///
    /// @param checkpoint all that is needed to go on from here; save it now, it is valid during the call only
    /// @param clean      computes the latents that the network sees behind the noise, [1, T, C, H, W]; throws a
    ///                   [org.zoetrope.diffusion.SamplingException] at a level without signal
    default void after(Checkpoint checkpoint, Supplier<Tensor> clean) {}

    /// Whether the run should stop; asked before every step of the sampler and every chunk of the decoder. Interrupting
    /// the thread stops a run as well.
    default boolean isCancelled() {
        return false;
    }

    /// Hears nothing.
    static ProgressListener none() {
        return _ -> {};
    }
}
