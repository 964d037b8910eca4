package org.zoetrope.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;

/// Momentum whose matrix is brought near the orthogonal one before each move (arXiv 2502.16982, section 2), for the matrices
/// inside a network and the kernels of its convolutions, which are matrices of as many rows as channels come out; embeddings,
/// vectors and the first and last layer are for [AdamW].
///
/// A gradient is mostly of a few directions, those that lower the loss most; here all directions move alike, so what lowers
/// the loss by little is learned early too.
public final class Muon implements Optimizer {
    private static final double MOMENTUM = 0.95;
    /// The size of an update of [AdamW] (arXiv 2502.16982, equation 4), so that one learning rate serves both.
    private static final double ROOT_MEAN_SQUARE = 0.2;
    private static final int ITERATIONS = 5;

    private record Slot(Tensor parameter, Tensor momentum) {}

    private final SequencedMap<String, Slot> slots = new LinkedHashMap<>();
    private final double decay;

    /// Starts without momentum, in memory that belongs to the scope open now.
    ///
    /// @param matrices parameters of two axes or more; those behind the first are one
    /// @param decay    weight decay per step and unit of learning rate
    /// @throws ShapeException if a parameter has fewer axes
    public Muon(SequencedMap<String, Tensor> matrices, double decay) {
        this.decay = decay;
        matrices.forEach((name, p) -> {
            if (p.rank() < 2) {
                throw new ShapeException("Muon moves matrices, \"" + name + "\" has " + p.rank() + " axes; give it to AdamW");
            }
            slots.put(name, new Slot(p, Tensor.zeros(p.dtype(), p.device(), p.shape())));
        });
    }

    /// Whether this parameter is one of its matrices.
    public boolean moves(String name) {
        return slots.containsKey(name);
    }

    @Override
    public void step(String name, int step, double learningRate, Tensor gradient) {
        var slot = Objects.requireNonNull(slots.get(name), name);
        Scope.run(() -> {
            var target = slot.parameter.detach();
            var momentum = slot.momentum.lerpInPlace(gradient, 1 - MOMENTUM);
            var rows = target.size(0);
            var columns = target.count() / rows;
            var update = orthogonal(gradient.lerp(momentum, MOMENTUM).reshape(rows, columns)).reshape(target.shape()).like(target);
            target.timesInPlace(1 - learningRate * decay);
            target.addInPlace(update, -learningRate * ROOT_MEAN_SQUARE * Math.sqrt(Math.max(rows, columns)));
        });
    }

    /// The orthogonal matrix nearest to this one, nearly: its singular values come out between 0.6 and 1.3 wherever they were
    /// above a thousandth of their norm, its directions stay. Newton-Schulz iterations (arXiv 2502.16982, equation 2) in
    /// bfloat16, whose rounding is far below that.
    ///
    /// @param matrix [M, N]
    /// @return [M, N], bfloat16
    public static Tensor orthogonal(Tensor matrix) {
        var tall = matrix.size(0) > matrix.size(1);
        var wide = tall ? matrix.transpose(0, 1) : matrix;
        var x = wide.div(wide.norm(true, 0, 1).clampMin(1e-12)).to(DType.BFLOAT16).contiguous();
        for (var i = 0; i < ITERATIONS; i++) {
            var square = x.matmul(x.transpose(0, 1));
            var odd = square.times(-4.7750).plus(square.matmul(square).times(2.0315));
            x = x.times(3.4445).plus(odd.matmul(x));
        }
        return tall ? x.transpose(0, 1) : x;
    }

    @Override
    public Map<String, Tensor> state() {
        var state = new LinkedHashMap<String, Tensor>();
        slots.forEach((name, slot) -> state.put("momentum." + name, slot.momentum));
        return state;
    }
}
