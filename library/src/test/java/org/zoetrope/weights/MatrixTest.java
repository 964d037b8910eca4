package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

@InScope
class MatrixTest {
    /// Rows of very different sizes, one of them with a single large weight.
    private static Tensor weights(long seed) {
        var rng = new Rng(seed);
        var rows = rng.normal(64, 1).times(3).exp();
        return Tensor.cat(List.of(rng.normal(64, 48).times(rows), rng.normal(1, 48).plus(Tensor.cat(
                List.of(Tensor.full(40, 1, 1), Tensor.zeros(1, 47)), 1))), 0);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void noWeightMovesByMoreThanHalfAStep(long seed) {
        var weight = weights(seed);
        var matrix = Matrix.int8(weight, DType.FLOAT32);
        assertThat(matrix.values().dtype()).isEqualTo(DType.INT8);
        var scale = matrix.scale().orElseThrow();
        assertThat(scale.shape()).containsExactly(65, 1);
        var steps = matrix.numbers().minus(weight).abs().div(scale);
        assertThat(steps.max().item()).isLessThanOrEqualTo(0.5 + 1e-4); // rounding of the quotient by up to 127 in float32
    }

    @Test
    void whatEightBitsHoldStaysAsItIs() {
        var weight = Tensor.of(new float[] {127, -127, 5, 0, 0, 0, 0, 0, 0.5f * 127, 0.5f, -1, 2}, 3, 4);
        assertThat(Matrix.int8(weight, DType.FLOAT32).numbers().toFloats()).isEqualTo(weight.toFloats());
    }

    /// Scales are exact in bfloat16, so that both types compute with the same matrix up to one rounding.
    @Test
    void theTypeToComputeInMakesNoDifferenceBeyondItsOwnRounding() {
        var weight = weights(7);
        var narrow = Matrix.int8(weight, DType.BFLOAT16).numbers();
        assertThat(narrow.dtype()).isEqualTo(DType.BFLOAT16);
        assertThat(narrow.toFloats()).isEqualTo(Matrix.int8(weight, DType.FLOAT32).numbers().to(DType.BFLOAT16).toFloats());
    }

    /// Only what a layer calls a matrix, and not where a branch asks to stay whole or has a type of its own.
    @Test
    void aTreeKeepsMatricesInEightBitsAndNothingElse(@TempDir Path folder) {
        var file = folder.resolve("model.safetensors");
        var tensors = new LinkedHashMap<String, Tensor>();
        for (var name : List.of("a.weight", "b.weight", "c.weight", "norm.weight")) {
            tensors.put(name, new Rng(name.hashCode()).normal(6, 4));
        }
        SafetensorsWriter.write(file, tensors);
        var loaded = Weights.loadTree(file, LoadOptions.to(DType.BFLOAT16, Device.CPU).int8(true), w -> List.of(
                w.at("a").matrix("weight", Init.zeros(), 6, 4), w.at("b").whole().matrix("weight", Init.zeros(), 6, 4),
                w.at("c").as(DType.FLOAT32).matrix("weight", Init.zeros(), 6, 4),
                Matrix.plain(w.at("norm").get("weight", Init.zeros(), 6, 4))));
        assertThat(loaded.model()).extracting(m -> m.values().dtype()).containsExactly(DType.INT8, DType.BFLOAT16,
                DType.FLOAT32, DType.BFLOAT16);
        assertThat(loaded.model().getFirst().dtype()).isEqualTo(DType.BFLOAT16);
        assertThat(loaded.tree()).containsOnlyKeys("a.weight", "a.weight_scale", "b.weight", "c.weight", "norm.weight");
    }
}
