package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.tools.InScope;

/// How null-text learns: its losses, optimisers and curricula.
@InScope
class NullTextTest {
    private static final int FRAMES = 5;
    private static final double GUIDANCE = 5;

    private static EditTask task(int steps) {
        return EditTask.of(new Rng(3).normal(1, FRAMES, 3, 4, 4), Gaussian.plan(steps), Nonlinear.of(1, 5, 3),
                Nonlinear.of(1, 5, 3), Nonlinear.of(1, 99, 3), Draws.of(7));
    }

    private static NullText quick() {
        return NullText.defaults().rate(0.1).loss(NullLoss.plain()).tolerance(0);
    }

    private static double error(Anchor anchor, EditTask task) {
        return Scope.run(() -> new InversionEdit(Inversion.defaults(), 0, GUIDANCE, anchor, Optional.empty(), Optional.empty(), 0).edit(task)
                .minus(task.source()).square().mean().item());
    }

    // ---------------------------------------------------------------- optimisers and curricula

    static Stream<Function<NullText, NullText>> ways() {
        var each = new NullText.Layout.PerFrame();
        return Stream.of(n -> n, n -> n.descent(new Descent.Plateau(2)), n -> n.descent(new Descent.Lbfgs(5)),
                n -> n.layout(each).curriculum(new Curriculum.Temporal(2, 1.5)),
                n -> n.layout(each).curriculum(new Curriculum.Temporal(2, 1)),
                n -> n.curriculum(new Curriculum.Guidance()), n -> n.curriculum(new Curriculum.Budget()),
                n -> n.curriculum(new Curriculum.ClipLength()), n -> n.layout(each).curriculum(new Curriculum.ClipLength()),
                n -> n.layout(new NullText.Layout.Cosine(2)).curriculum(new Curriculum.ClipLength()));
    }

    @ParameterizedTest
    @MethodSource("ways")
    void everyWayBringsTheGuidedRunBack(Function<NullText, NullText> way) {
        assertThat(error(way.apply(quick()), task(4))).isLessThan(0.2 * error(new Anchor.None(), task(4)));
    }

    /// V-12: whatever the way, a step is never worse for having been optimised.
    @ParameterizedTest
    @MethodSource("ways")
    void noWayMakesAStepWorse(Function<NullText, NullText> way) {
        for (var rate : List.of(0.1, 100.0)) {
            assertThat(error(way.apply(quick().rate(rate)), task(1)))
                    .isLessThanOrEqualTo(error(new Anchor.None(), task(1)) * (1 + 1e-6));
        }
    }

    /// V-14: looks, gradients and what curricula add stay within what is announced.
    @ParameterizedTest
    @MethodSource("ways")
    void costsStayWithinWhatIsAnnounced(Function<NullText, NullText> way) {
        for (var anchor : List.of(way.apply(quick()), way.apply(NullText.defaults().iterations(4)))) {
            var task = task(3);
            var editor = new InversionEdit(new Inversion.FixedPoint(1, 0), 0, GUIDANCE, anchor, Optional.empty(), Optional.empty(), 0);
            editor.edit(task);
            assertThat(task.counter().forwards()).isLessThanOrEqualTo(editor.evaluations(3, 1));
            assertThat(task.counter().backwards()).isPositive().isLessThanOrEqualTo(editor.gradients(3));
        }
    }

    /// Where nothing is optimised, no curriculum costs anything.
    @ParameterizedTest
    @MethodSource("ways")
    void noIterationsCostWhatPlainSamplingDoes(Function<NullText, NullText> way) {
        var task = task(3);
        var editor = new InversionEdit(new Inversion.FixedPoint(1, 0), 0, GUIDANCE, way.apply(quick().iterations(0)), Optional.empty(), Optional.empty(), 0);
        editor.edit(task);
        assertThat(task.counter().forwards()).isEqualTo(3 * (1 + 2 + 2)).isEqualTo(editor.evaluations(3, 1));
    }

    @Test
    void stagesAddUpToTheBudget() {
        for (var curriculum : List.of(new Curriculum.Plain(), new Curriculum.Temporal(2, 1.5), new Curriculum.Guidance(), new Curriculum.ClipLength())) {
            for (var budget = 0; budget < 14; budget++) {
                var stages = curriculum.stages(new NullText.Layout.PerFrame(), 6, budget);
                assertThat(stages.stream().mapToInt(Curriculum.Stage::iterations).sum()).isEqualTo(budget);
                assertThat(stages.getLast().guidance()).isEqualTo(6);
                assertThat(stages.getLast().layout()).isEqualTo(new NullText.Layout.PerFrame());
                assertThat(stages.size()).isLessThanOrEqualTo(curriculum.mostStages());
            }
        }
    }

