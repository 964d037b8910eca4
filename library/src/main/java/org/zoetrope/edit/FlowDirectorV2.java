package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.zoetrope.diffusion.Step;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// FlowDirector (arXiv 2506.05046, version 2): the differential equation of FlowEdit over all steps, with three
/// corrections in series, each of which can be left out.
///
/// What the paper leaves open is decided here: DA-FC acts on each draw, with inner products over the channels of a latent
/// cell; MAD-FC uses the mean of the draws' velocities and is masked like them, so that what a mask keeps stays exactly;
/// in the last steps each draw keeps its noise from step to step.
///
/// @param sourceScale     guidance scale under the source prompt
/// @param targetScale     guidance scale under the target prompt
/// @param draws           L_HQ, draws of noise in each step
/// @param direction       direction-aware flow correction
/// @param averaging       differential averaging guidance; without it the draws are averaged
/// @param motion          motion-appearance decoupling
/// @param fixedNoiseSteps the last steps reuse their noise
public record FlowDirectorV2(double sourceScale, double targetScale, int draws, Optional<DaFc> direction,
        Optional<Dag> averaging, Optional<MadFc> motion, int fixedNoiseSteps) implements Editor {
    public FlowDirectorV2 {
        require(draws >= 1, "%d draws; give 1 or more", draws);
        averaging.ifPresent(dag -> require(dag.baseline >= 1 && dag.baseline <= draws,
                "a baseline of %d of %d draws; give 1 to %d", dag.baseline, draws, draws));
        require(fixedNoiseSteps >= 0, "fixed noise in the last %d steps; give 0 or more", fixedNoiseSteps);
    }

    /// The published settings, for strong motion.
    public static FlowDirectorV2 defaults() {
        return new FlowDirectorV2(3.5, 10.5, 3, Optional.of(new DaFc(0.25)), Optional.of(new Dag(2, 2.75)),
                Optional.of(new MadFc(0.01, 0.3)), 8);
    }

    public FlowDirectorV2 scales(double source, double target) {
        return new FlowDirectorV2(source, target, draws, direction, averaging, motion, fixedNoiseSteps);
    }

    /// With another number of draws; the baseline of differential averaging stays one below it where it must.
    public FlowDirectorV2 draws(int count) {
        var fitting = averaging.map(dag -> new Dag(Math.max(1, Math.min(dag.baseline, count - 1)), dag.strength));
        return new FlowDirectorV2(sourceScale, targetScale, count, direction, fitting, motion, fixedNoiseSteps);
    }

    public FlowDirectorV2 withoutDirection() {
        return new FlowDirectorV2(sourceScale, targetScale, draws, Optional.empty(), averaging, motion,
                fixedNoiseSteps);
    }

    public FlowDirectorV2 withoutAveraging() {
        return new FlowDirectorV2(sourceScale, targetScale, draws, direction, Optional.empty(), motion,
                fixedNoiseSteps);
    }

    public FlowDirectorV2 withoutMotion() {
        return new FlowDirectorV2(sourceScale, targetScale, draws, direction, averaging, Optional.empty(),
                fixedNoiseSteps);
    }

    @Override
    public Tensor edit(EditTask task) {
        return Scope.run(() -> {
            var delta = task.changed(task.plan().steps(), (d, step) -> {
                // All draws before the first mask: a mask from attention is the union over them.
                var evaluated = IntStream.range(0, draws).mapToObj(draw -> Scope.run(() -> task
                        .velocities(d, step, noise(task, step, draw), sourceScale, targetScale))).toList();
                var corrected = evaluated.stream().map(v -> Scope.run(() -> task.masked(
                        direction.map(da -> da.correct(v.source(), v.difference())).orElseGet(v::difference))))
                        .toList();
                var velocity = averaging.map(dag -> dag.combine(corrected))
                        .orElseGet(() -> Velocities.mean(corrected));
                var moved = d.plus(velocity.times(step.to().sigma() - step.from().sigma()));
                if (motion.isEmpty()) {
                    return moved;
                }
                var raw = Velocities.mean(evaluated.stream().map(Velocities::difference).toList());
                var pull = motion.get().pull(d, raw, step.at().sigma());
                return moved.minus(task.masked(pull));
            });
            return task.source().plus(delta);
        });
    }

    private Tensor noise(EditTask task, Step step, int draw) {
        var first = task.plan().steps().get(Math.max(0, task.steps() - Math.max(1, fixedNoiseSteps)));
        return task.noise(step.index() > first.index() ? first : step, draw);
    }

    @Override
    public long evaluations(int steps, int windows) {
        var both = Editor.perPrediction(sourceScale) + Editor.perPrediction(targetScale);
        return (long) both * draws * steps * windows;
    }

    /// Direction-aware flow correction: the part of an edit that runs against the source's velocity is strengthened, the
    /// part along it dropped.
    ///
    /// @param alpha by how much
    public record DaFc(double alpha) {
        private static final double EPSILON = 1e-8;

        /// @param source V_s [1, T, C, H, W]
        /// @param change V = V_t - V_s
        /// @return the part across V_s, and (1 + alpha) times the part along it where that points backwards
        Tensor correct(Tensor source, Tensor change) {
            var inner = change.times(source).sum(true, 2);                                        // [1, T, 1, H, W]
            var along = along(source, change);
            var backwards = inner.less(0).to(change.dtype());
            return change.minus(along).plus(along.times(backwards).times(1 + alpha));
        }

        /// The part of V along V_s, cell by cell; 0 where V_s is.
        static Tensor along(Tensor source, Tensor change) {
            var inner = change.times(source).sum(true, 2);
            return source.times(inner.div(source.square().sum(true, 2).plus(EPSILON)));
        }
    }

    /// Differential averaging guidance: away from the mean of the least typical draws.
    ///
    /// @param baseline K, how many draws are the least typical
    /// @param strength w, how far
    public record Dag(int baseline, double strength) {
        /// `V_HQ + w (V_HQ - V_BL)`: V_HQ the mean of all draws, V_BL of the K with the lowest cosine to it.
        Tensor combine(List<Tensor> draws) {
            var mean = Velocities.mean(draws);
            if (baseline == draws.size()) {
                return mean; // V_BL is V_HQ
            }
            var order = new ArrayList<>(draws);
            order.sort(Comparator.comparingDouble(draw -> cosine(draw, mean)));
            return mean.plus(mean.minus(Velocities.mean(order.subList(0, baseline))).times(strength));
        }

        private static double cosine(Tensor a, Tensor b) {
            return Scope.run(() -> {
                var lengths = a.square().sum().times(b.square().sum()).sqrt().item();
                return lengths == 0 ? 0 : a.times(b).sum().item() / lengths;
            });
        }
    }

    /// Motion-appearance decoupling: the change of the clean estimates is pulled back, its part that varies in time fully,
    /// its mean over time by `1 - phi`.
    ///
    /// @param zeta how strongly, in every step
    /// @param phi  how much of the mean over time is spared
    public record MadFc(double zeta, double phi) {
        /// For weak motion.
        public static MadFc weakMotion() {
            return new MadFc(0.007, 0.5);
        }

        /// zeta times `(Z0_t - Z0_s) - phi (A_t - A_s)` with the time means A. The clean estimates of both sides differ by
        /// `delta - sigma V`, so nothing has to be evaluated again.
        ///
        /// @param delta the change before the step
        /// @param change V, the mean of the draws
        Tensor pull(Tensor delta, Tensor change, double sigma) {
            var clean = delta.minus(change.times(sigma));
            return clean.minus(clean.mean(true, 1).times(phi)).times(zeta);
        }
    }
}
