package org.zoetrope.tensor;

import java.util.function.Function;

/// Memory for the scores of some queries among some keys, written again and again: pages that are new can cost more than the
/// product that fills them. Where oneDNN has a softmax for them they lie in a matrix of oneDNN's, so that nothing is copied.
final class ScoreTile {
    private final boolean isOneDnn;
    private final Tensor matrix;
    private final Tensor scores;

    ScoreTile(DType dtype, long rows, long columns) {
        isOneDnn = OneDnn.computes(dtype);
        matrix = isOneDnn ? OneDnn.matrix(dtype, rows, columns) : Tensor.zeros(dtype, Device.CPU, rows, columns);
        scores = isOneDnn ? OneDnn.numbers(matrix) : matrix;
    }

    /// [rows, columns], to be read and written.
    Tensor scores() {
        return scores;
    }

    /// Hands the softmax of each row over, [rows, columns], which is there until `use` returns. Its exponentials, sums and largest
    /// values are float32.
    <T> T shares(Function<Tensor, T> use) {
        return Scope.run(() -> {
            var shares = matrix.softmax(-1);
            return use.apply(isOneDnn ? OneDnn.numbers(shares) : shares);
        });
    }
}
