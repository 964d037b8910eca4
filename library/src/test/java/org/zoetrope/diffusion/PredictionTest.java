package org.zoetrope.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// The clean sample, the noise and every kind of output are one thing said in five ways. Numbers are float64.
class PredictionTest {
    private static final double X = 0.73;
    private static final double EPSILON = -1.19;

    /// Levels of the three families, with alpha and sigma between 1e-3 and 1 where the family allows.
    static Stream<Level> levels() {
        var angles = DoubleStream.of(0.001, 0.2, 0.9, 1.5, 1.5697);
        var preserving = angles.mapToObj(a -> new Level(Math.cos(a), Math.sin(a)));
        var exploding = DoubleStream.of(0.002, 0.5, 14.6, 700).mapToObj(Level::varianceExploding);
        var flow = DoubleStream.of(0.001, 0.3, 0.999).mapToObj(Level::flow);
        return Stream.of(preserving, exploding, flow).flatMap(s -> s);
    }

    static List<Prediction> kinds(Level at) {
        var all = Stream.of(Prediction.epsilon(), Prediction.sample(), Prediction.v(), Prediction.flow());
        var edm = Stream.<Prediction>of(new Prediction.Edm(0.5, false), new Prediction.Edm(1, true));
        return Stream.concat(all, at.alpha() == 1 ? edm : Stream.of()).toList();
    }

    @ParameterizedTest
    @MethodSource("levels")
    void everyOutputGivesBackTheSampleAndTheNoise(Level at) {
        Scope.run(() -> {
            var z = at.noisy(scalar(X), scalar(EPSILON));
            for (var kind : kinds(at)) {
                var output = kind.target(at).of(scalar(X), scalar(EPSILON));
                assertEquals(X, kind.clean(z, output, at).item(), room(at.ratio()), "sample of " + kind);
                assertEquals(EPSILON, kind.noise(z, output, at).item(), room(1 / at.ratio()), "noise of " + kind);
            }
        });
    }

    @ParameterizedTest
    @MethodSource("levels")
    void oneOutputSaidAsAnotherIsTheOther(Level at) {
        Scope.run(() -> {
            var z = at.noisy(scalar(X), scalar(EPSILON));
            for (var from : kinds(at)) {
                for (var to : kinds(at)) {
                    var output = from.target(at).of(scalar(X), scalar(EPSILON));
                    var expected = to.target(at).of(scalar(X), scalar(EPSILON)).item();
                    var worst = Math.max(at.ratio(), 1 / at.ratio());
                    assertEquals(expected, from.convert(z, output, at, to).item(), room(worst * worst),
                            from + " to " + to);
                }
            }
        });
    }

