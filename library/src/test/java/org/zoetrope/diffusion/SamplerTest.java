package org.zoetrope.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// What is true of samplers whatever the network. Numbers are float64 and schedules double.
class SamplerTest {
    private static final NoiseSchedule SCHEDULE = NoiseSchedule.of(new Betas.ScaledLinear(0.00085, 0.012));
    private static final Prediction EPSILON = Prediction.epsilon();
    private static final Clip NO_CLIP = new Clip.Off();
    private static final OptionalDouble NONE = OptionalDouble.empty();
    private static final Grid EXPLODING = Grid.Exploding.of(SCHEDULE, Spacing.LINSPACE, 0);
    private static final Grid PRESERVING = Grid.Preserving.of(SCHEDULE, Spacing.LINSPACE, 0);
    private static final Grid EDM = new Grid.Edm(0.002, 80, 7, SigmaSpacing.KARRAS, Grid.Final.ZERO, Precision.DOUBLE);

    private static Grid.Flow flow(Grid.Flow.Base base) {
        return new Grid.Flow(1000, base, new Grid.Flow.Shift.By(3), NONE, SigmaSpacing.TRAINED, NONE, NONE,
                Grid.Final.ZERO, Precision.DOUBLE);
    }

    private static Ddim ddim(boolean alphaToOne) {
        return new Ddim(SCHEDULE, EPSILON, Spacing.LEADING, 1, NO_CLIP, alphaToOne, 0, Ddim.Previous.WHOLE_STRIDE);
    }

    static Map<String, Sampler> deterministic() {
        var all = new LinkedHashMap<String, Sampler>();
        all.put("DDIM", ddim(false));
        all.put("DDIM v", Ddim.of(SCHEDULE.zeroTerminalSnr(), Prediction.v(), Spacing.TRAILING)
                .withPrevious(Ddim.Previous.NEXT_ENTRY));
        all.put("DDIM next entry", ddim(true).withPrevious(Ddim.Previous.NEXT_ENTRY));
        all.put("DDIM inverse", new DdimInverse(SCHEDULE, EPSILON, Spacing.LEADING, 1, NO_CLIP, false));
        all.put("PNDM", new Pndm(SCHEDULE, EPSILON, Spacing.LEADING, 1, false, false));
        all.put("PNDM Runge-Kutta", new Pndm(SCHEDULE, EPSILON, Spacing.LEADING, 1, true, true));
        all.put("Euler", new Euler(EXPLODING, Prediction.v()));
        all.put("Euler EDM", new Euler(EDM, new Prediction.Edm(0.5, false)));
        all.put("Heun", new Heun(EXPLODING, EPSILON, NO_CLIP));
        all.put("flow Euler", FlowMatchEuler.of(flow(Grid.Flow.Base.WHOLE)));
        all.put("UniPC bh1", new UniPc(PRESERVING, EPSILON, 2, false, true, true, Set.of(), NO_CLIP));
        all.put("UniPC flow", UniPc.of(flow(Grid.Flow.Base.UNI_PC), Prediction.flow()));
        for (var order = 1; order <= 3; order++) {
            all.put("UniPC " + order, UniPc.of(PRESERVING, Prediction.v()).withOrder(order));
            all.put("DPM-Solver++ " + order, DpmSolver.of(PRESERVING, EPSILON).withOrder(order));
            all.put("DPM-Solver " + order, DpmSolver.of(new Grid.Preserving(SCHEDULE, Spacing.LEADING, 0,
                    SigmaSpacing.TRAINED, NONE, NONE, Grid.Final.SIGMA_MIN, -9, true), EPSILON).withOrder(order)
                    .withAlgorithm(DpmSolver.Algorithm.DPM_SOLVER));
        }
        all.put("DPM-Solver++ Heun", DpmSolver.of(PRESERVING, Prediction.v()).withSolver(DpmSolver.SolverType.HEUN));
        all.put("DPM-Solver++ flow", DpmSolver.of(flow(Grid.Flow.Base.BELOW_ONE), Prediction.flow()));
        all.put("UniPC on the noise", new UniPc(PRESERVING, EPSILON, 2, true, false, true, Set.of(1), NO_CLIP));
        return all;
    }

