package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

/// What is true of inversion and of what repairs it, whatever the network.
@InScope
class InversionEditTest {
    private static final int FRAMES = 5;
    private static final int CHANNELS = 3;
    private static final int SIDE = 4;

    private static Tensor clip(long seed) {
        return new Rng(seed).normal(1, FRAMES, CHANNELS, SIDE, SIDE);
    }

    /// An edit that changes nothing: reconstruction.
    private static EditTask same(Tensor source, int steps) {
        return task(source, steps, 5, 5);
    }

    private static EditTask task(Tensor source, int steps, long from, long to) {
        return EditTask.of(source, Gaussian.plan(steps), Nonlinear.of(1, from, CHANNELS), Nonlinear.of(1, to, CHANNELS),
                Nonlinear.of(1, 99, CHANNELS), Draws.of(7));
    }

    private static InversionEdit editor(Inversion inversion, double guidance, Anchor anchor) {
        return new InversionEdit(inversion, 0, guidance, anchor, Optional.empty(), Optional.empty(), 0);
    }

    private static double error(InversionEdit editor, EditTask task) {
        return Scope.run(() -> editor.edit(task).minus(task.source()).square().mean().item());
    }

    private static double error(Inversion inversion, double guidance, int steps) {
        return error(editor(inversion, guidance, new Anchor.None()), same(clip(3), steps));
    }

    // ---------------------------------------------------------------- V-05 to V-08: there and back

    @Test
    void shorterStepsBringTheClipBackBetter() {
        for (var inversion : List.of(new Inversion.OwnTime(), new Inversion.FixedPoint(1, 0))) {
            var coarse = error(inversion, 1, 10);
            // Of first order: half the step, a quarter of the squared error.
            assertThat(error(inversion, 1, 20)).isBetween(0.15 * coarse, 0.4 * coarse);
        }
    }

    @Test
    void everyIterationComesCloserToTheExactInverse() {
        var last = error(new Inversion.FixedPoint(1, 0), 1, 20);
        for (var iterations : List.of(2, 3, 4)) {
            var next = error(new Inversion.FixedPoint(iterations, 0), 1, 20);
            assertThat(next).isLessThan(0.1 * last);
            last = next;
        }
        assertThat(error(new Inversion.FixedPoint(30, 0), 1, 20)).isLessThan(1e-11);
    }

    @Test
    void aFixedPointStopsWhereItStandsStill() {
        var task = same(clip(3), 10);
        new Inversion.FixedPoint(50, 1e-4).trajectory(task, 0);
        assertThat(task.counter().forwards()).isBetween(20L, 100L);
    }

    @Test
    void guidanceLeadsAwayFromThePivots() {
        var exact = new Inversion.FixedPoint(30, 0);
        var little = error(exact, 2, 10);
        assertThat(little).isGreaterThan(1e-4);
        assertThat(error(exact, 6, 10)).isGreaterThan(4 * little);
    }

    /// The inverse of a perfect network for one Gaussian is known: the flow scales distances from the mean.
    @Test
    void aPerfectNetworkCarriesAGaussianToUnitNoise() {
        var mean = new Rng(11).normal(1, FRAMES, CHANNELS, SIDE, SIDE);
        var network = new Gaussian(mean, 0.25);
        var source = mean.plus(clip(3).times(0.5));
        var task = EditTask.of(source, Gaussian.plan(400), network, network, network, Draws.of(7));
        var noise = new Inversion.FixedPoint(3, 0).trajectory(task, 0).states().getFirst();
        assertThat(noise.minus(clip(3)).abs().max().item()).isLessThan(0.02);
    }

    @Test
    void aRunThatSkipsStepsBeginsAtTheLevelOfItsFirst() {
        var task = same(clip(3), 10);
        var all = new Inversion.FixedPoint(2, 0).trajectory(task, 0);
        var some = new Inversion.FixedPoint(2, 0).trajectory(task, 4);
        assertThat(some.states()).hasSize(7);
        assertThat(some.before(4).toFloats()).isEqualTo(all.before(4).toFloats());
        assertThat(some.after(9).toFloats()).isEqualTo(task.source().toFloats());
    }

    // ---------------------------------------------------------------- anchors

    @ParameterizedTest
    @ValueSource(doubles = {1, 3, 9})
    void residualsReplayedReturnTheClip(double guidance) {
        assertThat(error(editor(new Inversion.FixedPoint(1, 0), guidance, new Anchor.ResidualReplay()), same(clip(3), 10)))
                .isLessThan(1e-10);
    }

