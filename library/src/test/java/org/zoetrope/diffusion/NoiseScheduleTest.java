package org.zoetrope.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class NoiseScheduleTest {
    private static final Betas SCALED = new Betas.ScaledLinear(0.00085, 0.012);

    /// abar as the references have it (CogVideoX's in float64, the others in float32).
    @ParameterizedTest
    @CsvSource({"0, 0.999149978", "1, 0.998296022", "499, 0.27766943", "981, 0.0057754959", "999, 0.00466009509"})
    void theScaledLinearScheduleIsThatOfStableDiffusion(int timestep, double abar) {
        assertEquals(abar, NoiseSchedule.of(SCALED, 1000, Precision.SINGLE).abar(timestep), 1e-8);
        assertEquals(abar, NoiseSchedule.of(SCALED).abar(timestep), 1e-6);
        var straight = NoiseSchedule.of(new Betas.Linear(0.00085, 0.012));
        assertTrue(timestep == 0 || Math.abs(abar - straight.abar(timestep)) > 1e-6, "linear is another schedule");
    }

    @ParameterizedTest
    @CsvSource({"0, 0.9999", "499, 0.0785872", "999, 4.03583e-05"})
    void theLinearScheduleIsThatOfDdpm(int timestep, double abar) {
        assertEquals(abar, NoiseSchedule.of(new Betas.Linear(1e-4, 0.02)).abar(timestep), 1e-6 * abar + 1e-7);
    }

    @ParameterizedTest
    @CsvSource({
            "3, 0, 0.997454328", "3, 1, 0.994800626", "3, 249, 0.390889741", "3, 499, 0.0959695617",
            "3, 749, 0.0109658909", "3, 979, 2.71943604e-05", "3, 998, 6.23078847e-08",
            "1, 0, 0.99915", "1, 1, 0.998233446", "1, 249, 0.654189007", "1, 499, 0.242359167",
            "1, 749, 0.0331714828", "1, 979, 8.57878434e-05", "1, 998, 1.96788806e-07"})
    void cogVideoXShiftsAndThenRescales(double shift, int timestep, double abar) {
        var schedule = NoiseSchedule.of(SCALED).shiftSnr(shift).zeroTerminalSnr();
        assertEquals(abar, schedule.abar(timestep), 2e-9 * Math.max(1, abar) + 1e-9 * abar);
        assertEquals(0, schedule.abar(999));
        if (shift == 3 && timestep > 0) {
            var swapped = NoiseSchedule.of(SCALED).zeroTerminalSnr().shiftSnr(shift);
            assertTrue(Math.abs(swapped.abar(timestep) / abar - 1) > 1e-6, "the other order is another schedule");
        }
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void rescalingKeepsTheFirstLevelAndEmptiesTheLast(Precision precision) {
        var plain = NoiseSchedule.of(SCALED, 1000, precision);
        var rescaled = plain.zeroTerminalSnr();
        assertEquals(plain.abar(0), rescaled.abar(0), precision == Precision.DOUBLE ? 1e-15 : 1e-7);
        assertEquals(0, rescaled.abar(999));
        for (var t = 1; t < 1000; t++) {
            assertTrue(rescaled.abar(t) < rescaled.abar(t - 1), "falls at " + t);
        }
        assertEquals(Math.scalb(1.0, -24), rescaled.floored().abar(999));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 17, 500, 999})
    void aShiftDividesTheSignalToNoiseRatio(int timestep) {
        var plain = NoiseSchedule.of(SCALED);
        assertEquals(plain.level(timestep).snr() / 3, plain.shiftSnr(3).level(timestep).snr(),
                1e-9 * plain.level(timestep).snr());
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void everyKindOfBetasRisesFromSignalToNoise(Precision precision) {
        var kinds = List.of(SCALED, new Betas.Linear(1e-4, 0.02), new Betas.SquaredCosine(), new Betas.Exponential(),
                new Betas.Sigmoid(1e-4, 0.02), new Betas.Trained(Collections.nCopies(1000, 0.01)));
        for (var kind : kinds) {
            var schedule = NoiseSchedule.of(kind, 1000, precision);
            assertTrue(schedule.abar(0) > 0.98 && schedule.abar(999) < 0.02, kind.toString());
            for (var t = 1; t < 1000; t++) {
                assertTrue(schedule.abar(t) < schedule.abar(t - 1), kind + " falls at " + t);
            }
        }
    }

    /// Nichol and Dhariwal: abar follows the squared cosine, up to the cap on the last betas.
    @Test
    void theCosineScheduleFollowsItsCurve() {
        var schedule = NoiseSchedule.of(new Betas.SquaredCosine());
        for (var t : List.of(0, 250, 700, 950)) {
            var curve = Math.pow(Math.cos(((t + 1) / 1000.0 + 0.008) / 1.008 * Math.PI / 2), 2);
            assertEquals(curve / Math.pow(Math.cos(0.008 / 1.008 * Math.PI / 2), 2), schedule.abar(t), 1e-9);
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 3.25, 500, 998.5, 999})
    void aSigmaFindsItsTimestep(double timestep) {
        // Sigma is linear between timesteps and the way back linear in its logarithm: exact at whole ones.
        var schedule = NoiseSchedule.of(SCALED);
        assertEquals(timestep, schedule.timestep(schedule.sigma(timestep)), timestep % 1 == 0 ? 1e-9 : 0.05);
    }

    @Test
    void trainedBetasNeedOneAStep() {
        var error = assertThrows(SamplingException.class,
                () -> NoiseSchedule.of(new Betas.Trained(List.of(0.1, 0.2))));
        assertEquals("2 trained betas for 1000 training steps; give one beta a step", error.getMessage());
    }
}