    /// The conversions can fail: v with its sign turned is none of them.
    @Test
    void aTurnedVelocityGivesAnotherSample() {
        Scope.run(() -> {
            var at = new Level(Math.cos(0.9), Math.sin(0.9));
            var z = at.noisy(scalar(X), scalar(EPSILON));
            var turned = Prediction.v().target(at).of(scalar(X), scalar(EPSILON)).negate();
            assertTrue(Math.abs(X - Prediction.v().clean(z, turned, at).item()) > 0.1);
        });
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.1, 0.7, 1.2})
    void vIsTheDerivativeOfTheStateByTheAngle(double phi) {
        Scope.run(() -> {
            var h = 1e-5;
            var ahead = new Level(Math.cos(phi + h), Math.sin(phi + h)).noisy(scalar(X), scalar(EPSILON)).item();
            var behind = new Level(Math.cos(phi - h), Math.sin(phi - h)).noisy(scalar(X), scalar(EPSILON)).item();
            var at = new Level(Math.cos(phi), Math.sin(phi));
            assertEquals((ahead - behind) / (2 * h), Prediction.v().target(at).of(scalar(X), scalar(EPSILON)).item(),
                    1e-6);
        });
    }

    @Test
    void aStepOfDdimIsARotation() {
        Scope.run(() -> {
            var schedule = NoiseSchedule.of(new Betas.ScaledLinear(0.00085, 0.012));
            var sampler = Ddim.of(schedule, Prediction.v(), Spacing.TRAILING);
            var plan = sampler.plan(10);
            var state = State.of(scalar(0.4));
            var v = scalar(-0.9);
            for (var step : plan.steps()) {
                var delta = angle(step.to()) - angle(step.from());
                var rotated = Math.cos(delta) * state.x().item() + Math.sin(delta) * v.item();
                state = sampler.step(plan, state, v, Noise.none());
                assertEquals(rotated, state.x().item(), 1e-12);
            }
        });
    }

    /// `w c_out^2 = 1`, and F of Stable Video Diffusion is v of the variance-preserving variable.
    @ParameterizedTest
    @ValueSource(doubles = {0.002, 0.5, 3, 700})
    void theNetworkOfEdmIsScaledToUnitLoss(double sigma) {
        Scope.run(() -> {
            var at = Level.varianceExploding(sigma);
            for (var edm : List.of(new Prediction.Edm(0.5, false), new Prediction.Edm(1, true))) {
                assertEquals(1, new LossWeight.Edm(edm.dataStd()).at(at, edm), 1e-9);
                var out = edm.outputScale(at).value();
                var d = edm.dataStd();
                assertEquals(1, (sigma * sigma + d * d) / (sigma * sigma * d * d) * out * out, 1e-12);
            }
            var f = new Prediction.Edm(1, true).target(at);
            var v = Prediction.v().target(at.variancePreserving());
            assertEquals(v.a(), f.a(), 1e-12 * Math.max(1, sigma));
            assertEquals(v.b(), f.b(), 1e-12);
        });
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.05, 0.8, 1.5})
    void lossesInDifferentSpacesDifferByAFactor(double phi) {
        var at = new Level(Math.cos(phi), Math.sin(phi));
        Scope.run(() -> {
            // Two outputs for one state: the errors of the sample that they mean.
            var z = at.noisy(scalar(X), scalar(EPSILON));
            double error = error(Prediction.v(), z, at), abar = at.alpha() * at.alpha();
            assertEquals(1, error / (at.sigma() * at.sigma()), 1e-12, "|v|^2 = |x|^2 / sigma^2");
            assertEquals(1, error / (1 - abar), 1e-12, "CogVideoX's weight 1 / (1 - abar) on x is plain v");
            assertTrue(Math.abs(1 - error / abar) > 1e-3, "the weight is not 1 / abar");
            assertEquals(1, at.snr() * error(Prediction.epsilon(), z, at), 1e-9, "|eps|^2 = snr |x|^2");
        });
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.05, 0.8, 1.5})
    void minSnrIsThePublishedWeightInEverySpace(double phi) {
        var at = new Level(Math.cos(phi), Math.sin(phi));
        var weight = new LossWeight.MinSnr(5);
        var least = Math.min(at.snr(), 5);
        assertEquals(least / at.snr(), weight.at(at, Prediction.epsilon()), 1e-12);
        assertEquals(least, weight.at(at, Prediction.sample()), 1e-12);
        assertEquals(least / (at.snr() + 1), weight.at(at, Prediction.v()), 1e-12);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.05, 0.8, 1.5})
    void theVelocitysErrorCountsAlikeInEverySpace(double phi) {
        var at = new Level(Math.cos(phi), Math.sin(phi));
        var weight = new LossWeight.Velocity(10);
        var least = Math.min(at.snr() + 1, 10);
        assertEquals(least, weight.at(at, Prediction.sample()), 1e-9);
        assertEquals(least / (at.snr() + 1), weight.at(at, Prediction.v()), 1e-12);
        assertEquals(1, new LossWeight.Velocity(Double.MAX_VALUE).at(at, Prediction.v()), 1e-9);
    }

    @Test
    void withoutSignalTheNoiseSaysNothing() {
        var nothing = new Level(0, 1);
        var error = assertThrows(SamplingException.class,
                () -> Scope.run(() -> Prediction.epsilon().clean(scalar(1), scalar(1), nothing)));
        assertThat(error).hasMessageContaining("use v or sample prediction");
        Scope.run(() -> assertEquals(-3, Prediction.v().clean(scalar(1), scalar(3), nothing).item()));
    }

    @Test
    void aBatchIsMixedSampleBySample() {
        Scope.run(() -> {
            var mixes = List.of(new Mix(1, 2), new Mix(-1, 0.5));
            var x = Tensor.of(new double[] {1, 2, 3, 4}, 2, 2);
            var y = Tensor.of(new double[] {10, 20, 30, 40}, 2, 2);
            var mixed = Mix.each(mixes, x, y).toDoubles();
            assertEquals(List.of(21.0, 42.0, 12.0, 16.0), DoubleStream.of(mixed).boxed().toList());
        });
    }

    /// The squared error of the sample per squared error of the output.
    private static double error(Prediction kind, Tensor z, Level at) {
        var a = kind.clean(z, scalar(0.3), at).item();
        var b = kind.clean(z, scalar(1.3), at).item();
        return (a - b) * (a - b);
    }

    private static double angle(Level at) {
        return Math.atan2(at.sigma(), at.alpha());
    }

    /// 1e-12 where one part of the state is as large as the other; dividing by a small part costs its share of digits.
    private static double room(double ratio) {
        return 1e-12 * Math.max(1, ratio);
    }

    private static Tensor scalar(double value) {
        return Tensor.of(new double[] {value}, 1);
    }
}