    /// What changes evenly over time is kept by leaving frames out and putting them back.
    @Test
    void framesBetweenAreHalfwayFromNeighbourToNeighbour() {
        assertThat(Curriculum.ClipLength.kept(5)).containsExactly(0, 2, 4);
        assertThat(Curriculum.ClipLength.kept(4)).containsExactly(0, 2);
        assertThat(Curriculum.ClipLength.between(5).matmul(Tensor.of(new float[] {0, 2, 4}, 3, 1)).toFloats())
                .containsExactly(0, 1, 2, 3, 4);
        assertThat(Curriculum.ClipLength.between(4).matmul(Tensor.of(new float[] {0, 2}, 2, 1)).toFloats())
                .containsExactly(0, 1, 2, 2);
        assertThat(Curriculum.ClipLength.between(1).toFloats()).containsExactly(1);
    }

    /// Transformers of both kinds take the short clip by every means, and the mask's background goes with it.
    @ParameterizedTest
    @EnumSource
    void transformersLearnFromAShortClip(NullText.Means means) {
        var frames = 6;
        var cells = new boolean[16];
        cells[5] = true;
        var mask = EditMask.fixed(new LatentMask(4, 4, Collections.nCopies(frames, cells)), SoftEdge.hard());
        var options = NullText.defaults().rate(0.1).iterations(4).means(means).layout(new NullText.Layout.PerFrame())
                .loss(NullLoss.defaults().background(1)).tolerance(0).curriculum(new Curriculum.ClipLength());
        var editor = new InversionEdit(new Inversion.FixedPoint(1, 0), 0, GUIDANCE, options, Optional.empty(), Optional.empty(), 1);
        for (var network : List.of(RandomDit.joint(2, DType.FLOAT32), RandomDit.cross(2))) {
            var task = RandomDit.task(network, frames, 2, 5, 5).withMask(mask);
            editor.edit(task);
            assertThat(task.counter().forwards()).isLessThanOrEqualTo(editor.evaluations(2, 1));
            assertThat(task.counter().backwards()).isPositive().isLessThanOrEqualTo(editor.gradients(2));
        }
    }

    @Test
    void aShortClipIsForModelsOfAnyLength() {
        var options = NullText.defaults().curriculum(new Curriculum.ClipLength());
        assertThat(options.obstacles(new ClipShape(17, 4, 5, 1, false), 6)).isEmpty();
        assertThat(options.obstacles(new ClipShape(17, 4, 5, 1, true), 6)).singleElement().asString().contains("learned its positions");
        assertThat(options.obstacles(new ClipShape(17, 4, 5, 2, false), 6)).singleElement().asString().contains("2 windows");
        var task = task(2).withWindows(new Windows(FRAMES, 3, 2));
        assertThatThrownBy(() -> options.along(task, new Trajectory(0, List.of(task.source())), 6)).isInstanceOf(ShapeException.class)
                .hasMessageContaining("2 windows");
    }

    @Test
    void aBudgetIsSharedOutInProportion() {
        assertThat(Curriculum.proportional(10, List.of(1.0, 3.0, 1.0))).containsExactly(2, 6, 2);
        assertThat(Curriculum.proportional(10, List.of(0.0, 0.0, 0.0))).containsExactly(4, 3, 3);
        var odd = Curriculum.proportional(17, List.of(0.3, 0.05, 0.9, 0.41));
        assertThat(IntStream.of(odd).sum()).isEqualTo(17);
    }

    // ---------------------------------------------------------------- the loss

    private static NullLoss.Value value(NullLoss loss, Tensor error, Tensor wanted) {
        return loss.of(error, wanted, Optional.empty(), Gaussian.plan(10).steps().get(2));
    }

    /// An error that stays does not flicker; one that is drawn anew in every frame flickers by its own square.
    @Test
    void theTemporalTermCountsFlickerAlone() {
        var wanted = new Rng(1).normal(1, 400, 2, 4, 4);
        var still = new Rng(2).normal(1, 1, 2, 4, 4).expand(wanted.shape());
        var flickering = new Rng(2).normal(wanted.shape());
        var loss = NullLoss.defaults().temporal(1);
        assertThat(value(loss, still, wanted).total().item()).isCloseTo(value(loss, still, wanted).rho(), within(1e-6));
        assertThat(value(loss, flickering, wanted).total().item()).isCloseTo(2 * value(loss, flickering, wanted).rho(), within(0.05));
    }

