package org.zoetrope.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.tensor.Rng;

/// Kolmogorov-Smirnov tests at p = 0.001 on 20 000 draws of a fixed seed.
class TimeSamplerTest {
    private static final int DRAWS = 20_000;
    /// Above this the distance of 20 000 draws from their law has a probability under 0.001.
    private static final double CRITICAL = 1.9495 / Math.sqrt(DRAWS);

    @Test
    void uniformTimesAreUniform() {
        assertTrue(distance(new TimeSampler.Uniform(), t -> t) < CRITICAL);
        assertTrue(distance(new TimeSampler.Uniform(), t -> t * t) > CRITICAL, "and not something else");
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "0.5, 0.6", "-1, 2"})
    void logitNormalTimesHaveANormalLogit(double mean, double std) {
        DoubleUnaryOperator law = t -> normal((Math.log(t / (1 - t)) - mean) / std);
        assertTrue(distance(new TimeSampler.LogitNormal(mean, std), law) < CRITICAL);
        assertTrue(distance(new TimeSampler.LogitNormal(mean + 0.1, std), law) > CRITICAL, "and not something else");
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.8, 0, 0.81, 1.29})
    void modeTimesAreTheirMapOfUniformOnes(double scale) {
        // The map falls from 1 to 0, so the law is one minus its inverse, found by bisection.
        DoubleUnaryOperator law = t -> {
            double low = 0, high = 1;
            for (var i = 0; i < 50; i++) {
                var u = (low + high) / 2;
                if (1 - u - scale * (Math.pow(Math.cos(Math.PI * u / 2), 2) - 1 + u) > t) {
                    low = u;
                } else {
                    high = u;
                }
            }
            return 1 - low;
        };
        assertTrue(distance(new TimeSampler.Mode(scale), law) < CRITICAL);
        assertTrue(distance(new TimeSampler.Mode(scale - 0.19), law) > CRITICAL, "and not something else");
    }

    @Test
    void aStratifiedBatchHasOneTimeInEveryInterval() {
        var n = 64;
        var times = new TimeSampler.Stratified().draw(new Rng(3), n);
        for (var i = 0; i < n; i++) {
            assertTrue(i <= times[i] * n && times[i] * n < i + 1, "sample %d at %s".formatted(i, times[i]));
        }
        assertTrue(distance(new TimeSampler.Stratified(), t -> t) < CRITICAL / 10, "far evener than chance");
    }

    @Test
    void theSigmasOfEdmAreLogNormal() {
        var sigmas = TimeSampler.logNormalSigmas(new Rng(3), DRAWS, -1.2, 1.2);
        assertTrue(distance(sigmas, s -> normal((Math.log(s) + 1.2) / 1.2)) < CRITICAL);
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "0.0009, 0", "0.001, 1", "0.5, 500", "0.9999, 999", "1, 999"})
    void aTimeFallsIntoATimestep(double t, int timestep) {
        assertEquals(timestep, TimeSampler.timestep(t, 1000));
    }

    @Test
    void aMapThatFoldsIsRefused() {
        assertThrows(SamplingException.class, () -> new TimeSampler.Mode(2));
        assertThrows(SamplingException.class, () -> new TimeSampler.LogitNormal(0, 0));
    }

    private static double distance(TimeSampler sampler, DoubleUnaryOperator law) {
        return distance(sampler.draw(new Rng(3), DRAWS), law);
    }

    /// The largest distance between the draws and their law.
    private static double distance(double[] draws, DoubleUnaryOperator law) {
        Arrays.sort(draws);
        var worst = 0.0;
        for (var i = 0; i < draws.length; i++) {
            var p = law.applyAsDouble(draws[i]);
            worst = Math.max(worst, Math.max((i + 1.0) / draws.length - p, p - (double) i / draws.length));
        }
        return worst;
    }

    /// The cumulative normal distribution (Abramowitz and Stegun 26.2.17, error under 1e-7).
    private static double normal(double x) {
        var t = 1 / (1 + 0.2316419 * Math.abs(x));
        var tail = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI) * t * (0.319381530 + t * (-0.356563782
                + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
        return x >= 0 ? 1 - tail : tail;
    }
}
