package org.zoetrope.nn;

import static org.zoetrope.weights.Init.uniform;

import org.jspecify.annotations.Nullable;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Init;
import org.zoetrope.weights.Matrix;
import org.zoetrope.weights.Weights;

/// x W^T + b over the last axis.
///
/// @param matrix [out, in]
/// @param bias   [out], or absent
public record Linear(Matrix matrix, @Nullable Tensor bias) {
    /// A layer with a bias; fresh weights are drawn from U(-1/sqrt(in), 1/sqrt(in)).
    public Linear(Weights w, long in, long out) {
        this(w, in, out, true);
    }

    public Linear(Weights w, long in, long out, boolean withBias) {
        this(w, in, out, withBias, uniform(1 / Math.sqrt(in)));
    }

    /// A layer whose fresh weight and bias come from the given initialiser.
    public Linear(Weights w, long in, long out, boolean withBias, Init init) {
        this(w.matrix("weight", init, out, in), withBias ? w.get("bias", biasOf(init), out) : null);
    }

    // A normal initialiser is a statement about the matrix; its bias starts at zero as in every paper here.
    private static Init biasOf(Init init) {
        return init instanceof Init.Uniform ? init : Init.zeros();
    }

    /// @param x [..., in]
    /// @return [..., out]
    public Tensor forward(Tensor x) {
        // A matrix in eight bits is there as numbers for one product, not until its block has ended.
        return matrix.scale().isEmpty() ? x.linear(matrix.values(), bias) : Scope.run(() -> x.linear(matrix.numbers(), bias));
    }

    /// The matrix as numbers [out, in].
    public Tensor weight() {
        return matrix.numbers();
    }

    /// The type this layer computes in.
    public DType dtype() {
        return matrix.dtype();
    }
}
