package org.zoetrope.pipeline;

/// Hears of the progress of a run, on the thread that runs it. What it throws ends the run.
@FunctionalInterface
public interface ProgressListener {
    void on(Progress progress);

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
