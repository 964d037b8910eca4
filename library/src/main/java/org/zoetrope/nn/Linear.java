package org.zoetrope.nn;

import static org.zoetrope.weights.Init.uniform;

import org.jspecify.annotations.Nullable;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Init;
import org.zoetrope.weights.Weights;

/// x W^T + b over the last axis.
///
/// @param weight [out, in]
/// @param bias   [out], or absent
public record Linear(Tensor weight, @Nullable Tensor bias) {
    /// A layer with a bias; fresh weights are drawn from U(-1/sqrt(in), 1/sqrt(in)).
    public Linear(Weights w, long in, long out) {
        this(w, in, out, true);
    }

    public Linear(Weights w, long in, long out, boolean withBias) {
        this(w, in, out, withBias, uniform(1 / Math.sqrt(in)));
    }

    /// A layer whose fresh weight and bias come from the given initialiser.
    public Linear(Weights w, long in, long out, boolean withBias, Init init) {
        this(w.get("weight", init, out, in), withBias ? w.get("bias", biasOf(init), out) : null);
    }

    // A normal initialiser is a statement about the matrix; its bias starts at zero as in every paper here.
    private static Init biasOf(Init init) {
        return init instanceof Init.Uniform ? init : Init.zeros();
    }

    /// @param x [..., in]
    /// @return [..., out]
    public Tensor forward(Tensor x) {
        return x.linear(weight, bias);
    }
}
