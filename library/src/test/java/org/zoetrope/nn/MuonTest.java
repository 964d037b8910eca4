package org.zoetrope.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;

class MuonTest {
    private static final double[] SINGULAR = {1, 0.3, 0.1, 0.03};

    /// An orthogonal matrix: Hadamard's, scaled.
    private static Tensor orthogonal(int n) {
        var values = new double[n * n];
        for (var i = 0; i < n; i++) {
            for (var j = 0; j < n; j++) {
                values[i * n + j] = (Integer.bitCount(i & j) % 2 == 0 ? 1 : -1) / Math.sqrt(n);
            }
        }
        return Tensor.of(values, n, n).to(DType.FLOAT32);
    }

    /// [rows, 8] with these singular values: the left vectors are the first columns of one orthogonal matrix, the right ones
    /// of another.
    private static Tensor matrix(int rows) {
        var left = orthogonal(rows).narrow(1, 0, 4);
        var right = orthogonal(8).narrow(1, 2, 4);
        return left.times(Tensor.of(SINGULAR, 4).to(DType.FLOAT32)).matmul(right.transpose(0, 1));
    }

    @Test
    void everyDirectionOfAMatrixComesOutAlike() {
        try (var _ = Scope.open()) {
            for (var rows : new int[]{4, 8, 32}) {
                var result = Muon.orthogonal(matrix(rows)).to(DType.FLOAT32);
                assertThat(result.shape()).containsExactly(rows, 8);
                var inside = orthogonal(rows).narrow(1, 0, 4).transpose(0, 1).matmul(result).matmul(orthogonal(8).narrow(1, 2, 4)).toFloats();
                for (var i = 0; i < 4; i++) {
                    for (var j = 0; j < 4; j++) {
                        if (i == j) {
                            assertThat(inside[i * 4 + j]).as("singular value %s", SINGULAR[i]).isBetween(0.6f, 1.3f);
                        } else {
                            assertThat(inside[i * 4 + j]).isBetween(-0.05f, 0.05f);
                        }
                    }
                }
            }
        }
    }

    @Test
    void aMatrixOfZerosStaysOne() {
        try (var _ = Scope.open()) {
            assertThat(Muon.orthogonal(Tensor.zeros(3, 5)).abs().max().item()).isZero();
        }
    }

    /// The root mean square of a move is a fifth of the rate whatever the gradient's size, as AdamW's is about that.
    @Test
    void aMoveHasTheSizeOfTheRate() {
        try (var _ = Scope.open()) {
            for (var size : new double[]{1e-6, 1, 1e6}) {
                var parameter = Tensor.zeros(8, 8);
                var muon = new Muon(new LinkedHashMap<>(Map.of("w", parameter)), 0);
                muon.step("w", 1, 0.01, orthogonal(8).times(size));
                assertThat(Math.sqrt(parameter.square().mean().item())).isBetween(0.6 * 0.002, 1.3 * 0.002);
            }
        }
    }

    /// The kernel of a convolution is the matrix of its output channels.
    @Test
    void aKernelMovesAsTheMatrixOfItsRows() {
        try (var _ = Scope.open()) {
            var gradient = matrix(4);
            var flat = Tensor.zeros(4, 8);
            new Muon(new LinkedHashMap<>(Map.of("w", flat)), 0).step("w", 1, 0.01, gradient);
            var kernel = Tensor.zeros(4, 2, 1, 2, 2);
            new Muon(new LinkedHashMap<>(Map.of("w", kernel)), 0).step("w", 1, 0.01, gradient.reshape(4, 2, 1, 2, 2));
            assertThat(kernel.toFloats()).isEqualTo(flat.toFloats()).isNotEqualTo(new float[32]);
        }
    }

    @Test
    void aVectorIsRefusedByName() {
        try (var _ = Scope.open()) {
            var vector = new LinkedHashMap<>(Map.of("norm.bias", Tensor.zeros(4)));
            assertThatThrownBy(() -> new Muon(vector, 0)).isInstanceOf(ShapeException.class).hasMessageContaining("norm.bias").hasMessageContaining("AdamW");
        }
    }
}
