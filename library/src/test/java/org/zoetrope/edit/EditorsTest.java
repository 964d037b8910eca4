package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

/// What is true of the methods whatever the network.
@InScope
class EditorsTest {
    private static final int FRAMES = 5;
    private static final int CHANNELS = 3;
    private static final int SIDE = 4;

    private static Tensor clip(long seed) {
        return new Rng(seed).normal(1, FRAMES, CHANNELS, SIDE, SIDE);
    }

    private static EditTask task(Tensor source, int steps, long from, long to, long seed) {
        return EditTask.of(source, Gaussian.plan(steps), Nonlinear.of(1, from, CHANNELS), Nonlinear.of(1, to, CHANNELS),
                Nonlinear.of(1, 99, CHANNELS), Draws.of(seed));
    }

    private static double distance(Tensor a, Tensor b) {
        return a.minus(b).abs().max().item();
    }

    // ---------------------------------------------------------------- V-01, V-02: where a run starts

    @Test
    void withoutAnyNoiseTheSourceComesBack() {
        var source = clip(3);
        assertThat(new Sdedit(0, 6).edit(task(source, 10, 5, 6, 7)).toFloats()).isEqualTo(source.toFloats());
        assertThat(new FlowEdit(0, 0, 1, 2, 6).edit(task(source, 10, 5, 6, 7)).toFloats())
                .isEqualTo(source.toFloats());
    }

    @Test
    void aRandomStartDoesNotSeeTheSource() {
        var editor = new RandomStart(6);
        var once = editor.edit(task(clip(3), 10, 5, 6, 7));
        assertThat(editor.edit(task(clip(4), 10, 5, 6, 7)).toFloats()).isEqualTo(once.toFloats());
        assertThat(distance(editor.edit(task(clip(3), 10, 5, 6, 8)), once)).isGreaterThan(0.1);
        assertThat(distance(new Sdedit(0.5, 6).edit(task(clip(3), 10, 5, 6, 7)),
                new Sdedit(0.5, 6).edit(task(clip(4), 10, 5, 6, 7)))).isGreaterThan(0.1);
    }

    // ---------------------------------------------------------------- V-03: costs

    static Stream<Editor> editors() {
        var director = FlowDirectorV2.defaults();
        return Stream.of(new RandomStart(6), new RandomStart(1), new Sdedit(0.6, 6), new Sdedit(0.6, 1),
                new FlowEdit(0.8, 0, 1, 3.5, 10.5), new FlowEdit(0.66, 0, 2, 1, 3), new FlowEdit(0.8, 0.3, 2, 2, 6),
                FlowDirectorV1.defaults(), director, director.withoutDirection(), director.withoutAveraging(),
                director.withoutMotion(), director.scales(1, 4));
    }

    @ParameterizedTest
    @MethodSource("editors")
    void evaluationsAreThoseOfTheCostTable(Editor editor) {
        for (var windows : List.of(Windows.one(FRAMES), new Windows(FRAMES, 2, 1))) {
            var task = task(clip(3), 10, 5, 6, 7).withWindows(windows);
            editor.edit(task);
            assertThat(task.counter().forwards()).isEqualTo(editor.evaluations(10, windows.count()));
            assertThat(task.counter().backwards()).isZero();
        }
    }

    // ---------------------------------------------------------------- stopped on the way

    @ParameterizedTest
    @MethodSource("editors")
    void aRunThatGoesOnEndsLikeOneThatWasNeverStopped(Editor editor) {
        var source = clip(3);
        var kept = new TreeMap<Integer, float[]>();
        var whole = editor.edit(task(source, 10, 5, 6, 7).withCourse(Course.plain().keeping((reached, clean) -> {
            assertThat(clean.get().shape()).isEqualTo(source.shape());
            kept.put(reached.done(), reached.state().toFloats());
        })));
        assertThat(kept.keySet()).containsExactlyElementsOf(IntStream.rangeClosed(11 - editor.stepsTaken(10), 10).boxed().toList());
        kept.forEach((done, state) -> {
            var task = task(source, 10, 5, 6, 7).withCourse(Course.plain().from(new Course.Reached(done,
                    Tensor.of(state, source.shape()))));
            assertThat(editor.edit(task).toFloats()).as("behind step %d", done).isEqualTo(whole.toFloats());
            assertThat(task.counter().forwards()).isLessThan(editor.evaluations(10, 1));
        });
    }

