package org.zoetrope.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.zoetrope.diffusion.SkipGuidance.Kind;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

@InScope
class SkipGuidanceTest {
    private static Tensor draw(long seed) {
        return new Rng(seed).normal(2, 3, 4);
    }

    private static double difference(Tensor a, Tensor b) {
        return a.minus(b).abs().max().item();
    }

    /// V-50.
    @ParameterizedTest
    @EnumSource
    void aScaleOfZeroChangesNoBit(Kind kind) {
        var guided = draw(1);
        assertThat(new SkipGuidance(List.of(1), 0, kind, 0.7).combine(guided, draw(2), draw(3)).toFloats()).isEqualTo(guided.toFloats());
    }

    /// V-51: a network that lost nothing is no weaker.
    @Test
    void nothingSkippedPushesNowhere() {
        var cond = draw(2);
        assertThat(SkipGuidance.of(5).combine(draw(1), cond, cond).toFloats()).isEqualTo(draw(1).toFloats());
    }

    @Test
    void bothFormsAreThoseOfThePublicCode() {
        Tensor guided = draw(1), cond = draw(2), skipped = draw(3);
        assertThat(difference(SkipGuidance.of(2).combine(guided, cond, skipped), guided.plus(cond.times(2)).minus(skipped.times(2))))
                .isLessThan(1e-6);
        assertThat(difference(SkipGuidance.of(2).kind(Kind.GUIDED).combine(guided, cond, skipped), guided.times(3).minus(skipped.times(2))))
                .isLessThan(1e-6);
    }

    @Test
    void rescalingBringsTheSpreadBack() {
        Tensor guided = draw(1), cond = draw(2), skipped = draw(3);
        var whole = new SkipGuidance(List.of(0), 4, Kind.PROMPTED, 1).combine(guided, cond, skipped);
        assertThat(difference(whole.std(false, 1, 2), cond.std(false, 1, 2))).isLessThan(1e-5);
    }

    @Test
    void blocksAreASet() {
        assertThat(SkipGuidance.of(1).blocks(List.of(5, 2, 5)).blocks()).containsExactly(2, 5);
        assertThatThrownBy(() -> SkipGuidance.of(-1)).isInstanceOf(SamplingException.class).hasMessageContaining("-1");
    }
}
