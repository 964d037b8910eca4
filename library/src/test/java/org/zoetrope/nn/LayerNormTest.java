package org.zoetrope.nn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

class LayerNormTest {
    private final Rng rng = new Rng(9);

    private double error(LayerNorm norm, DType dtype) {
        var x = rng.normal(1, 50, 96).times(3).plus(1).to(dtype);
        Tensor shift = rng.normal(1, 1, 96), scale = rng.normal(1, 1, 96);
        var plain = norm.forward(x.to(DType.FLOAT32)).times(scale.plus(1)).plus(shift);
        var folded = norm.folded(x, shift, scale);
        assertThat(folded.dtype()).isEqualTo(dtype);
        return folded.to(DType.FLOAT32).minus(plain).abs().max().item() / plain.abs().max().item();
    }

    @Test
    void whatAConditionMakesOfANormIsFoldedIntoIt() {
        Scope.run(() -> {
            var affine = new LayerNorm(rng.normal(96), rng.normal(96), 1e-5);
            for (var norm : List.of(affine, new LayerNorm(null, null, 1e-6))) {
                assertThat(error(norm, DType.FLOAT32)).isLessThan(2e-6);
                assertThat(error(norm, DType.BFLOAT16)).isLessThan(4e-3); // one rounding to 8 bits
            }
        });
    }

    /// A batch has a condition for each sample, and float64 is meant to be computed as such.
    @Test
    void aBatchAndDoublePrecisionAreNotFolded() {
        Scope.run(() -> {
            var one = Tensor.zeros(1, 4, 8);
            assertThat(LayerNorm.folds(one)).isTrue();
            assertThat(LayerNorm.folds(Tensor.zeros(2, 4, 8))).isFalse();
            assertThat(LayerNorm.folds(one.to(DType.FLOAT64))).isFalse();
        });
    }
}