    /// V-10.
    @Test
    void nullTextBringsTheGuidedRunBack() {
        var plain = error(editor(Inversion.defaults(), 6, new Anchor.None()), same(clip(3), 10));
        assertThat(error(editor(Inversion.defaults(), 6, NullText.defaults()), same(clip(3), 10))).isLessThan(0.05 * plain);
    }

    /// V-16: where the source differs from frame to frame in what words say, one text for all frames cannot bring it
    /// back, slow changes bring it nearer, and a text for each frame brings it back.
    @Test
    void aTextForEachFrameComesCloserThanOneForAll() {
        var options = NullText.defaults().iterations(300).rate(0.03).loss(NullLoss.plain()).tolerance(0);
        var shared = lastStep(options);
        var cosine = lastStep(options.layout(new NullText.Layout.Cosine(2)));
        var each = lastStep(options.layout(new NullText.Layout.PerFrame()));
        assertThat(cosine).isLessThan(0.9 * shared);
        assertThat(each).isLessThan(0.1 * cosine);
    }

    /// V-16, V-18: whatever leads the frames, optimising it brings the run nearer, and zeros are the plain run.
    @ParameterizedTest
    @EnumSource
    void everyMeansBringsTheGuidedRunNearer(NullText.Means means) {
        var plain = editor(Inversion.defaults(), 4, new Anchor.None());
        var each = NullText.defaults().means(means).layout(new NullText.Layout.PerFrame());
        assertThat(error(plain.anchor(each), same(clip(3), 5))).isLessThan(0.5 * error(plain, same(clip(3), 5)));
        assertThat(plain.anchor(each.iterations(0)).edit(same(clip(3), 5)).minus(plain.edit(same(clip(3), 5))).abs().max().item())
                .isLessThan(1e-5);
    }

    /// V-18: as many cosines as frames hold whatever frames can hold on their own.
    @Test
    void allCosinesSpanWhatFramesCanHold() {
        var basis = new NullText.Layout.Cosine(FRAMES - 1).basis(FRAMES);
        assertThat(basis.shape()).isEqualTo(new long[] {FRAMES, FRAMES});
        // The cosines are orthogonal: the squares of their lengths are those of a cosine transform.
        var products = basis.transpose(0, 1).matmul(basis).toDoubles();
        for (var at = 0; at < products.length; at++) {
            var wanted = at / FRAMES != at % FRAMES ? 0 : at == 0 ? FRAMES : FRAMES / 2.0;
            assertThat(products[at]).isCloseTo(wanted, within(1e-5));
        }
    }

    private static double lastStep(NullText options) {
        var frames = Nonlinear.of(1, 5, CHANNELS).with(new Rng(8).normal(1, FRAMES, 1, CHANNELS));
        var task = EditTask.of(clip(3), Gaussian.plan(10), frames, frames, Nonlinear.of(1, 99, CHANNELS), Draws.of(7));
        return error(new InversionEdit(new Inversion.FixedPoint(20, 0), 0.9, 3, options, Optional.empty(), Optional.empty(), 0), task);
    }

    /// V-12: the features met are kept only if they are better.
    @ParameterizedTest
    @ValueSource(doubles = {1e-3, 1, 10, 1000})
    void noRateMakesAStepWorse(double rate) {
        var wild = NullText.defaults().iterations(5).rate(rate).loss(NullLoss.plain()).tolerance(0);
        assertThat(error(editor(Inversion.defaults(), 4, wild), same(clip(3), 1)))
                .isLessThanOrEqualTo(error(editor(Inversion.defaults(), 4, new Anchor.None()), same(clip(3), 1)));
    }

    /// V-13.
    @Test
    void noIterationsArePlainSampling() {
        var none = NullText.defaults().iterations(0).rate(0.1);
        var plain = editor(Inversion.defaults(), 4, new Anchor.None()).edit(same(clip(3), 10));
        assertThat(editor(Inversion.defaults(), 4, none).edit(same(clip(3), 10)).toFloats()).isEqualTo(plain.toFloats());
    }

    /// V-11.
    @Test
    void withoutGuidanceThereIsNothingToOptimise() {
        var editor = editor(Inversion.defaults(), 1, NullText.defaults());
        assertThatThrownBy(() -> editor.edit(same(clip(3), 4))).isInstanceOf(SamplingException.class)
                .hasMessageContaining("guidance 1").hasMessageContaining("above 1");
    }

