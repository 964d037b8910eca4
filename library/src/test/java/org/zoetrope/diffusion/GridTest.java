package org.zoetrope.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.diffusion.Grid.Flow.Shift;

class GridTest {
    private static final NoiseSchedule SCHEDULE = NoiseSchedule.of(new Betas.ScaledLinear(0.00085, 0.012));
    private static final OptionalDouble NONE = OptionalDouble.empty();

    static Stream<Grid> grids() {
        var exploding = Stream.of(SigmaSpacing.values()).filter(s -> s != SigmaSpacing.LU)
                .map(s -> (Grid) new Grid.Exploding(SCHEDULE, Spacing.LEADING, 1, s, NONE, NONE, Grid.Final.ZERO, false,
                        false));
        var preserving = Stream.of(SigmaSpacing.values())
                .map(s -> (Grid) new Grid.Preserving(SCHEDULE, Spacing.LINSPACE, 0, s, NONE, NONE, Grid.Final.ZERO,
                        Double.NEGATIVE_INFINITY, true));
        var flow = Stream.of(Grid.Flow.Base.values()).map(b -> (Grid) Grid.Flow.of(b, 3));
        var rest = Stream.<Grid>of(
                new Grid.Edm(0.002, 80, 7, SigmaSpacing.KARRAS, Grid.Final.ZERO, Precision.DOUBLE),
                new Grid.Edm(0.002, 80, 7, SigmaSpacing.EXPONENTIAL, Grid.Final.ZERO, Precision.SINGLE),
                new Grid.KarrasFlow(1000, 0.01, 200, Grid.Final.ZERO));
        return Stream.of(exploding, preserving, flow, rest).flatMap(s -> s);
    }