    @Test
    void theFirstFrameMayBeLeftOutOfFlicker() {
        var wanted = Tensor.ones(1, 3, 1, 1, 1);
        var jump = Tensor.of(new float[] {1, 0, 0}, 1, 3, 1, 1, 1);
        var with = new NullLoss(NullLoss.Space.VELOCITY, 1, true, 0, 0);
        var without = new NullLoss(NullLoss.Space.VELOCITY, 1, false, 0, 0);
        assertThat(value(with, jump, wanted).total().item()).isCloseTo(1 / 3.0 + 1 / 4.0, within(1e-6));
        assertThat(value(without, jump, wanted).total().item()).isCloseTo(1 / 3.0, within(1e-6));
    }

    @Test
    void theBackgroundCountsOutsideTheMask() {
        var wanted = Tensor.ones(1, 1, 1, 1, 4);
        var error = Tensor.of(new float[] {3, 0, 0, 1}, 1, 1, 1, 1, 4);
        var inside = Tensor.of(new float[] {1, 0, 0, 0}, 1, 1, 1, 1, 4);
        var loss = NullLoss.plain().background(1).of(error, wanted, Optional.of(inside), Gaussian.plan(10).steps().get(2));
        assertThat(loss.total().item() - loss.rho()).isCloseTo(1 / 3.0, within(1e-6));
        var full = NullLoss.plain().background(1).of(error, wanted, Optional.of(Tensor.ones(1, 1, 1, 1, 4)), Gaussian.plan(10).steps().get(2));
        assertThat(full.total().item()).isCloseTo(full.rho(), within(1e-6));
    }

    @Test
    void latentsWeighStepsByTheirWidth() {
        var error = new Rng(1).normal(1, 3, 2, 4, 4);
        var wanted = new Rng(2).normal(1, 3, 2, 4, 4);
        assertThat(value(NullLoss.plain().space(NullLoss.Space.LATENT), error, wanted).total().item())
                .isCloseTo(0.01 * value(NullLoss.plain(), error, wanted).total().item(), within(1e-7));
    }

    // ---------------------------------------------------------------- the critic

    /// Its weight is small and its opinion does not choose the best point, so the error stays what it was.
    @Test
    void aCriticHardlyChangesTheError() {
        var plain = error(quick(), task(9));
        assertThat(error(quick().loss(NullLoss.plain().critic(1e-3)), task(9))).isLessThan(1.05 * plain);
    }

    /// It learns to tell the clip from noise.
    @Test
    void aCriticLearnsTheClip() {
        var clip = new Rng(1).normal(1, 5, 3, 8, 8).times(0.1).plus(1);
        var critic = new Critic(clip, 0);
        var last = Torch.withGradients(() -> {
            var gap = 0.0;
            for (var i = 0; i < 200; i++) {
                var noise = new Rng(100 + i).normal(clip.shape());
                gap = Scope.run(() -> critic.opinion(noise).item() - critic.opinion(clip).item());
            }
            return gap;
        });
        assertThat(last).isGreaterThan(0.5);
    }

    @Test
    void aCriticIsNotForSearchesThatCompareLooks() {
        assertThatThrownBy(() -> NullText.defaults().loss(NullLoss.defaults().critic(1)).descent(new Descent.Lbfgs(5)))
                .isInstanceOf(ShapeException.class).hasMessageContaining("L-BFGS").hasMessageContaining("Adam");
    }

    // ---------------------------------------------------------------- gradients

    /// V-15: the gradient that reaches the words is that of finite differences, through a whole joint transformer.
    @Test
    void gradientsAreThoseOfFiniteDifferences() {
        var network = RandomDit.joint(3, DType.FLOAT64);
        var x = new Rng(3).normal(DType.FLOAT64, 1, 3, RandomDit.CHANNELS, 4, 4);
        var wanted = new Rng(4).normal(DType.FLOAT64, 1, 3, RandomDit.CHANNELS, 4, 4);
        var words = new Rng(5).normal(DType.FLOAT64, 1, 3, RandomDit.WORDS, RandomDit.TEXT_WIDTH);
        Function<Tensor, Tensor> loss = w -> network.forward(x, Tensor.full(500, DType.FLOAT64, x.device(), 1), w, Pass.plain())
                .minus(wanted).square().mean();
        var gradient = Torch.withGradients(() -> {
            var leaf = words.detach().requireGradient(true);
            return Tensor.gradients(loss.apply(leaf), List.of(leaf)).getFirst();
        });
        for (var seed = 0; seed < 10; seed++) {
            var direction = new Rng(50 + seed).normal(DType.FLOAT64, words.shape());
            var h = 1e-5;
            var difference = (loss.apply(words.plus(direction.times(h))).item() - loss.apply(words.minus(direction.times(h))).item()) / (2 * h);
            assertThat(gradient.times(direction).sum().item()).isCloseTo(difference, within(1e-5 * Math.max(1e-3, Math.abs(difference))));
        }
    }
}