    /// V-14: inversion, one prompted velocity a step, one look more than iterations, and the edit.
    @Test
    void costsAreAsStated() {
        var task = same(clip(3), 10);
        var editor = editor(new Inversion.FixedPoint(2, 0), 6, NullText.defaults().iterations(2).rate(1e-3).loss(NullLoss.plain()).tolerance(0));
        editor.edit(task);
        assertThat(task.counter().forwards()).isEqualTo(10 * (2 + 1 + 3 + 2)).isEqualTo(editor.evaluations(10, 1));
        assertThat(task.counter().backwards()).isEqualTo(10 * 2);
        var searching = same(clip(3), 10);
        editor(new Inversion.FixedPoint(2, 0), 6, NullText.defaults()).edit(searching);
        assertThat(searching.counter().forwards())
                .isLessThanOrEqualTo(editor(new Inversion.FixedPoint(2, 0), 6, NullText.defaults()).evaluations(10, 1));
    }

    @Test
    void aTextForEachFrameNeedsTheClipAsAWhole() {
        var task = same(clip(3), 4).withWindows(new Windows(FRAMES, 3, 2));
        var editor = editor(Inversion.defaults(), 6, NullText.defaults().layout(new NullText.Layout.PerFrame()));
        assertThatThrownBy(() -> editor.edit(task)).isInstanceOf(ShapeException.class).hasMessageContaining("2 windows");
    }

    // ---------------------------------------------------------------- masks and attraction

    /// V-27.
    @Test
    void withBlendingNothingChangesOutsideTheMask() {
        var cells = new boolean[SIDE * SIDE];
        cells[5] = true;
        var mask = EditMask.fixed(new LatentMask(SIDE, SIDE, Collections.nCopies(FRAMES, cells)), SoftEdge.hard());
        var source = clip(3);
        var changed = InversionEdit.plain(6).edit(task(source, 10, 5, 6).withMask(mask)).minus(source).abs().mean(false, 0, 1, 2)
                .toFloats();
        for (var at = 0; at < changed.length; at++) {
            if (at == 5) {
                assertThat(changed[at]).isGreaterThan(0.01f);
            } else {
                assertThat(changed[at]).isZero();
            }
        }
    }

    /// What is known beforehand costs nothing.
    @Test
    void anEmptyMaskReturnsTheClipWithoutAskingTheNetwork() {
        var task = task(clip(3), 10, 5, 6).withMask(EditMask.fixed(LatentMask.empty(FRAMES, SIDE, SIDE), SoftEdge.usual()));
        assertThat(InversionEdit.plain(6).anchor(NullText.defaults()).edit(task).toFloats()).isEqualTo(task.source().toFloats());
        assertThat(task.counter().forwards()).isZero();
    }

    @Test
    void aFullMaskIsNoMask() {
        var all = new boolean[SIDE * SIDE];
        Arrays.fill(all, true);
        var full = EditMask.fixed(new LatentMask(SIDE, SIDE, Collections.nCopies(FRAMES, all)), SoftEdge.usual());
        for (var editor : List.of(InversionEdit.plain(6), InversionEdit.plain(6).anchor(NullText.defaults().rate(0.1)))) {
            var changed = editor.edit(task(clip(3), 5, 5, 6).withMask(full));
            assertThat(changed.minus(editor.edit(task(clip(3), 5, 5, 6))).abs().max().item()).isLessThan(1e-5);
        }
    }

    /// V-20.
    @Test
    void weightsOfZeroPullNothing() {
        var plain = InversionEdit.plain(4);
        assertThat(plain.pull(LatentStatistics.attraction(0)).edit(task(clip(3), 10, 5, 6)).toFloats())
                .isEqualTo(plain.edit(task(clip(3), 10, 5, 6)).toFloats());
    }

    @Test
    void attractionBringsTheGuidedRunNearer() {
        var plain = editor(Inversion.defaults(), 6, new Anchor.None());
        assertThat(error(plain.pull(LatentStatistics.attraction(1)), same(clip(3), 20)))
                .isLessThan(0.5 * error(plain, same(clip(3), 20)));
    }

    /// V-23, and the two parts: what is constant over time is appearance, what has no mean over time is motion.
    @Test
    void motionAndAppearanceArePulledApart() {
        var task = same(clip(3), 4);
        assertThat(LatentStatistics.published().gradient(task.source(), task).abs().max().item()).isZero();
        var appearance = new Rng(4).normal(1, 1, CHANNELS, SIDE, SIDE).expand(task.source().shape());
        var motion = clip(5).minus(clip(5).mean(true, 1));
        var clean = task.source().plus(appearance).plus(motion);
        assertThat(new LatentStatistics(0, 1, 0, 0).gradient(clean, task).minus(motion).abs().max().item()).isLessThan(1e-5);
        assertThat(new LatentStatistics(0, 0, 0, 1).gradient(clean, task).minus(appearance).abs().max().item()).isLessThan(1e-5);
        assertThat(LatentStatistics.attraction(1).gradient(clean, task).minus(clean.minus(task.source())).abs().max().item())
                .isLessThan(1e-5);
    }
}
