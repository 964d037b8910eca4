package org.zoetrope.train;

import org.zoetrope.tensor.Tensor;

/// How surprising right answers are.
final class CrossEntropy {
    private static final double LEAST = 1e-9; // chance of an answer, so that logarithms stay finite

    private CrossEntropy() {}

    /// @param scores of every answer, before the softmax [..., answers]
    /// @param right  1 for the right answer, 0 for the others; zeros alone where a question does not count [..., answers]
    /// @return nats [...]; what does not count is 0
    static Tensor of(Tensor scores, Tensor right) {
        var counts = right.sum(false, -1);
        var chance = scores.softmax(-1).times(right).sum(false, -1);
        return chance.plus(counts.times(-1).plus(1)).clampMin(LEAST).log().times(-1);
    }
}