    static Map<String, Sampler> stochastic() {
        var all = new LinkedHashMap<String, Sampler>();
        var zeroSnr = SCHEDULE.shiftSnr(3).zeroTerminalSnr();
        all.put("DDPM", new Ddpm(SCHEDULE, EPSILON, Spacing.LEADING, 0, NO_CLIP, Ddpm.Variance.FIXED_SMALL));
        all.put("DDIM eta 1", ddim(true).withEta(1));
        all.put("CogVideoX DPM", new CogVideoXDpm(zeroSnr, Prediction.v(), Spacing.TRAILING, 0, true));
        all.put("Euler ancestral", new EulerAncestral(EXPLODING, EPSILON));
        all.put("flow Euler", new FlowMatchEuler(flow(Grid.Flow.Base.WHOLE), true, false));
        for (var order = 1; order <= 3; order++) {
            all.put("DPM-Solver++ SDE " + order, DpmSolver.of(PRESERVING, EPSILON).withOrder(order)
                    .withAlgorithm(DpmSolver.Algorithm.SDE_DPM_SOLVER_PLUS_PLUS));
        }
        return all;
    }

    static Stream<String> deterministicNames() {
        return deterministic().keySet().stream();
    }

    static Stream<String> stochasticNames() {
        return stochastic().keySet().stream();
    }

    /// The network knows the one sample there is, so every state is that sample with the noise of the first.
    @ParameterizedTest
    @MethodSource("deterministicNames")
    void aPerfectNetworkLeadsStraightToTheData(String name) {
        var sampler = Objects.requireNonNull(deterministic().get(name));
        Scope.run(() -> {
            Tensor x = doubles(0.7, -1.3, 2), noise = doubles(0.2, 1.1, -0.8);
            for (var n : List.of(4, 5, 17, 33)) {
                var plan = sampler.plan(n);
                Denoiser perfect = (_, step) -> sampler.prediction().target(step.at()).of(x, noise);
                sampler.sample(plan, plan.start().noisy(x, noise), perfect, Noise.none(),
                        (step, z) -> assertClose(step.to().noisy(x, noise), z, 1e-10 * Math.max(1, step.from().ratio()),
                                "%s, step %d of %d".formatted(name, step.index(), n)));
            }
        });
    }

    static Stream<Sampler> all() {
        return Stream.concat(deterministic().values().stream(), stochastic().values().stream());
    }

    /// All that a run knows is in its state and its noise: one that goes on from a state in the middle ends with the
    /// bits of one that was never stopped.
    @ParameterizedTest
    @MethodSource("all")
    void aRunContinuesFromAnyStateBitForBit(Sampler sampler) {
        Scope.run(() -> {
            var plan = sampler.plan(6);
            Denoiser network = (x, step) -> x.sin().plus(step.timestep() / 1000);
            var rng = new Rng(3);
            Noise noise = x -> rng.normal(DType.FLOAT64, x.shape());
            var kept = new ArrayList<Kept>();
            var whole = sampler.sample(plan, State.of(doubles(0.7, -1.3, 2)), network, noise,
                    move -> kept.add(Kept.of(move.to(), rng)));
            assertEquals(plan.steps().size(), kept.size());
            for (var place : kept) {
                rng.restore(Tensor.of(place.stream, place.stream.length));
                var rest = sampler.sample(plan, place.state(), network, noise, _ -> {});
                assertEquals(plan.steps().size(), rest.done());
                assertArrayEquals(whole.x().toDoubles(), rest.x().toDoubles());
            }
        });
    }

    /// A state without tensors.
    private record Kept(List<double[]> tensors, int done, byte[] stream) {
        static Kept of(State state, Rng rng) {
            return new Kept(state.tensors().stream().map(Tensor::toDoubles).toList(), state.done(),
                    rng.state().toBytes());
        }

        State state() {
            var all = tensors.stream().map(SamplerTest::doubles).toList();
            return new State(all.getFirst(), all.subList(1, all.size()), done);
        }
    }

    /// As published a step leads to `t - T / n` in whole numbers, which is no level of the run unless n divides T.
    @Test
    void thePublishedStrideMissesTheNextEntry() {
        var published = Ddim.of(SCHEDULE, EPSILON, Spacing.TRAILING);
        var next = published.withPrevious(Ddim.Previous.NEXT_ENTRY);
        assertEquals(published.plan(10), next.plan(10));
        var steps = published.plan(30).steps();
        assertEquals(SCHEDULE.level(999 - 33), steps.getFirst().to());
        assertEquals(SCHEDULE.level(966), steps.get(1).from());
        assertEquals(SCHEDULE.level(932), steps.get(2).from());
        assertEquals(SCHEDULE.level(966 - 33), steps.get(1).to());
        assertEquals(SCHEDULE.level(932), next.plan(30).steps().get(1).to());
    }

