package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.edit.DecoupledGuidance.Features;
import org.zoetrope.edit.DecoupledGuidance.Motion;
import org.zoetrope.edit.RandomDit.Network;
import org.zoetrope.nn.AttentionTap;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

/// What is true of guidance by what a network sees, whatever the network.
@InScope
class DecoupledGuidanceTest {
    private static final int FRAMES = 3;

    static Stream<Network> networks() {
        return Stream.of(RandomDit.joint(3, DType.FLOAT32), RandomDit.cross(3));
    }

    private static EditTask task(Network network) {
        var cells = new boolean[16];
        cells[0] = cells[1] = cells[4] = cells[5] = true; // the first token of each frame
        return RandomDit.task(network, FRAMES, 4, 5, 5).withTokens(new TokenGrid(2, 1, 3, RandomDit.WIDTH))
                .withMask(EditMask.fixed(new LatentMask(4, 4, Collections.nCopies(FRAMES, cells)), SoftEdge.hard()));
    }

    private static Tensor state(long seed) {
        return new Rng(seed).normal(1, FRAMES, RandomDit.CHANNELS, 4, 4);
    }

    private static Tensor gradient(DecoupledGuidance guidance, EditTask task, Tensor x, Tensor pivot) {
        return guidance.gradient(task, task.plan().steps().get(1), x, pivot);
    }

    /// V-20.
    @ParameterizedTest
    @MethodSource("networks")
    void withoutStrengthNothingIsDone(Network network) {
        var plain = new InversionEdit(new Inversion.FixedPoint(1, 0), 0, 3, new Anchor.None(), Optional.empty(), Optional.empty(), 0);
        var still = NullText.defaults().iterations(0).rate(0.1);
        var wanted = plain.edit(task(network)).toFloats();
        for (var none : List.of(DecoupledGuidance.published().strength(0), DecoupledGuidance.published().weights(0, 0, 0, 0),
                DecoupledGuidance.published().until(0), DecoupledGuidance.published().whereTheEditStands().strength(0))) {
            var task = task(network);
            assertThat(plain.anchor(still.guidance(none)).edit(task).toFloats()).isEqualTo(wanted);
            assertThat(task.counter().backwards()).isZero();
        }
    }

    /// V-21.
    @Test
    void aSmallStepDownTheGradientLowersTheDifference() {
        var network = RandomDit.joint(3, DType.FLOAT64);
        var task = task(network);
        var x = new Rng(1).normal(DType.FLOAT64, 1, FRAMES, RandomDit.CHANNELS, 4, 4);
        var pivot = new Rng(2).normal(DType.FLOAT64, 1, FRAMES, RandomDit.CHANNELS, 4, 4);
        for (var pooled : List.of(true, false)) {
            for (var motion : Motion.values()) {
                var guidance = new DecoupledGuidance(0.5, 0.5, 0.3, 0.5, motion, pooled, 0.5, 1, 1, false);
                var gradient = gradient(guidance, task, x, pivot);
                var step = gradient.times(1e-4 / gradient.abs().max().item());
                var at = task.plan().steps().get(1);
                assertThat(guidance.difference(task, at, x.minus(step), pivot)).isLessThan(guidance.difference(task, at, x, pivot));
            }
        }
    }

    /// V-22.
    @ParameterizedTest
    @MethodSource("networks")
    void theGradientOfTheSumIsTheSumOfGradients(Network network) {
        for (var motion : Motion.values()) {
            theGradientOfTheSumIsTheSumOfGradients(network, DecoupledGuidance.published().motion(motion).weights(0.5, 0.7, 0.3, 0.9));
        }
    }

    private static void theGradientOfTheSumIsTheSumOfGradients(Network network, DecoupledGuidance all) {
        var task = task(network);
        var whole = gradient(all, task, state(1), state(2));
        assertThat(task.counter().forwards()).isEqualTo(2);
        assertThat(task.counter().backwards()).isEqualTo(1);
        var sum = gradient(all.weights(0.5, 0, 0, 0), task, state(1), state(2))
                .plus(gradient(all.weights(0, 0.7, 0, 0), task, state(1), state(2)))
                .plus(gradient(all.weights(0, 0, 0.3, 0), task, state(1), state(2)))
                .plus(gradient(all.weights(0, 0, 0, 0.9), task, state(1), state(2)));
        assertThat(sum.minus(whole).abs().max().item()).isLessThan(1e-6 * Math.max(1, whole.abs().max().item()));
        assertThat(whole.abs().max().item()).isPositive();
    }

