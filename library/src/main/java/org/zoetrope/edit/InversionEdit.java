package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.zoetrope.diffusion.Step;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// Editing by inversion: the clip is carried to noise under the source prompt and sampled from there under the target
/// prompt (arXiv 2211.09794). What ties the result to the source is the way back, repaired by an [Anchor], and where a
/// mask says what may change, local blending (arXiv 2208.01626): outside it the state is the pivot.
///
/// @param inversion     how the clip is carried to noise
/// @param skipped       share of the noisiest steps that is left out on both ways; networks of zero terminal SNR keep
///                      almost nothing of the clip at the first
/// @param guidanceScale of sampling; inversion always runs without guidance
/// @param anchor        what holds sampling to the pivots
/// @param pull          attraction of the estimate to the clip, split by time; empty for none
/// @param control       attention to the pivots; empty for none
/// @param blendFrom     share of the steps after which everything outside the mask is set to the pivot, 0 to 1
public record InversionEdit(Inversion inversion, double skipped, double guidanceScale, Anchor anchor,
        Optional<LatentStatistics> pull, Optional<AttentionControl> control,
        double blendFrom) implements Editor {
    public InversionEdit {
        require(skipped >= 0 && skipped < 1, "%s of the steps are skipped; give 0 to less than 1", skipped);
        require(blendFrom >= 0 && blendFrom <= 1, "blending from %s; give a share of the steps, 0 to 1", blendFrom);
    }

    /// Inversion and plain sampling, known as DDIM inversion.
    public static InversionEdit plain(double guidanceScale) {
        return new InversionEdit(Inversion.defaults(), 0.02, guidanceScale, new Anchor.None(), Optional.empty(),
                Optional.empty(), 0.2);
    }

    /// The same with what holds it to the source.
    public InversionEdit anchor(Anchor other) {
        return new InversionEdit(inversion, skipped, guidanceScale, other, pull, control, blendFrom);
    }

    /// The same with another way to noise.
    public InversionEdit inversion(Inversion other) {
        return new InversionEdit(other, skipped, guidanceScale, anchor, pull, control, blendFrom);
    }

    /// The same with another share of steps left out.
    public InversionEdit skipped(double share) {
        return new InversionEdit(inversion, share, guidanceScale, anchor, pull, control, blendFrom);
    }

    public InversionEdit pull(LatentStatistics other) {
        return new InversionEdit(inversion, skipped, guidanceScale, anchor, Optional.of(other), control, blendFrom);
    }

    /// The same with attention to the pivots.
    public InversionEdit control(AttentionControl other) {
        return new InversionEdit(inversion, skipped, guidanceScale, anchor, pull, Optional.of(other), blendFrom);
    }

    /// The same with another beginning of blending; 1 for none.
    public InversionEdit blendFrom(double share) {
        return new InversionEdit(inversion, skipped, guidanceScale, anchor, pull, control, share);
    }

    @Override
    public Tensor edit(EditTask task) {
        if (keepsAll(task.mask())) {
            return task.source();
        }
        return Scope.run(() -> {
            var pivots = inversion.trajectory(task, start(task.steps()));
            return sample(task, pivots).states().getLast();
        });
    }

    /// Whether blending would set everything to the pivots, and the last of them is the clip.
    private boolean keepsAll(EditMask mask) {
        return blendFrom < 1 && mask instanceof EditMask.Fixed(_, var inside) && inside.filter(cells -> cells.area() == 0).isPresent();
    }

    /// Samples from the first pivot under the target prompt.
    ///
    /// @return the states on the way, the first pivot included
    public Trajectory sample(EditTask task, Trajectory pivots) {
        return Scope.run(() -> {
            var holds = anchor.along(task, pivots, guidanceScale).iterator();
            var states = new ArrayList<Tensor>();
            states.add(pivots.before(pivots.start()));
            for (var step : Anchor.steps(task, pivots)) {
                var hold = holds.next();
                states.add(task.stepped(step, next(task, pivots, step, hold, states.getLast())));
            }
            return new Trajectory(pivots.start(), states);
        });
    }

    private Tensor next(EditTask task, Trajectory pivots, Step step, Anchor.Hold hold, Tensor x) {
        return Scope.run(() -> {
            task.mask().beginStep();
            var pivotBefore = pivots.before(step.index());
            var predicted = control.map(c -> c.predicted(task, step, pivotBefore, x, guidanceScale, hold.unprompted()))
                    .orElseGet(() -> task.target(x, step, guidanceScale, hold.unprompted()));
            var velocity = predicted.velocity();
            var moved = moved(x, velocity, step);
            var shift = hold.shift().or(() -> hold.live().map(live -> live.shift(task, step, x, pivotBefore,
                    predicted.cond().minus(predicted.uncond().orElseGet(() -> task.velocity(hold.unprompted(), x, step))))));
            var held = shift.map(moved::plus).orElse(moved);
            var pulled = pull.map(p -> held.minus(p.gradient(x.minus(velocity.times(step.from().sigma())), task)
                    .times(step.from().sigma() * step.to().sigma()))).orElse(held);
            if (task.mask().weights().isEmpty() || step.index() < blendFrom * task.steps()) {
                return pulled;
            }
            var pivot = pivots.after(step.index());
            return pivot.plus(task.masked(pulled.minus(pivot)));
        });
    }

    /// x + (s' - s) v.
    static Tensor moved(Tensor x, Tensor velocity, Step step) {
        return x.plus(velocity.times(step.to().sigma() - step.from().sigma()));
    }

    @Override
    public List<String> obstacles(ClipShape clip) {
        var all = new ArrayList<>(anchor.obstacles(clip, guidanceScale));
        control.ifPresent(c -> all.addAll(c.obstacles(clip)));
        return all;
    }

    @Override
    public List<String> caveats(ClipShape clip) {
        var all = new ArrayList<>(anchor.caveats(clip));
        pull.ifPresent(p -> all.addAll(p.caveats(clip)));
        return all;
    }

    /// Every step is taken twice: backwards and forwards.
    @Override
    public int stepsTaken(int steps) {
        return 2 * (steps - start(steps));
    }

    @Override
    public long gradients(int steps) {
        return anchor.mostGradients(steps - start(steps));
    }

    private int start(int steps) {
        return Math.min(steps - 1, (int) Math.round(skipped * steps));
    }

    /// The most that this takes: fixed points may be reached early, and null-text may stop early.
    @Override
    public long evaluations(int steps, int windows) {
        var taken = steps - start(steps);
        return windows * (taken * ((long) inversion.mostEvaluations() + Editor.perPrediction(guidanceScale))
                + anchor.mostEvaluations(taken, guidanceScale)
                + control.map(c -> c.mostEvaluations(taken, guidanceScale)).orElse(0L));
    }
}
