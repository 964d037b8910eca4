package org.zoetrope.edit;

import org.zoetrope.tensor.Tensor;

/// A new video from the target prompt and fresh noise. The source counts only where a mask keeps it; without a mask this
/// is plain generation, the baseline that every method must beat at keeping what the words do not name.
///
/// @param guidanceScale of classifier-free guidance
public record RandomStart(double guidanceScale) implements Editor {
    @Override
    public Tensor edit(EditTask task) {
        var steps = task.plan().steps();
        var noise = task.noise(steps.getFirst(), 0);
        return Sdedit.sample(task, noise, noise, steps, guidanceScale);
    }

    @Override
    public boolean followsOnePath() {
        return true;
    }

    @Override
    public long evaluations(int steps, int windows) {
        return (long) Editor.perPrediction(guidanceScale) * steps * windows;
    }
}
