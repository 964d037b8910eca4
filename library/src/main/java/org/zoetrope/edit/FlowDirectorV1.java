package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import org.zoetrope.tensor.Tensor;

/// FlowDirector as its public code has it (arXiv 2506.05046, version 1): FlowEdit averaged over several draws of noise,
/// its velocity multiplied by a mask from the network's own attention (spatially attentive flow correction).
///
/// The code's differential averaging guidance adds `(omega - 1)` times a trend to the mean velocity, the trend being the
/// mean, over all subsets of K draws, of the mean velocity minus the subset's mean. The mean of all subset means is the
/// mean, so the trend is zero for every omega and K (FlowDirectorTest.theTrendOfVersion1IsZero), and what is left is the
/// averaging.
///
/// The mask comes with the task: [MaskSource.Attention] for the published method.
///
/// @param nMax        share of the steps in which the edit moves, 40 of 50 in the example script
/// @param draws       draws of noise in each step
/// @param sourceScale guidance scale under the source prompt
/// @param targetScale guidance scale under the target prompt
public record FlowDirectorV1(double nMax, int draws, double sourceScale, double targetScale) implements Editor {
    public FlowDirectorV1 {
        require(draws >= 1, "%d draws; give 1 or more", draws);
    }

    /// The example script's settings.
    public static FlowDirectorV1 defaults() {
        return new FlowDirectorV1(0.8, 4, 3.5, 10.5);
    }

    public FlowDirectorV1 scales(double source, double target) {
        return new FlowDirectorV1(nMax, draws, source, target);
    }

    @Override
    public Tensor edit(EditTask task) {
        return directEdit().edit(task);
    }

    private FlowEdit directEdit() {
        return new FlowEdit(nMax, 0, draws, sourceScale, targetScale);
    }

    @Override
    public int stepsTaken(int steps) {
        return directEdit().stepsTaken(steps);
    }

    @Override
    public long evaluations(int steps, int windows) {
        return directEdit().evaluations(steps, windows);
    }
}