    @ParameterizedTest
    @MethodSource("networks")
    void littleMemoryGivesTheSameGradient(Network network) {
        for (var motion : Motion.values()) {
            var all = DecoupledGuidance.published().motion(motion).weights(0.5, 0.7, 0.3, 0.9);
            var plain = gradient(all, task(network), state(1), state(2));
            var little = gradient(all, task(network).withRecompute(true), state(1), state(2));
            assertThat(little.minus(plain).abs().max().item()).isLessThan(1e-6 * plain.abs().max().item());
        }
    }

    /// V-23.
    @ParameterizedTest
    @MethodSource("networks")
    void atThePivotThereIsNoGradient(Network network) {
        var task = task(network);
        for (var motion : Motion.values()) {
            assertThat(gradient(DecoupledGuidance.published().motion(motion), task, state(1), state(1)).abs().max().item()).isZero();
        }
        var shift = DecoupledGuidance.published().shift(task, task.plan().steps().get(1), state(1), state(1), state(3));
        assertThat(shift.abs().max().item()).isZero();
    }

    /// The strength is in units of what guidance does.
    @ParameterizedTest
    @MethodSource("networks")
    void theSizeOfAShiftIsThatOfGuidance(Network network) {
        var task = task(network);
        var step = task.plan().steps().get(1);
        var gap = state(3);
        var shift = DecoupledGuidance.published().strength(2).shift(task, step, state(1), state(2), gap);
        assertThat(Math.sqrt(shift.square().mean().item()))
                .isCloseTo(2 * 0.25 * Math.sqrt(gap.square().mean().item()), within(1e-5));
    }

    // ---------------------------------------------------------------- what is compared

    private static Features features(long seed) {
        return Features.sites(new Rng(seed).normal(2, 4, FRAMES, FRAMES).softmax(-1), new Rng(seed + 1).normal(FRAMES, 4, 6));
    }

    /// V-24: what the pivot shows elsewhere is not read.
    @Test
    void motionInsideReadsNothingOutside() {
        var inside = Tensor.of(new float[] {1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0}, FRAMES, 4);
        Features reference = features(1), seen = features(3), other = features(5);
        var mask = inside.transpose(0, 1).unsqueeze(0).unsqueeze(-1);                             // [1, S, T, 1]
        var changed = Features.sites(mask.times(reference.motion()).plus(mask.negate().plus(1).times(other.motion())), reference.keys());
        assertThat(DecoupledGuidance.motion(changed, seen, inside).item())
                .isEqualTo(DecoupledGuidance.motion(reference, seen, inside).item());
        assertThat(DecoupledGuidance.motion(changed, seen, inside.negate().plus(1)).item())
                .isNotEqualTo(DecoupledGuidance.motion(reference, seen, inside.negate().plus(1)).item());
    }

    /// Means do not see where in the mask things are; keys one by one do.
    @Test
    void pooledKeysDoNotSeePlaces() {
        var reference = features(1);
        var moved = Features.sites(reference.motion(), reference.keys().flip(1));
        var pooled = new DecoupledGuidance(0, 0, 0, 1, Motion.SITES, true, 0.5, 1, 1, false);
        var single = new DecoupledGuidance(0, 0, 0, 1, Motion.SITES, false, 0.5, 1, 1, false);
        assertThat(pooled.loss(reference, moved, Optional.empty()).item()).isLessThan(1e-10);
        assertThat(single.loss(reference, moved, Optional.empty()).item()).isGreaterThan(0.1);
    }

    /// An empty mask and a full one leave one side without a place; it costs nothing and is no fraction of zero.
    @Test
    void emptyAndFullMasksAreFine() {
        var all = DecoupledGuidance.published().weights(1, 1, 1, 1);
        var full = all.loss(features(1), features(3), Optional.of(Tensor.ones(FRAMES, 4))).item();
        var empty = all.loss(features(1), features(3), Optional.of(Tensor.zeros(FRAMES, 4))).item();
        assertThat(full).isFinite().isPositive();
        assertThat(empty).isCloseTo(full, within(1e-6));
    }

