package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.zoetrope.edit.FlowDirectorV2.DaFc;
import org.zoetrope.edit.FlowDirectorV2.Dag;
import org.zoetrope.edit.FlowDirectorV2.MadFc;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

/// The parts of FlowDirector against their algebra.
@InScope
class FlowDirectorTest {
    private final Rng rng = new Rng(4);

    private Tensor cells() {
        return rng.normal(1, 5, 3, 4, 4);
    }

    private static double distance(Tensor a, Tensor b) {
        return a.minus(b).abs().max().item();
    }

    private static List<List<Integer>> subsets(int n, int k) {
        return IntStream.range(0, 1 << n).filter(bits -> Integer.bitCount(bits) == k)
                .mapToObj(bits -> IntStream.range(0, n).filter(i -> (bits >> i & 1) == 1).boxed().toList()).toList();
    }

    // ---------------------------------------------------------------- V-47: DAG

    /// As the public code of version 1 has it: whatever omega multiplies is zero.
    @ParameterizedTest
    @CsvSource({"4, 2", "5, 3", "3, 1"})
    void theTrendOfVersion1IsZero(int draws, int worse) {
        var all = IntStream.range(0, draws).mapToObj(_ -> cells()).toList();
        var mean = Velocities.mean(all);
        var trends = subsets(draws, worse).stream()
                .map(chosen -> mean.minus(Velocities.mean(chosen.stream().map(all::get).toList()))).toList();
        assertThat(Velocities.mean(trends).abs().max().item()).isLessThan(1e-6);
    }

    /// The result is a weighted sum of the draws with weights that sum to 1: at the defaults 1.25 for the most typical
    /// draw and -0.125 for each of the others.
    @Test
    void dagIsAWeightedSumOfTheDraws() {
        var common = cells();
        var draws = List.of(common.plus(cells().times(2)), common.plus(cells().times(0.1)), common.plus(cells()));
        var mean = Velocities.mean(draws);
        var typical = IntStream.range(0, 3).boxed().max(Comparator.comparingDouble(
                i -> cosine(draws.get(i), mean))).orElseThrow();
        var sum = common.times(0);
        for (var i = 0; i < 3; i++) {
            sum = sum.plus(draws.get(i).times(i == typical ? (1 + 2.75) / 3 : (1 + 2.75) / 3 - 2.75 / 2));
        }
        assertThat((1 + 2.75) / 3).isEqualTo(1.25);
        assertThat(distance(new Dag(2, 2.75).combine(draws), sum)).isLessThan(1e-5);
        // Weights that sum to 1 leave what all draws agree on.
        assertThat(distance(new Dag(2, 2.75).combine(List.of(common, common, common)), common)).isLessThan(1e-5);
    }

    private static double cosine(Tensor a, Tensor b) {
        return a.times(b).sum().item() / Math.sqrt(a.square().sum().item() * b.square().sum().item());
    }

    @Test
    void dagWithoutStrengthOrWithoutABaselineIsTheMean() {
        var draws = List.of(cells(), cells(), cells(), cells());
        var mean = Velocities.mean(draws);
        assertThat(distance(new Dag(2, 0).combine(draws), mean)).isZero();
        assertThat(distance(new Dag(4, 9).combine(draws), mean)).isZero();
    }

    // ---------------------------------------------------------------- V-48: DA-FC

    @Test
    void theTwoPartsOfAChangeAddUpAndOneIsAcrossTheSource() {
        Tensor source = cells(), change = cells();
        var along = DaFc.along(source, change);
        var across = change.minus(along);
        assertThat(distance(along.plus(across), change)).isLessThan(1e-6);
        assertThat(across.times(source).sum(true, 2).abs().max().item()).isLessThan(1e-5);
    }

    @Test
    void aChangeAlongTheSourceIsDroppedAndOneAgainstItGrows() {
        var source = cells();
        assertThat(new DaFc(0.25).correct(source, source.times(0.7)).abs().max().item()).isLessThan(1e-5);
        assertThat(distance(new DaFc(0.25).correct(source, source.times(-0.7)), source.times(-0.7 * 1.25)))
                .isLessThan(1e-5);
    }

    @Test
    void withAlphaZeroAChangeAgainstTheSourceIsLeftAlone() {
        Tensor source = cells(), change = cells();
        var against = change.minus(DaFc.along(source, change)).minus(source.times(0.3));
        assertThat(distance(new DaFc(0).correct(source, against), against)).isLessThan(1e-6);
    }

