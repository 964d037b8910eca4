package org.zoetrope.nn;

import static org.zoetrope.weights.Init.ones;

import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// x / rms(x) over the last axis, scaled by channel (arXiv 1910.07467, equation 4); the mean square is taken in
/// float32, and the result has the type of the scale.
public record RmsNorm(Tensor weight, double epsilon) {
    public RmsNorm(Weights w, long width, double epsilon) {
        this(w.get("weight", ones(), width), epsilon);
    }

    public Tensor forward(Tensor x) {
        var wide = x.to(DType.FLOAT32);
        return wide.times(wide.square().mean(true, -1).plus(epsilon).rsqrt()).to(weight.dtype()).times(weight);
    }
}
