package org.zoetrope.nn;

import static org.zoetrope.weights.Init.ones;
import static org.zoetrope.weights.Init.zeros;

import org.jspecify.annotations.Nullable;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// Normalises the last axis to mean 0 and variance 1, then scales and shifts where it has parameters.
public record LayerNorm(@Nullable Tensor weight, @Nullable Tensor bias, double epsilon) {
    public LayerNorm(Weights w, long width, double epsilon) {
        this(w, width, epsilon, true);
    }

    /// @param affine whether the norm has a learned scale and shift
    public LayerNorm(Weights w, long width, double epsilon, boolean affine) {
        this(affine ? w.get("weight", ones(), width) : null, affine ? w.get("bias", zeros(), width) : null, epsilon);
    }

    public Tensor forward(Tensor x) {
        return x.layerNorm(weight, bias, epsilon);
    }
}