    /// What is shown of a run on its way ends at what it makes.
    @Test
    void theLastCleanEstimateIsTheEdit() {
        for (var editor : List.of(new Sdedit(0.6, 6), new FlowEdit(0.8, 0, 1, 2, 6), FlowDirectorV2.defaults())) {
            var shown = new ArrayList<float[]>();
            var edited = editor.edit(task(clip(3), 10, 5, 6, 7).withCourse(Course.plain().keeping((_, clean) -> shown.add(
                    clean.get().toFloats()))));
            assertThat(distance(Tensor.of(shown.getLast(), edited.shape()), edited)).isLessThan(1e-5);
            assertThat(distance(Tensor.of(shown.getFirst(), edited.shape()), edited)).isGreaterThan(1e-2);
        }
    }

    // ---------------------------------------------------------------- costs

    @Test
    void publishedCostsAtFiftySteps() {
        assertThat(new RandomStart(6).evaluations(50, 1)).isEqualTo(100);
        assertThat(FlowEdit.defaults().evaluations(50, 1)).isEqualTo(4 * 40);
        assertThat(new FlowEdit(33 / 50.0, 0, 1, 3.5, 13.5).evaluations(50, 1)).isEqualTo(132);
        assertThat(FlowDirectorV1.defaults().evaluations(50, 1)).isEqualTo(640);
        assertThat(FlowDirectorV1.defaults().evaluations(50, 3)).isEqualTo(1920);
        assertThat(FlowDirectorV2.defaults().evaluations(50, 1)).isEqualTo(600);
    }

    // ---------------------------------------------------------------- V-40, V-41: identity

    @ParameterizedTest
    @CsvSource({"1, 1", "7, 1", "10, 3"})
    void equalPromptsReturnTheSourceBitForBit(int steps, int draws) {
        var source = clip(3);
        for (var seed : new long[] {1, 2}) {
            for (var editor : List.of(new FlowEdit(1, 0, draws, 5, 5), new FlowDirectorV1(0.8, draws, 5, 5),
                    FlowDirectorV2.defaults().scales(5, 5))) {
                assertThat(editor.edit(task(source, steps, 5, 5, seed)).toFloats()).isEqualTo(source.toFloats());
            }
        }
    }

    /// Carrying Z instead of the change loses the identity to rounding.
    @Test
    void theNaiveFormDoesNot() {
        var task = task(clip(3), 10, 5, 5, 7);
        var z = Scope.fold(task.source(), task.plan().steps(), (state, step) -> {
            var zs = step.at().noisy(task.source(), task.noise(step, 0));
            var zt = state.plus(zs).minus(task.source());
            var change = task.targetVelocity(zt, step, 5).minus(task.sourceVelocity(zs, step, 5));
            return state.plus(change.times(step.to().sigma() - step.from().sigma()));
        });
        assertThat(distance(z, task.source())).isPositive().isLessThan(1e-3);
    }

    @Test
    void equalPromptsAtOtherScalesAreAnEdit() {
        var source = clip(3);
        assertThat(distance(new FlowEdit(1, 0, 1, 2, 6).edit(task(source, 10, 5, 5, 7)), source)).isGreaterThan(0.1);
        // ... unless the words say nothing: v_c = v_u.
        var same = task(source, 10, 99, 99, 7);
        assertThat(distance(new FlowEdit(1, 0, 1, 2, 6).edit(same), source)).isZero();
    }

    // ---------------------------------------------------------------- V-42: Gaussian transport

