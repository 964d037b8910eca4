package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.stream.IntStream;
import org.zoetrope.pipeline.EditDefaults;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// FlowEdit (arXiv 2412.08629, algorithm 1): an ordinary differential equation that leads from the source to the edited
/// clip directly. At every level both sides are given the same noise, and the difference of their velocities moves the
/// edit; there is no inversion and no gradient.
///
/// The state is `delta = Z - X`, the change of the source so far.
///
/// @param nMax        share of the steps in which the edit moves; the steps before them, the noisiest, are skipped
/// @param nMaxWide    the same where the edit may act on more than half of the clip. It is a background that changes then, and
///                    every cell of it says what it is: at the first level of less than pure noise already that counts for more
///                    than any word
/// @param nMin        share of the steps, the last ones, that sample ordinarily under the target prompt
/// @param nAvg        draws of noise whose velocities are averaged
/// @param sourceScale guidance scale under the source prompt
/// @param targetScale guidance scale under the target prompt
public record FlowEdit(double nMax, double nMaxWide, double nMin, int nAvg, double sourceScale, double targetScale)
        implements Editor {
    private static final double WIDE = 0.5;

    public FlowEdit {
        for (var share : new double[] {nMax, nMaxWide}) {
            require(nMin >= 0 && nMin <= share && share <= 1,
                    "n_max %s and n_min %s are shares of the steps: 0 <= n_min <= n_max <= 1", share, nMin);
        }
        require(nAvg >= 1, "n_avg %d; give 1 or more draws", nAvg);
    }

    /// As published: the same steps wherever it acts.
    public FlowEdit(double nMax, double nMin, int nAvg, double sourceScale, double targetScale) {
        this(nMax, nMax, nMin, nAvg, sourceScale, targetScale);
    }

    /// Defaults for Wan2.1: those of [EditDefaults#WAN], n_min 0, one draw.
    public static FlowEdit defaults() {
        return of(EditDefaults.WAN);
    }

    /// Defaults for a model, see [org.zoetrope.pipeline.Defaults#edits()].
    public static FlowEdit of(EditDefaults model) {
        return new FlowEdit(model.nMax(), model.nMaxWide(), 0, 1, model.sourceScale(), model.targetScale());
    }

    @Override
    public FlowEdit within(double area) {
        return new FlowEdit(area > WIDE ? nMaxWide : nMax, nMin, nAvg, sourceScale, targetScale);
    }

    @Override
    public Tensor edit(EditTask task) {
        var total = task.steps();
        var editing = task.plan().steps().subList(total - count(nMax, total), total - count(nMin, total));
        var sampling = task.plan().steps().subList(total - count(nMin, total), total);
        return Scope.run(() -> {
            var delta = task.changed(editing, (d, step) -> {
                var draws = IntStream.range(0, nAvg).mapToObj(draw -> Scope.run(() -> task
                        .velocities(d, step, task.noise(step, draw), sourceScale, targetScale).difference())).toList();
                var change = task.masked(Velocities.mean(draws)).times(step.to().sigma() - step.from().sigma());
                return d.plus(change);
            });
            var edited = task.source().plus(delta);
            if (sampling.isEmpty()) {
                return edited;
            }
            // The edit so far is noised as a whole and finished like any sample.
            var noise = task.noise(sampling.getFirst(), 0);
            var start = sampling.getFirst().from().noisy(task.source(), noise).plus(delta);
            return Sdedit.sample(task, start, noise, sampling, targetScale);
        });
    }

    @Override
    public int stepsTaken(int steps) {
        return count(Math.max(nMax, nMaxWide), steps);
    }

    private static int count(double share, int steps) {
        return (int) Math.round(share * steps);
    }

    @Override
    public long evaluations(int steps, int windows) {
        var moving = stepsTaken(steps) - count(nMin, steps);
        var both = Editor.perPrediction(sourceScale) + Editor.perPrediction(targetScale);
        return ((long) both * nAvg * moving + (long) Editor.perPrediction(targetScale) * count(nMin, steps)) * windows;
    }
}