    @Test
    void framesThatLookAtThemselvesAreStill() {
        var own = Features.sites(Tensor.of(new float[] {1, 0, 0, 0, 1, 0, 0, 0, 1}, 1, 1, 3, 3), Tensor.zeros(3, 1, 2));
        var next = Features.sites(Tensor.of(new float[] {0, 1, 0, 0, 0, 1, 1, 0, 0}, 1, 1, 3, 3), Tensor.zeros(3, 1, 2));
        assertThat(DecoupledGuidance.still(own)).isEqualTo(1);
        assertThat(DecoupledGuidance.still(next)).isZero();
    }

    // ---------------------------------------------------------------- motion flow

    /// Scores with which every token looks at one place of every frame: the place it is at, moved by so many columns for
    /// every frame in between.
    private static Tensor looking(int rows, int columns, int speed) {
        var places = rows * columns;
        var scores = new float[FRAMES * places * FRAMES * places];
        for (var from = 0; from < FRAMES * places; from++) {
            for (var frame = 0; frame < FRAMES; frame++) {
                int row = from % places / columns, column = from % columns + speed * (frame - from / places);
                scores[(from * FRAMES + frame) * places + row * columns + Math.floorMod(column, columns)] = 50;
            }
        }
        return Tensor.of(scores, (long) FRAMES * places, FRAMES, places);
    }

    private static Features flow(Tensor scores) {
        return Features.flow(scores, 2, 6, new Rng(1).normal(FRAMES, 12, 6));
    }

    /// A clip that moves by a column a frame is displaced by as much, however far its frames are apart.
    @Test
    void theFlowIsWhereTokensLook() {
        var flow = flow(looking(2, 6, 1));
        assertThat(flow.motion().shape()).isEqualTo(new long[] {2, 12, FRAMES, FRAMES});
        for (var from = 0; from < FRAMES; from++) {
            for (var to = 0; to < FRAMES; to++) {
                var place = flow.motion().select(1, 2).select(1, from).select(1, to).toDoubles();  // of column 2: no edge is near
                assertThat(place[0]).isCloseTo(0, within(1e-6));
                assertThat(place[1]).isCloseTo((to - from) / 6.0, within(1e-6));
            }
        }
    }

    /// What stands still says nothing of motion, and what moves is compared wherever it is found.
    @Test
    void onlyWhatMovesIsCompared() {
        var still = flow(looking(2, 6, 0));
        var moving = flow(looking(2, 6, 1));
        var everywhere = Tensor.ones(FRAMES, 12);
        assertThat(still.counts().sum().item()).isZero();
        assertThat(moving.counts().sum().item()).isEqualTo(12 * FRAMES * (FRAMES - 1));
        assertThat(DecoupledGuidance.motion(still, moving, everywhere).item()).isZero();
        assertThat(DecoupledGuidance.motion(moving, still, everywhere).item()).isGreaterThan(0.01);
        assertThat(DecoupledGuidance.motion(moving, moving, everywhere).item()).isZero();
    }

    /// Heads are averaged before probabilities are made, at twice the scores: the product of whole tokens says the same.
    @Test
    void theFlowIsThatOfHeadsTogether() {
        var rng = new Rng(4);
        var q = rng.normal(1, 3, FRAMES * 12, 8);
        var k = rng.normal(1, 3, FRAMES * 12, 8);
        var site = new AttentionTap.Site(AttentionTap.Kind.SELF, q, k, k, k, 0, 0, 0.5);
        var mean = q.matmul(k.transpose(-2, -1)).times(0.5).mean(false, 0, 1);
        var wanted = flow(mean.reshape(FRAMES * 12, FRAMES, 12)).motion();
        assertThat(Features.of(site, Motion.FLOW, FRAMES, 2, 6).motion().minus(wanted).abs().max().item()).isLessThan(1e-5);
    }

    /// Of a pivot, places outside the mask are not read (V-24).
    @Test
    void theFlowInsideReadsNothingOutside() {
        var inside = Tensor.cat(List.of(Tensor.ones(FRAMES, 6), Tensor.zeros(FRAMES, 6)), 1);
        Features one = flow(looking(2, 6, 1)), other = flow(looking(2, 6, 2)), seen = flow(looking(2, 6, 0));
        var mixed = new Features(Tensor.cat(List.of(one.motion().narrow(1, 0, 6), other.motion().narrow(1, 6, 6)), 1), one.counts(), one.keys());
        assertThat(DecoupledGuidance.motion(mixed, seen, inside).item()).isEqualTo(DecoupledGuidance.motion(one, seen, inside).item());
        assertThat(DecoupledGuidance.motion(mixed, seen, inside.negate().plus(1)).item())
                .isNotEqualTo(DecoupledGuidance.motion(one, seen, inside.negate().plus(1)).item());
    }

