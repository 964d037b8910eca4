package org.zoetrope.edit;

import java.util.function.Supplier;
import org.zoetrope.pipeline.Progress;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.tensor.Tensor;

/// Hears of the progress of an edit, on the thread that runs it. What it throws ends the edit.
public interface EditListener extends ProgressListener {
    /// Called after every step of a method that can go on from there, behind its report; methods by inversion cannot.
    ///
    /// @param checkpoint all that is needed to go on; save it now, it is valid during the call only
    /// @param clean      computes what the state says of the edited latents [1, T, C, H, W], padding included
    void after(EditCheckpoint checkpoint, Supplier<Tensor> clean);

    /// One that keeps nothing.
    static EditListener of(ProgressListener listener) {
        return new EditListener() {
            @Override
            public void on(Progress progress) {
                listener.on(progress);
            }

            @Override
            public void after(EditCheckpoint checkpoint, Supplier<Tensor> clean) {}

            @Override
            public boolean isCancelled() {
                return listener.isCancelled();
            }
        };
    }
}
