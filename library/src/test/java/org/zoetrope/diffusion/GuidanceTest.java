package org.zoetrope.diffusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.zoetrope.diffusion.Guidance.Clock;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Numbers are float64.
class GuidanceTest {
    private static final Level MIDDLE = new Level(0.6, 0.8);

    private static Step step(int index, int total, double timestep, Level at) {
        return new Step(index, total, timestep, at, at, at);
    }

    private static final Step STEP = step(3, 10, 500, MIDDLE);

    private static Tensor cond() {
        return new Rng(1).normal(DType.FLOAT64, 2, 4, 3, 5, 5);
    }

    private static Tensor uncond() {
        return new Rng(2).normal(DType.FLOAT64, 2, 4, 3, 5, 5);
    }

    private static void assertSame(Tensor expected, Guidance guidance) {
        assertArrayEquals(expected.toDoubles(), guidance.combine(cond(), uncond(), STEP).toDoubles(), 1e-10,
                guidance.toString());
    }

    @Test
    void scaleOneIsThePromptedPredictionAndZeroTheUnprompted() {
        Scope.run(() -> {
            assertSame(cond(), new Guidance.ClassifierFree(1));
            assertSame(uncond(), new Guidance.ClassifierFree(0));
            assertSame(cond(), new Guidance.Off());
            // Papers that write (1 + w) c - w u mean s = 1 + w; with the branches swapped it is something else.
            var w = 4;
            assertSame(cond().times(1 + w).minus(uncond().times(w)), new Guidance.ClassifierFree(1 + w));
            var swapped = new Guidance.ClassifierFree(5).combine(uncond(), cond(), STEP);
            assertTrue(swapped.minus(cond().times(5).minus(uncond().times(4))).abs().max().item() > 1);
        });
    }

    @Test
    void guidingVelocityAndGuidingNoiseAreTheSame() {
        Scope.run(() -> {
            var guidance = new Guidance.ClassifierFree(7.5);
            var z = new Rng(3).normal(DType.FLOAT64, 2, 4, 3, 5, 5);
            var v = Prediction.v();
            var epsilon = Prediction.epsilon();
            var guided = guidance.combine(cond(), uncond(), STEP);
            var asNoise = guidance.combine(v.convert(z, cond(), MIDDLE, epsilon),
                    v.convert(z, uncond(), MIDDLE, epsilon), STEP);
            assertArrayEquals(v.convert(z, guided, MIDDLE, epsilon).toDoubles(), asNoise.toDoubles(), 1e-10);
        });
    }

    @Test
    void everyKindReducesToPlainGuidance() {
        Scope.run(() -> {
            var plain = new Guidance.ClassifierFree(6).combine(cond(), uncond(), STEP);
            assertSame(plain, new Guidance.Rescaled(6, 0));
            assertSame(plain, new Guidance.Ramp(6, 6, 2));
            assertSame(plain, new Guidance.Interval(6, 0, 1));
            assertSame(plain, new Guidance.Oscillating(6, 6, 0));
            assertSame(cond(), new Guidance.Dynamic(0, Clock.TIMESTEP));
            assertSame(cond(), new Guidance.Interval(6, 0.9, 1));
        });
    }

    @Test
    void rescalingGivesBackTheSpreadOfThePromptedPrediction() {
        Scope.run(() -> {
            var rescaled = new Guidance.Rescaled(12, 1).combine(cond(), uncond(), STEP);
            assertArrayEquals(cond().std(false, 1, 2, 3, 4).toDoubles(), rescaled.std(false, 1, 2, 3, 4).toDoubles(),
                    1e-10);
        });
    }

    @Test
    void aRampRisesFromTheFirstFrameToTheLast() {
        Scope.run(() -> {
            var ramped = new Guidance.Ramp(1, 3, 2).combine(cond(), uncond(), STEP);
            for (var frame : List.of(0, 1, 2)) {
                var alone = new Guidance.ClassifierFree(1 + frame).combine(cond(), uncond(), STEP);
                assertArrayEquals(alone.select(2, frame).toDoubles(), ramped.select(2, frame).toDoubles(), 1e-10);
            }
        });
    }

    /// Both public code bases of CogVideoX raise the timestep, not the step, to the fifth power.
    @ParameterizedTest
    @CsvSource({"999, 2.2915", "979, 2.5435", "500, 7.0", "19, 1.1234"})
    void dynamicGuidanceFollowsThePublishedCode(double timestep, double scale) {
        assertEquals(scale, new Guidance.Dynamic(6, Clock.TIMESTEP).scale(step(7, 50, timestep, MIDDLE)), 5e-5);
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "25, 1.0144", "40, 2.4541", "45, 4.8414", "49, 6.8644", "50, 7"})
    void dynamicGuidanceByStepsRisesFromOne(int index, double scale) {
        assertEquals(scale, new Guidance.Dynamic(6, Clock.STEP_INDEX).scale(step(index, 50, 500, MIDDLE)), 5e-5);
    }

    @Test
    void anOscillatingScaleStaysHighAndThenTakesTurns() {
        var guidance = new Guidance.Oscillating(15, 1, 3);
        assertEquals(List.of(15.0, 15.0, 15.0, 1.0, 15.0, 1.0),
                IntStream.range(0, 6).mapToObj(i -> guidance.scale(step(i, 6, 0, MIDDLE))).toList());
    }

    @Test
    void theUnpromptedBranchIsCalledOnlyWhereItCounts() {
        Scope.run(() -> {
            var calls = new ArrayList<String>();
            Denoiser prompted = (x, _) -> {
                calls.add("prompted");
                return x;
            };
            Denoiser unprompted = (x, _) -> {
                calls.add("unprompted");
                return x;
            };
            var x = Tensor.scalar(1);
            var interval = new Guidance.Interval(5, 0.2, 0.6).guide(prompted, unprompted);
            interval.predict(x, step(0, 2, 900, Level.flow(0.9)));
            assertEquals(List.of("prompted"), calls);
            interval.predict(x, step(1, 2, 500, Level.flow(0.5)));
            assertEquals(List.of("prompted", "prompted", "unprompted"), calls);
            calls.clear();
            new Guidance.ClassifierFree(1).guide(prompted, unprompted).predict(x, STEP);
            assertEquals(List.of("prompted"), calls);
        });
    }
}
