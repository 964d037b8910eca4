package org.zoetrope.nn;

import static org.zoetrope.weights.Init.ones;
import static org.zoetrope.weights.Init.zeros;

import org.jspecify.annotations.Nullable;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
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

    /// Whether [#folded(Tensor, Tensor, Tensor)] takes this input: one sample on the CPU, in float32 or less. Whether
    /// gradients are recorded makes no difference, so that what is compared with and without them is equal to the bit.
    public static boolean folds(Tensor x) {
        return x.size(0) == 1 && x.device().kind() == Device.Kind.CPU && x.dtype().bytes() <= Float.BYTES;
    }

    /// norm(x) (1 + scale) + shift in one pass over memory: what a condition makes of the norm is one more scale and shift
    /// of its channels. Computed in float32, and rounded once.
    ///
    /// @param x     [1, tokens, D]
    /// @param shift [1, 1, D]
    /// @param scale [1, 1, D]
    /// @return shaped and typed like x
    public Tensor folded(Tensor x, Tensor shift, Tensor scale) {
        var gain = scale.to(DType.FLOAT32).plus(1).flatten(0, -1);
        var offset = shift.to(DType.FLOAT32).flatten(0, -1);
        return x.layerNorm(weight == null ? gain : gain.times(weight.to(DType.FLOAT32)),
                bias == null ? offset : offset.plus(gain.times(bias.to(DType.FLOAT32))), epsilon);
    }
}
