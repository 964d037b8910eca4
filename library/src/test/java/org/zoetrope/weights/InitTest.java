package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;

class InitTest {
    private static double[] draw(Init init, long... shape) {
        try (var _ = Scope.open()) {
            return init.draw(new Rng(5), DType.FLOAT32, Device.CPU, shape).toDoubles();
        }
    }

    private static double variance(double[] values) {
        return Arrays.stream(values).map(v -> v * v).average().orElseThrow();
    }

    @Test
    void constantsAreConstant() {
        assertThat(draw(Init.zeros(), 3)).containsOnly(0);
        assertThat(draw(Init.ones(), 3)).containsOnly(1);
        assertThat(draw(Init.constant(-0.5), 3)).containsOnly(-0.5);
    }

    @Test
    void normalHasItsDeviation() {
        assertThat(variance(draw(Init.normal(0.02), 100, 100))).isCloseTo(0.0004, within(2e-5));
    }

    @Test
    void uniformStaysInItsBound() {
        var drawn = draw(Init.uniform(0.3), 10_000);
        assertThat(Arrays.stream(drawn).min().orElseThrow()).isBetween(-0.3 - 1e-7, -0.299);
        assertThat(Arrays.stream(drawn).max().orElseThrow()).isBetween(0.299, 0.3 + 1e-7);
    }

    /// The variance of U(-b, b) is b^2 / 3.
    @Test
    void xavierHasVarianceTwoOverFanInPlusFanOut() {
        assertThat(variance(draw(Init.xavierUniform(), 40, 20, 3, 3))).isCloseTo(2.0 / (9 * 40 + 9 * 20), within(2e-4));
    }

    /// torch.nn.Linear uses kaiming_uniform(a = sqrt(5)), whose bound is sqrt(6 / (6 fan in)).
    @Test
    void linearIsBoundedByOneOverTheRootOfFanIn() {
        var bound = 1 / Math.sqrt(16 * 27);
        var drawn = draw(Init.linear(), 32, 16, 3, 3, 3);
        assertThat(Arrays.stream(drawn).map(Math::abs).max().orElseThrow()).isBetween(0.99 * bound, bound + 1e-7);
        assertThat(Init.linear(16 * 27)).isEqualTo(Init.uniform(bound));
    }

    @Test
    void aVectorHasNoFanIn() {
        assertThatThrownBy(() -> draw(Init.linear(), 8)).hasMessageContaining("[8] has no fan in; use linear(fanIn)");
    }

    @Test
    void theTypeDoesNotChangeTheDraw() {
        try (var _ = Scope.open()) {
            var full = Init.normal(1).draw(new Rng(5), DType.FLOAT32, Device.CPU, 64);
            var half = Init.normal(1).draw(new Rng(5), DType.BFLOAT16, Device.CPU, 64);
            assertThat(half.toFloats()).isEqualTo(full.to(DType.BFLOAT16).toFloats());
        }
    }
}