    @Test
    void aSourceThatStandsStillIsNoDivisionByZero() {
        var change = cells();
        var corrected = new DaFc(0.25).correct(change.times(0), change);
        assertThat(corrected.isFinite()).isTrue();
        assertThat(distance(corrected, change)).isZero();
    }

    // ---------------------------------------------------------------- V-49: MAD-FC

    @Test
    void theShortFormEqualsTheFourEstimates() {
        Tensor zs = cells(), delta = cells(), vs = cells(), vt = cells();
        var sigma = 0.4;
        var cleanSource = zs.minus(vs.times(sigma));
        var cleanTarget = zs.plus(delta).minus(vt.times(sigma));
        var means = cleanTarget.mean(true, 1).minus(cleanSource.mean(true, 1));
        var long4 = cleanTarget.minus(cleanSource).minus(means.times(0.3)).times(0.01);
        assertThat(distance(new MadFc(0.01, 0.3).pull(delta, vt.minus(vs), sigma), long4)).isLessThan(1e-5);
    }

    @Test
    void withoutZetaOrWithoutAChangeNothingIsPulled() {
        assertThat(new MadFc(0, 0.3).pull(cells(), cells(), 0.4).abs().max().item()).isZero();
        assertThat(new MadFc(0.01, 0.3).pull(cells().times(0), cells().times(0), 0.4).abs().max().item()).isZero();
    }

    @Test
    void withPhiOneTheMeanOverTimeIsSpared() {
        var pull = new MadFc(0.01, 1).pull(cells(), cells(), 0.4);
        assertThat(pull.mean(false, 1).abs().max().item()).isLessThan(1e-8);
        assertThat(pull.abs().max().item()).isGreaterThan(1e-3);
    }

    /// S3 of the specification's section 10.5: zeta for what varies in time, zeta (1 - phi) for what does not.
    @Test
    void thePullHasATemporalAndAnAppearancePart() {
        Tensor delta = cells(), change = cells();
        var clean = delta.minus(change.times(0.4));
        var appearance = clean.mean(true, 1);
        var parts = clean.minus(appearance).times(0.01).plus(appearance.times(0.01 * (1 - 0.3)));
        assertThat(distance(new MadFc(0.01, 0.3).pull(delta, change, 0.4), parts)).isLessThan(1e-6);
    }

    // ---------------------------------------------------------------- the method

    /// In the last steps each draw keeps its noise; the order of asking is recorded by the draws themselves.
    @Test
    void theLastStepsReuseTheirNoise() {
        var asked = new ArrayList<Integer>();
        Draws draws = (step, draw, x) -> {
            asked.add(step);
            return Draws.of(1).noise(step, draw, x);
        };
        var flat = new Gaussian(cells(), 0.5);
        var task = EditTask.of(cells(), Gaussian.plan(12), flat, new Gaussian(cells(), 0.5), flat, draws);
        FlowDirectorV2.defaults().edit(task);
        assertThat(asked).hasSize(36).containsAll(List.of(0, 1, 2, 3, 4)).doesNotContain(5, 6, 11);
    }

    @Test
    void everyPartChangesTheResult() {
        var from = Nonlinear.of(1, 5, 3);
        var task = EditTask.of(cells(), Gaussian.plan(10), from, Nonlinear.of(1, 6, 3), Nonlinear.of(1, 9, 3),
                Draws.of(7));
        var whole = FlowDirectorV2.defaults();
        var edited = whole.edit(task);
        for (var part : List.of(whole.withoutDirection(), whole.withoutAveraging(), whole.withoutMotion())) {
            assertThat(distance(part.edit(task), edited)).isGreaterThan(1e-4);
        }
    }

    /// With everything switched off the method is FlowEdit over all steps.
    @Test
    void withoutItsPartsItIsFlowEditOverAllSteps() {
        var task = EditTask.of(cells(), Gaussian.plan(10), Nonlinear.of(1, 5, 3), Nonlinear.of(1, 6, 3),
                Nonlinear.of(1, 9, 3), Draws.of(7));
        var bare = new FlowDirectorV2(2, 6, 3, Optional.empty(), Optional.empty(),
                Optional.empty(), 0);
        assertThat(distance(bare.edit(task), new FlowEdit(1, 0, 3, 2, 6).edit(task))).isZero();
    }
}