    @ParameterizedTest
    @MethodSource("grids")
    void aRunFallsFromItsNoiseToTheCleanSample(Grid grid) {
        for (var n : List.of(1, 2, 7, 30)) {
            var steps = grid.plan(n).steps();
            assertEquals(n, steps.size());
            assertEquals(0, steps.getLast().to().sigma());
            for (var i = 0; i < n; i++) {
                var step = steps.get(i);
                assertTrue(step.to().noiseShare() < step.from().noiseShare(), "step %d of %d".formatted(i, n));
                assertTrue(i == 0 || step.from().equals(steps.get(i - 1).to()), "steps join");
                assertEquals(i, step.index());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.001, 0.2, 0.5, 0.97})
    void shiftsCompose(double s) {
        assertEquals(new Shift.By(6).of(s), new Shift.By(3).of(new Shift.By(2).of(s)), 1e-12);
        assertEquals(new Shift.By(Math.exp(0.8)).of(s), new Shift.Odds(Math.exp(0.8)).of(s), 1e-12);
        assertEquals(0, new Shift.By(5).of(0));
        assertEquals(1, new Shift.By(5).of(1), 1e-15);
        assertEquals(s, new Shift.By(1).of(s));
    }

    /// FLUX's numbers: 0.5 at 256 tokens, 1.15 at 4096.
    @Test
    void aShiftByTokensFollowsItsLine() {
        var byTokens = new Shift.ByTokens(true, 0.5, 1.15, 256, 4096);
        assertEquals(0.5, byTokens.mu(256));
        assertEquals(1.15, byTokens.mu(4096), 1e-12);
        assertEquals(0.825, byTokens.mu(2176), 1e-12);
        var grid = Grid.Flow.of(Grid.Flow.Base.PER_STEP, 1).withShift(byTokens);
        assertEquals(grid.withMu(0.825), grid.forTokens(2176));
        assertEquals(Math.exp(0.825) / (Math.exp(0.825) + 1),
                grid.forTokens(2176).plan(2).steps().get(1).from().sigma(), 1e-7);
        var linear = new Shift.ByTokens(false, 0.5, 1.15, 256, 4096);
        assertEquals(0.8 / (0.8 + 1), grid.withShift(linear).withMu(0.8).plan(2).steps().get(1).from().sigma(), 1e-7);
        var error = assertThrows(SamplingException.class, () -> grid.plan(4));
        assertThat(error).hasMessageContaining("give forTokens(latent tokens) or withMu(mu)");
    }

    @Test
    void aTerminalSigmaIsTheLastOne() {
        var grid = new Grid.Flow(1000, Grid.Flow.Base.WHOLE, new Shift.By(3), OptionalDouble.of(0.1),
                SigmaSpacing.TRAINED, NONE, NONE, Grid.Final.ZERO, Precision.DOUBLE);
        var steps = grid.plan(8).steps();
        assertEquals(1, steps.getFirst().from().sigma(), 1e-12);
        assertEquals(0.1, steps.getLast().from().sigma(), 1e-12);
    }

    @Test
    void aSampleOfTheCallersOwnIsShiftedToo() {
        var plan = Grid.Flow.of(Grid.Flow.Base.WHOLE, 3).planThrough(1, 0.5);
        assertEquals(List.of(1.0, 0.75), plan.steps().stream().map(s -> s.from().sigma()).toList());
        assertEquals(List.of(1000.0, 750.0), plan.timesteps());
    }

    @Test
    void aLogLinearRunEndsAtTheSmallestSigma() {
        var grid = new Grid.Exploding(SCHEDULE, Spacing.LINSPACE, 0, SigmaSpacing.TRAINED, NONE, NONE, Grid.Final.ZERO,
                true, false);
        var steps = grid.plan(5).steps();
        assertEquals(SCHEDULE.sigma(999), steps.getFirst().from().sigma(), 1e-9);
        assertEquals(SCHEDULE.sigma(0), steps.getLast().to().sigma(), 1e-9);
        assertEquals(steps.get(1).from().lambda() - steps.get(0).from().lambda(),
                steps.get(4).to().lambda() - steps.get(4).from().lambda(), 1e-9);
    }

    /// The cosine schedule ends in levels whose lambda a solver cannot step from.
    @Test
    void aFloorOfLambdaLeavesOutTheNoisiestTimesteps() {
        var cosine = NoiseSchedule.of(new Betas.SquaredCosine());
        var grid = new Grid.Preserving(cosine, Spacing.LINSPACE, 0, SigmaSpacing.TRAINED, NONE, NONE, Grid.Final.ZERO,
                -5.1,
                true);
        var first = grid.plan(10).steps().getFirst();
        assertTrue(first.from().lambda() >= -5.1 && cosine.level((int) first.timestep() + 1).lambda() < -5.1,
                "starts at %s".formatted(first));
        assertTrue(first.timestep() < 999 && first.timestep() > 990, "starts at %s".formatted(first));
    }

    @ParameterizedTest
    @EnumSource(value = SigmaSpacing.class, names = "TRAINED", mode = EnumSource.Mode.EXCLUDE)
    void placedSigmasKeepTheirEnds(SigmaSpacing spacing) {
        var sigmas = spacing.between(14.6, 0.03, 12);
        assertEquals(14.6, sigmas[0], 1e-12);
        assertEquals(0.03, sigmas[11], 1e-12);
    }

    /// Symmetry, the way back, and two members of the family in closed form.
    @Test
    void theBetaDistributionHasItsQuantiles() {
        assertEquals(0.5, BetaDistribution.quantile(0.5, 0.6, 0.6), 1e-14);
        for (var p : List.of(0.001, 0.1, 0.37)) {
            var x = BetaDistribution.quantile(p, 0.6, 0.6);
            assertEquals(p, BetaDistribution.cumulative(x, 0.6, 0.6), 1e-13);
            assertEquals(1 - x, BetaDistribution.quantile(1 - p, 0.6, 0.6), 1e-13);
        }
        // Beta(1/2, 1/2) is the arcsine law and Beta(2, 1) the square, both in closed form.
        assertEquals(Math.pow(Math.sin(Math.PI * 0.3 / 2), 2), BetaDistribution.quantile(0.3, 0.5, 0.5), 1e-13);
        assertEquals(0.6, BetaDistribution.quantile(0.36, 2, 1), 1e-13);
    }

    @Test
    void theNetworkOfEdmIsToldTheLogarithm() {
        var grid = new Grid.Edm(0.002, 80, 7, SigmaSpacing.KARRAS, Grid.Final.SIGMA_MIN, Precision.DOUBLE);
        var plan = grid.plan(4);
        assertEquals(0.25 * Math.log(80), plan.timesteps().getFirst(), 1e-6);
        assertEquals(80, grid.level(plan.timesteps().getFirst()).sigma(), 1e-3);
        assertEquals(0.002, plan.steps().getLast().to().sigma(), 1e-9);
    }
}