    /// With equal covariances the change is (1 - sigma) (mu_t - mu_s) at every level: a straight line, which Euler's method
    /// follows exactly, whatever the noise and however few the steps.
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 50})
    void flowEditCarriesTheMeanOfTheSourceToThatOfTheTarget(int steps) {
        var from = clip(11);
        var to = clip(12);
        for (var variance : new double[] {0.3, 1, 4}) {
            var source = from.plus(clip(13).times(Math.sqrt(variance)));
            var task = EditTask.of(source, Gaussian.plan(steps), new Gaussian(from, variance),
                    new Gaussian(to, variance), new Gaussian(from, variance), Draws.of(5));
            var change = new FlowEdit(1, 0, 1, 1, 1).edit(task).minus(source);
            assertThat(distance(change, to.minus(from))).isLessThan(1e-4);
        }
    }

    /// With unequal covariances the mean still arrives at the mean, and what is not the mean is stretched: the error
    /// against the optimal map falls with the steps.
    @Test
    void unequalCovariancesStretchWhatIsNotTheMean() {
        Tensor from = clip(11), to = clip(12), off = clip(13);
        Draws middle = (_, _, x) -> x.times(0);
        var errors = IntStream.of(50, 100, 200).mapToDouble(steps -> {
            var task = EditTask.of(from.plus(off), Gaussian.plan(steps), new Gaussian(from, 1), new Gaussian(to, 0.25),
                    new Gaussian(from, 1), middle);
            var exact = EditTask.of(from, Gaussian.plan(steps), new Gaussian(from, 1), new Gaussian(to, 0.25),
                    new Gaussian(from, 1), middle);
            assertThat(distance(new FlowEdit(1, 0, 1, 1, 1).edit(exact), to)).isLessThan(1e-4);
            return new FlowEdit(1, 0, 1, 1, 1).edit(task).minus(to).abs().mean().item();
        }).toArray();
        assertThat(Math.abs(errors[2] - errors[1])).isLessThan(0.7 * Math.abs(errors[1] - errors[0]));
    }

    // ---------------------------------------------------------------- V-45: averaging

    @Test
    void theVarianceOfTheVelocityFallsLikeOneOverTheDraws() {
        var task = task(clip(3), 10, 5, 6, 7);
        var step = task.plan().steps().get(3);
        var draws = IntStream.range(0, 512)
                .mapToObj(i -> task.velocities(task.unchanged(), step, task.noise(step, i), 1, 1).difference()).toList();
        var variances = IntStream.of(1, 2, 4, 8).mapToDouble(n -> {
            var means = IntStream.range(0, 512 / n)
                    .mapToObj(i -> Velocities.mean(draws.subList(i * n, (i + 1) * n))).toList();
            return Tensor.cat(means, 0).std(false, 0).square().mean().item();
        }).toArray();
        for (var k = 1; k < variances.length; k++) {
            assertThat(variances[k] / variances[k - 1]).isBetween(0.4, 0.6);
        }
    }

    /// Noise belongs to a step and a draw: more draws, or fewer steps, do not change the others.
    @Test
    void drawsDoNotShiftOneAnother() {
        var like = clip(3);
        var draws = Draws.of(7);
        var first = draws.noise(4, 0, like).toFloats();
        draws.noise(3, 0, like);
        draws.noise(4, 1, like);
        assertThat(draws.noise(4, 0, like).toFloats()).isEqualTo(first);
        assertThat(draws.noise(4, 1, like).toFloats()).isNotEqualTo(first);
        assertThat(Draws.of(8).noise(3, 0, like).toFloats()).isNotEqualTo(first);
    }

    // ---------------------------------------------------------------- masks

    @ParameterizedTest
    @MethodSource("editors")
    void anEmptyMaskLeavesTheSource(Editor editor) {
        var source = clip(3);
        var nothing = LatentMask.empty(FRAMES, SIDE, SIDE);
        var edited = editor.edit(task(source, 10, 5, 6, 7).withMask(EditMask.fixed(nothing, SoftEdge.published())));
        assertThat(distance(edited, source)).isZero();
    }

    @ParameterizedTest
    @MethodSource("editors")
    void aFullMaskIsNoMask(Editor editor) {
        var source = clip(3);
        var all = LatentMask.empty(FRAMES, SIDE, SIDE).grown(Double.POSITIVE_INFINITY);
        var edited = editor.edit(task(source, 10, 5, 6, 7).withMask(EditMask.fixed(all, SoftEdge.published())));
        assertThat(distance(edited, editor.edit(task(source, 10, 5, 6, 7)))).isLessThan(1e-5);
    }

    /// V-43, second half: outside a hard mask latents are bit-exact, inside they are not.
    @ParameterizedTest
    @MethodSource("editors")
    void outsideAHardMaskEveryBitStays(Editor editor) {
        var source = clip(3);
        var half = LatentMask.above(Tensor.cat(List.of(Tensor.ones(FRAMES, SIDE, 1), Tensor.zeros(FRAMES, SIDE, SIDE - 1)),
                2), 0.5);
        var edited = editor.edit(task(source, 10, 5, 6, 7).withMask(EditMask.fixed(half, SoftEdge.hard())));
        assertThat(edited.narrow(4, 1, SIDE - 1).toFloats()).isEqualTo(source.narrow(4, 1, SIDE - 1).toFloats());
        assertThat(distance(edited.narrow(4, 0, 1), source.narrow(4, 0, 1))).isGreaterThan(0.01);
    }

    /// A network whose prompts differ in one corner alone is caught there.
    @Test
    void theVelocityMaskIsWherePromptsDisagree() {
        var corner = Tensor.cat(List.of(Tensor.ones(1, FRAMES, CHANNELS, SIDE, 1),
                Tensor.zeros(1, FRAMES, CHANNELS, SIDE, SIDE - 1)), 4);
        var from = new Gaussian(Tensor.zeros(1, FRAMES, CHANNELS, SIDE, SIDE), 0.5);
        var to = new Gaussian(corner, 0.5);
        var task = EditTask.of(clip(3), Gaussian.plan(20), from, to, from, Draws.of(7));
        var mask = VelocityMask.defaults();
        var expected = LatentMask.above(corner.select(0, 0).select(1, 0), 0.5);
        assertThat(mask.find(task)).isEqualTo(expected.grown(mask.margin()));
        assertThat(task.counter().forwards()).isEqualTo(mask.evaluations(1));
        assertThat(new VelocityMask(mask.sigmas(), 1, 0).find(task)).isEqualTo(expected);
    }

    /// The two backgrounds a clip may have, beside an object two cells wide.
    private static OneOfTwo backgrounds(double second) {
        var there = Tensor.ones(2, FRAMES, CHANNELS, SIDE, 2);
        var behind = Stream.of(3, -3).map(colour -> Tensor.full(colour, 1, FRAMES, CHANNELS, SIDE, 6)).toList();
        return new OneOfTwo(Tensor.cat(List.of(there, Tensor.cat(behind, 0)), 4), second);
    }

    /// A background that every cell shows is seen through any noise, and what is seen counts for more than what is said: the words
    /// are heard in pure noise alone, by a mask as by the edit.
    @Test
    void aBackgroundIsChangedFromPureNoiseOn() {
        OneOfTwo from = backgrounds(0.1), to = backgrounds(0.9);
        Tensor source = from.clips().narrow(0, 0, 1), wanted = to.clips().narrow(0, 1, 1);
        var task = EditTask.of(source, Gaussian.plan(20), from, to, from, Draws.of(7));
        assertThat(distance(new FlowEdit(1, 0, 1, 1, 1).edit(task), wanted)).isLessThan(1e-3);
        assertThat(distance(new FlowEdit(0.8, 0, 1, 1, 1).edit(task), source)).isLessThan(1e-3);
        var either = new FlowEdit(0.8, 1, 0, 1, 1, 1);
        assertThat(List.of(either.within(0.51), either.within(0.49))).containsExactly(new FlowEdit(1, 0, 1, 1, 1),
                new FlowEdit(0.8, 0, 1, 1, 1));
        assertThat(either.evaluations(20, 1)).as("at most").isEqualTo(either.within(1).evaluations(20, 1));
        assertThat(new VelocityMask(List.of(0.8, 0.6), 2, 0).find(task).area()).isZero();
        assertThat(new VelocityMask(List.of(1.0, 0.8, 0.6), 2, 0).find(task).area()).isBetween(6.0 / 8, 7.0 / 8);
    }

    /// Of two groups the border is the greatest value of the lower one, however few or many are in it; equal values have none above.
    @Test
    void theBorderOfAVelocityMaskSplitsTwoGroups() {
        for (var low : new int[] {3, 50, 97}) {
            var values = IntStream.range(0, 100).mapToDouble(i -> (i * 7 % 100 < low ? 1 : 4) + i % 5 * 0.1).toArray();
            assertThat(VelocityMask.border(values)).isEqualTo(Arrays.stream(values).filter(v -> v < 2).max().orElseThrow());
        }
        assertThat(VelocityMask.border(new double[] {2, 2, 2})).isEqualTo(2);
    }

    /// A background that changes unevenly belongs to the mask as a whole; what stays is below a quarter of the border.
    @Test
    void theBorderIsLowerWhereMuchChanges() {
        var background = IntStream.range(0, 100).mapToDouble(i -> i < 10 ? 0.1 : i < 60 ? 1.5 : 3).toArray();
        assertThat(VelocityMask.border(background)).isEqualTo(1.5);
        assertThat(Arrays.stream(background).filter(v -> v > VelocityMask.lowered(background)).count()).isEqualTo(90);
        var object = IntStream.range(0, 100).mapToDouble(i -> i < 80 ? 1.5 : 3).toArray();
        assertThat(VelocityMask.lowered(object)).isEqualTo(1.5);
    }

    // ---------------------------------------------------------------- V-55: windows

    @ParameterizedTest
    @CsvSource({"1, 11, 8", "11, 11, 8", "12, 11, 8", "21, 11, 8", "50, 11, 8", "9, 4, 1", "9, 4, 4", "7, 2, 1"})
    void windowsCoverEveryFrame(int frames, int length, int stride) {
        var windows = new Windows(frames, length, stride);
        for (var f = 0; f < frames; f++) {
            var frame = f;
            assertThat(windows.starts()).anyMatch(start -> start <= frame && frame < start + length);
        }
        assertThat(windows.starts()).doesNotHaveDuplicates().allMatch(start -> start == 0 || start + length <= frames);
    }

    @Test
    void publishedWindowsOfFortyOneAndEightyOneFrames() {
        assertThat(Windows.overlapping(11, 11, 1).starts()).containsExactly(0);
        assertThat(Windows.overlapping(21, 11, 1).starts()).containsExactly(0, 8, 10);
        assertThat(Windows.overlapping(14, 6, 2).starts()).allMatch(start -> start % 2 == 0);
    }

    @ParameterizedTest
    @MethodSource("editors")
    void oneWindowIsNoWindowing(Editor editor) {
        var plain = editor.edit(task(clip(3), 10, 5, 6, 7));
        var one = editor.edit(task(clip(3), 10, 5, 6, 7).withWindows(new Windows(FRAMES, 11, 8)));
        assertThat(one.toFloats()).isEqualTo(plain.toFloats());
    }

    /// A network that looks at each frame alone says the same however a clip is cut.
    @ParameterizedTest
    @MethodSource("editors")
    void theResultDoesNotDependOnChunking(Editor editor) {
        var from = new Gaussian(Tensor.full(0.5, 1, 1, CHANNELS, SIDE, SIDE), 0.5);
        var to = new Gaussian(Tensor.full(-0.5, 1, 1, CHANNELS, SIDE, SIDE), 0.7);
        var task = EditTask.of(clip(3), Gaussian.plan(10), from, to, from, Draws.of(7));
        var whole = editor.edit(task);
        for (var windows : List.of(new Windows(FRAMES, 2, 1), new Windows(FRAMES, 2, 2), new Windows(FRAMES, 4, 3))) {
            assertThat(distance(editor.edit(task.withWindows(windows)), whole)).isLessThan(1e-5);
        }
    }

    // ---------------------------------------------------------------- doors

    @Test
    void latentsThatAreNotFiniteEndARun() {
        var broken = new Gaussian(clip(3).times(Double.NaN), 1);
        var task = EditTask.of(clip(3), Gaussian.plan(4), broken, broken, broken, Draws.of(7));
        assertThatThrownBy(() -> FlowEdit.defaults().edit(task)).isInstanceOf(SamplingException.class)
                .hasMessageContaining("step 2 of 4").hasMessageContaining("less guidance");
    }

    @Test
    void parametersAreChecked() {
        assertThatThrownBy(() -> new Sdedit(1.5, 6)).isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> new FlowEdit(0.5, 0.8, 1, 2, 6)).hasMessageContaining("n_min");
        assertThatThrownBy(() -> new FlowEdit(0.5, 0, 0, 2, 6)).hasMessageContaining("n_avg");
        assertThatThrownBy(() -> new Windows(9, 4, 5)).hasMessageContaining("stride");
    }
}