    // ---------------------------------------------------------------- in a run

    private static InversionEdit edit(double scale, NullText anchor) {
        return new InversionEdit(new Inversion.FixedPoint(1, 0), 0, scale, anchor, Optional.empty(), Optional.empty(), 1);
    }

    private static NullText alone(DecoupledGuidance guidance) {
        return NullText.defaults().iterations(0).rate(0.1).guidance(guidance);
    }

    /// Where the edit stands where the source would, both ways find the same shifts.
    @ParameterizedTest
    @MethodSource("networks")
    void underTheWordsOfTheSourceLiveGuidanceIsThatOfTheSource(Network network) {
        var same = RandomDit.task(network, FRAMES, 4, 5, 5).withTokens(new TokenGrid(2, 1, 3, RandomDit.WIDTH));
        var stored = edit(3, alone(DecoupledGuidance.published())).edit(same);
        var live = edit(3, alone(DecoupledGuidance.published().whereTheEditStands())).edit(same);
        assertThat(live.minus(stored).abs().max().item()).isLessThan(1e-5);
        assertThat(live.minus(edit(3, NullText.defaults().iterations(0)).edit(same)).abs().max().item()).isGreaterThan(1e-4);
    }

    /// Under other words the edit stands elsewhere, and its shifts are others.
    @ParameterizedTest
    @MethodSource("networks")
    void underOtherWordsLiveGuidanceIsItsOwn(Network network) {
        var other = RandomDit.task(network, FRAMES, 4, 5, 6).withTokens(new TokenGrid(2, 1, 3, RandomDit.WIDTH));
        var stored = edit(3, alone(DecoupledGuidance.published())).edit(other);
        var live = edit(3, alone(DecoupledGuidance.published().whereTheEditStands())).edit(other);
        assertThat(live.minus(stored).abs().max().item()).isGreaterThan(1e-4);
    }

    /// The cost table: each step of guidance is two evaluations and a gradient, wherever it is found; the source's own way
    /// back is two more, which live guidance alone does not need.
    @ParameterizedTest
    @MethodSource("networks")
    void guidanceCostsTwoEvaluationsAndAGradientAStep(Network network) {
        var published = DecoupledGuidance.published().until(0.5);
        for (var scale : List.of(1.0, 3.0)) {
            var perPrediction = scale == 1 ? 1 : 2;
            var live = task(network);
            edit(scale, alone(published.whereTheEditStands())).edit(live);
            // At guidance 1 nothing else needs the velocity without words, whose distance sizes the shift.
            assertThat(live.counter().forwards()).isEqualTo(4 * (1 + perPrediction) + 2 * (2 + 2 - perPrediction));
            assertThat(live.counter().backwards()).isEqualTo(2);
            var stored = task(network);
            edit(scale, alone(published)).edit(stored);
            assertThat(stored.counter().forwards()).isEqualTo(4 * (1 + perPrediction) + 2 * (2 + 2));
            assertThat(stored.counter().backwards()).isEqualTo(2);
            for (var guidance : List.of(published, published.whereTheEditStands())) {
                var editor = edit(scale, alone(guidance));
                assertThat(editor.evaluations(4, 1)).isEqualTo((guidance.live() ? live : stored).counter().forwards());
                assertThat(editor.gradients(4)).isEqualTo(2);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("networks")
    void costsStayWithinWhatIsAnnounced(Network network) {
        for (var guidance : List.of(DecoupledGuidance.published().until(0.5), DecoupledGuidance.published().until(0.5).whereTheEditStands())) {
            var editor = edit(3, NullText.defaults().iterations(1).rate(0.1).tolerance(0).guidance(guidance));
            var task = task(network);
            editor.edit(task);
            assertThat(task.counter().forwards()).isEqualTo(editor.evaluations(4, 1));
            assertThat(task.counter().backwards()).isEqualTo(4 + (guidance.live() ? 4 : 2)).isEqualTo(editor.gradients(4));
        }
    }
}