    /// A straight path of one pair is followed exactly by any steps; with time turned it is not.
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 50})
    void eulerFollowsAStraightPathHoweverFewItsSteps(int steps) {
        Scope.run(() -> {
            Tensor data = doubles(0.7, -1.3, 2), noise = doubles(0.2, 1.1, -0.8);
            var sampler = FlowMatchEuler.of(flow(Grid.Flow.Base.TWICE_SHIFTED));
            var plan = sampler.plan(steps);
            var end = sampler.sample(plan, noise, (_, _) -> noise.minus(data), Noise.none(), StepListener.none());
            assertClose(data, end, 1e-12, "data");
            var turned = sampler.sample(plan, noise, (_, _) -> data.minus(noise), Noise.none(), StepListener.none());
            assertTrue(turned.minus(data).abs().max().item() > 0.1, "turned time goes elsewhere");
        });
    }

    /// Mochi tells its network the other time and takes the other velocity, and walks the same path.
    @Test
    void aReversedFlowIsTheSamePath() {
        Scope.run(() -> {
            var forward = FlowMatchEuler.of(flow(Grid.Flow.Base.WHOLE));
            var backward = new FlowMatchEuler(flow(Grid.Flow.Base.WHOLE), false, true);
            var noise = doubles(0.2, 1.1, -0.8);
            var a = forward.sample(forward.plan(6), noise, (x, step) -> x.sin().plus(step.timestep() / 1000),
                    Noise.none(),
                    StepListener.none());
            var b = backward.sample(backward.plan(6), noise,
                    (x, step) -> x.sin().plus(1 - step.timestep() / 1000).negate(), Noise.none(), StepListener.none());
            assertClose(a, b, 1e-7, "reversed");
        });
    }

    /// For one sample x the state after every step is `alpha x + sigma n`, with the variance that was lost drawn anew.
    @ParameterizedTest
    @MethodSource("stochasticNames")
    void freshNoiseKeepsTheMarginal(String name) {
        var sampler = Objects.requireNonNull(stochastic().get(name));
        assertTrue(deviation(sampler, 1, 100_000) < 4, name + " is within 4 standard errors");
        assertTrue(deviation(sampler, 1.1, 20_000) > 4, name + " notices a tenth too much noise");
    }

    /// The furthest mean or variance of a step from that of its level, in standard errors.
    private static double deviation(Sampler sampler, double scale, int draws) {
        var x = 0.7;
        var worst = new double[1];
        Scope.run(() -> {
            var rng = new Rng(5);
            var plan = sampler.plan(5);
            Noise noise = z -> rng.normal(DType.FLOAT64, z.shape()).times(scale);
            var data = Tensor.full(x, draws, 1).to(DType.FLOAT64);
            Denoiser perfect = (scaled, step) -> {
                var z = sampler.scaleInput(Tensor.scalar(1), step).item();
                var state = scaled.div(z);
                return sampler.prediction().target(step.at()).of(data,
                        Prediction.sample().noise(state, data, step.at()));
            };
            var start = plan.start().noisy(data, rng.normal(DType.FLOAT64, draws, 1));
            sampler.sample(plan, start, perfect, noise, (step, z) -> {
                var sigma = step.to().sigma();
                if (sigma > 1e-3) {
                    var mean = z.mean().item();
                    var variance = z.minus(mean).square().mean().item();
                    worst[0] = Math.max(worst[0], Math.abs(mean - step.to().alpha() * x) / (sigma / Math.sqrt(draws)));
                    worst[0] = Math.max(worst[0],
                            Math.abs(variance - sigma * sigma) / (sigma * sigma * Math.sqrt(2.0 / draws)));
                }
            });
        });
        return worst[0];
    }

    /// With Gaussian data the path is known: `z` stays proportional to the deviation of its level.
    @Test
    void errorsFallWithTheOrderOfTheMethod() {
        var solver = DpmSolver.of(PRESERVING, EPSILON);
        var first = List.of(Ddim.of(SCHEDULE, EPSILON, Spacing.LEADING), solver.withOrder(1),
                UniPc.of(PRESERVING, EPSILON).withOrder(1));
        var dropped = new UniPc(PRESERVING, EPSILON, 1, true, true, false, everyStep(), NO_CLIP);
        assertEquals(-1, slope(dropped), 0.3, "without memory and correction UniPC is of order 1");
        assertEquals(-1, slope(first.get(0)), 0.3, "DDIM");
        assertEquals(-1, slope(first.get(1)), 0.3, "DPM-Solver++ 1, the others with their memory dropped");
        assertTrue(slope(first.get(2)) < -1.7, "UniPC 1 with its corrector");
        assertTrue(slope(solver) < -1.7, "DPM-Solver++ 2M");
        assertTrue(slope(solver.withSolver(DpmSolver.SolverType.HEUN)) < -1.7, "DPM-Solver++ 2M Heun");
        assertTrue(slope(solver.withOrder(3)) < -1.7, "DPM-Solver++ 3M, which starts with a step of order 1");
        assertTrue(slope(solver.withAlgorithm(DpmSolver.Algorithm.DPM_SOLVER)) < -1.7, "DPM-Solver 2M");
        assertTrue(slope(solver.withAlgorithm(DpmSolver.Algorithm.DPM_SOLVER).withOrder(3)) < -1.7, "DPM-Solver 3M");
        assertTrue(slope(UniPc.of(PRESERVING, EPSILON)) < -1.7, "UniPC");
        assertTrue(slope(UniPc.of(PRESERVING, EPSILON).withOrder(3)) < -1.7, "UniPC 3");
        assertTrue(slope(new UniPc(PRESERVING, EPSILON, 2, false, false, false, Set.of(), NO_CLIP)) < -1.7,
                "UniPC eps");
        assertEquals(-1, slope(new Euler(EXPLODING, EPSILON)), 0.3, "Euler");
        assertTrue(slope(new Heun(EXPLODING, EPSILON, NO_CLIP)) < -1.7, "Heun");
    }

    private static Set<Integer> everyStep() {
        return Set.copyOf(IntStream.range(0, 400).boxed().toList());
    }

    /// Slope of the logarithm of the error over that of the number of steps, from 20 to 160.
    private static double slope(Sampler sampler) {
        return Math.log(error(sampler, 160) / error(sampler, 20)) / Math.log(8);
    }

    /// The error of a run between two fixed noise levels, evenly in lambda.
    private static double error(Sampler sampler, int n) {
        var explodes = sampler instanceof Euler || sampler instanceof Heun;
        var levels = new ArrayList<Level>();
        for (var i = 0; i <= n; i++) {
            var exploding = Level.varianceExploding(Math.exp(1.5 - 3.5 * i / n));
            levels.add(explodes ? exploding : exploding.variancePreserving());
        }
        var steps = new ArrayList<Step>();
        for (var i = 0; i < n; i++) {
            var step = new Step(2 * i, 2 * n + 1, 0, levels.get(i), levels.get(i), levels.get(i + 1));
            steps.add(step);
            if (sampler instanceof Heun) {
                steps.add(new Step(2 * i + 1, 2 * n + 1, 0, levels.get(i + 1), levels.get(i), levels.get(i + 1)));
            }
        }
        var plan = new Plan(steps, 1);
        return Scope.run(() -> {
            var start = doubles(1.4 * deviation(levels.getFirst()));
            Denoiser gaussian = (scaled, step) -> {
                var at = step.at();
                var z = scaled.div(sampler.scaleInput(Tensor.scalar(1), step).item());
                var variance = deviation(at) * deviation(at);
                return z.times(at.sigma() / variance); // E[eps | z] for data of deviation 0.5
            };
            var end = sampler.sample(plan, start, gaussian, Noise.none(), StepListener.none());
            return Math.abs(end.item() - 1.4 * deviation(levels.getLast()));
        });
    }

    private static double deviation(Level at) {
        return Math.sqrt(0.25 * at.alpha() * at.alpha() + at.sigma() * at.sigma());
    }

    /// Where the noise does not depend on the state DDIM and its inverse undo each other; otherwise up to O(1/n).
    @Test
    void ddimUndoesItsInverse() {
        Scope.run(() -> {
            Denoiser fixed = (x, step) -> x.times(0).plus(Math.sin(step.timestep()));
            assertTrue(roundTrip(fixed, 20, 1) < 1e-10, "exact");
            assertTrue(roundTrip(fixed, 20, 2) > 1e-3, "another level is another path");
            Denoiser bending = (x, step) -> x.sin().times(0.3).plus(step.timestep() / 2000);
            assertEquals(-1, Math.log(roundTrip(bending, 200, 1) / roundTrip(bending, 25, 1)) / Math.log(8), 0.3);
        });
    }

    private static double roundTrip(Denoiser denoiser, int steps, int offset) {
        var inverse = new DdimInverse(SCHEDULE, EPSILON, Spacing.LEADING, offset, NO_CLIP, false);
        var data = doubles(0.7, -1.3, 2);
        var noisy = inverse.sample(inverse.plan(steps), data, denoiser, Noise.none(), StepListener.none());
        var back = ddim(false).sample(ddim(false).plan(steps), noisy, denoiser, Noise.none(), StepListener.none());
        return back.minus(data).abs().max().item();
    }

    @ParameterizedTest
    @MethodSource("deterministicNames")
    void aPartialRunTakesTheLastLevels(String name) {
        if (name.equals("DDIM inverse")) {
            return; // it runs the other way, and its last levels are the noisiest
        }
        var sampler = Objects.requireNonNull(deterministic().get(name));
        Scope.run(() -> {
            Tensor x = doubles(0.7, -1.3, 2), noise = doubles(0.2, 1.1, -0.8);
            var plan = sampler.plan(20, 0.5);
            assertTrue(plan.start().noiseShare() < sampler.plan(20).start().noiseShare(), "starts with less noise");
            Denoiser perfect = (_, step) -> sampler.prediction().target(step.at()).of(x, noise);
            sampler.sample(plan, plan.start().noisy(x, noise), perfect, Noise.none(), (step,
                    z) -> assertClose(step.to().noisy(x, noise), z, 1e-10 * Math.max(1, step.from().ratio()), name));
        });
    }

    @Test
    void theFullStrengthIsTheWholeRun() {
        var sampler = ddim(true);
        assertEquals(sampler.plan(10), sampler.plan(10, 1));
        assertEquals(List.of(401.0, 301.0, 201.0, 101.0, 1.0), sampler.plan(10, 0.5).timesteps());
        assertEquals(5, sampler.plan(10, 0.5).steps().getFirst().index());
        assertEquals(1, sampler.plan(10, 0.01).steps().size());
        assertThrows(SamplingException.class, () -> sampler.plan(10, 0));
        assertThrows(SamplingException.class, () -> sampler.plan(10, 1.5));
    }

    @Test
    void oneSamplerServesInterleavedRuns() {
        Scope.run(() -> {
            var sampler = DpmSolver.of(PRESERVING, EPSILON);
            Denoiser denoiser = (x, step) -> x.sin().plus(step.timestep() / 1000);
            var plan = sampler.plan(8);
            var alone = sampler.sample(plan, doubles(0.5), denoiser, Noise.none(), StepListener.none()).item();
            State a = State.of(doubles(0.5)), b = State.of(doubles(-0.1));
            for (var step : plan.steps()) {
                a = sampler.step(plan, a, denoiser.predict(a.x(), step), Noise.none());
                b = sampler.step(plan, b, denoiser.predict(b.x(), step), Noise.none());
            }
            assertEquals(alone, a.x().item());
            assertFalse(alone == b.x().item());
        });
    }

    @Test
    void aSeedFixesTheResult() {
        Scope.run(() -> {
            var sampler = new EulerAncestral(EXPLODING, EPSILON);
            var plan = sampler.plan(5);
            var ends = IntStream.of(3, 3, 4).mapToDouble(seed -> sampler.sample(plan, plan.fromNoise(doubles(0.4)),
                    (x, _) -> x.sin(), Noise.from(new Rng(seed)), StepListener.none()).item()).toArray();
            assertEquals(ends[0], ends[1]);
            assertFalse(ends[0] == ends[2]);
        });
    }

    @Test
    void aRunFreesWhatItsStepsLeaveBehind() {
        try (var scope = Scope.open()) {
            var sampler = UniPc.of(PRESERVING, EPSILON);
            var start = doubles(0.5, 0.2);
            var before = scope.size();
            var steps = new ArrayList<Integer>();
            sampler.sample(sampler.plan(12), start, (x, _) -> x.sin(), Noise.none(),
                    (step, _) -> steps.add(step.index()));
            assertEquals(before + 1, scope.size());
            assertEquals(IntStream.range(0, 12).boxed().toList(), steps);
        }
    }

    @Test
    void theFirstStepThatIsNotFiniteEndsTheRun() {
        Scope.run(() -> {
            var sampler = ddim(true);
            var error = assertThrows(SamplingException.class, () -> sampler.sample(sampler.plan(10), doubles(0.5),
                    (x, step) -> step.index() == 3 ? x.div(0) : x, Noise.none(), StepListener.none()));
            assertEquals(
                    "step 4 of 10 (timestep 601.0) gave latents that are not finite; the prediction already was not, "
                            + "so look at the weights and the number type",
                    error.getMessage());
        });
    }

    @Test
    void aDeterministicRunNeedsNoNoiseAndAStochasticOneSaysSo() {
        Scope.run(() -> {
            var sampler = ddim(true).withEta(0.5);
            var error = assertThrows(SamplingException.class, () -> sampler.sample(sampler.plan(3), doubles(0.5),
                    (x, _) -> x, Noise.none(), StepListener.none()));
            assertThat(error).hasMessageContaining("give it a seeded Noise.from(rng)");
        });
    }

    /// A network with learned variance returns twice the channels: at 1 the variance is beta, at -1 the posterior's.
    @ParameterizedTest
    @ValueSource(doubles = {-1, 1})
    void aLearnedVarianceLiesBetweenTheTwoFixedOnes(double v) {
        Scope.run(() -> {
            var z = doubles(0.5).reshape(1, 1);
            var epsilon = doubles(0.2).reshape(1, 1);
            Noise unit = x -> x.times(0).plus(1);
            var learned = new Ddpm(SCHEDULE, EPSILON, Spacing.LEADING, 0, NO_CLIP, Ddpm.Variance.LEARNED_RANGE);
            var fixed = new Ddpm(SCHEDULE, EPSILON, Spacing.LEADING, 0, NO_CLIP,
                    v == 1 ? Ddpm.Variance.FIXED_LARGE : Ddpm.Variance.FIXED_SMALL);
            var plan = learned.plan(10);
            var output = Tensor.cat(List.of(epsilon, doubles(v).reshape(1, 1)), 1);
            assertEquals(fixed.step(plan, State.of(z), epsilon, unit).x().item(),
                    learned.step(plan, State.of(z), output, unit).x().item(), 1e-12);
            assertThrows(SamplingException.class, () -> learned.step(plan, State.of(z), epsilon, unit));
        });
    }

    @Test
    void dynamicThresholdingBringsTheTailIntoRange() {
        Scope.run(() -> {
            var x = Tensor.of(new double[] {0.5, -4, 2, 0.1, -0.2, 0.3, 0.25, -0.1}, 2, 4);
            // The middle of the sorted absolute values 0.1 0.5 2 4 is 1.25; the second sample is under 1 and stays.
            assertArrayEquals(new double[] {0.4, -1, 1, 0.08, -0.2, 0.3, 0.25, -0.1},
                    new Clip.Dynamic(0.5, 100).apply(x).toDoubles(), 1e-12);
            assertArrayEquals(new double[] {0.5, -1, 1, 0.1, -0.2, 0.3, 0.25, -0.1},
                    new Clip.Dynamic(0.5, 1).apply(x).toDoubles(), 1e-12);
            assertArrayEquals(new double[] {0.5, -1.5, 1.5, 0.1}, DoubleStream.of(
                    new Clip.Range(1.5).apply(x).toDoubles()).limit(4).toArray(), 1e-12);
        });
    }

    /// A distilled model's timesteps are among those of its teacher.
    @Test
    void aConsistencyModelPicksAmongItsTeachersTimesteps() {
        var sampler = new Lcm(SCHEDULE, EPSILON, 50, 10, NO_CLIP);
        assertEquals(List.of(999.0, 759.0, 499.0, 259.0), sampler.plan(4).timesteps());
        assertEquals(List.of(499.0, 379.0, 259.0, 139.0), sampler.plan(4, 0.5).timesteps());
        var error = assertThrows(SamplingException.class, () -> sampler.plan(51));
        assertThat(error).hasMessageContaining("takes 1 to 50");
    }

    private static Tensor doubles(double... values) {
        return Tensor.of(values, values.length, 1);
    }

    private static void assertClose(Tensor expected, Tensor ours, double room, String what) {
        assertArrayEquals(expected.toDoubles(), ours.toDoubles(), room, what);
    }
}
