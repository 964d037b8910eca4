package org.zoetrope.nn;

import static org.zoetrope.weights.Init.uniform;

import org.jspecify.annotations.Nullable;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// A square convolution over [B, C, H, W].
///
/// @param weight [out, in, kernel, kernel]
/// @param bias   [out], or absent
public record Conv2d(Tensor weight, @Nullable Tensor bias, int stride, int padding) {
    public Conv2d(Weights w, long in, long out, int kernel, int stride, int padding) {
        this(w.get("weight", uniform(1 / Math.sqrt((double) in * kernel * kernel)), out, in, kernel, kernel),
                w.get("bias", uniform(1 / Math.sqrt((double) in * kernel * kernel)), out), stride, padding);
    }

    public Tensor forward(Tensor x) {
        return x.conv2d(weight, bias, stride, padding);
    }
}
