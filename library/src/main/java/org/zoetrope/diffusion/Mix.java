package org.zoetrope.diffusion;

import java.util.Arrays;
import java.util.List;
import org.zoetrope.tensor.Tensor;

/// A linear combination `a x + b y`. Everything that is converted at one noise level is one.
public record Mix(double a, double b) {
    /// `a x + b y`.
    public Tensor of(Tensor x, Tensor y) {
        if (a == 0) {
            return scaled(y, b);
        }
        return b == 0 ? scaled(x, a) : scaled(x, a).plus(scaled(y, b));
    }

    /// Combines sample i of two batches with the coefficients of mix i: training draws a level for every sample.
    ///
    /// @param x [B, ...]
    /// @param y [B, ...]
    public static Tensor each(List<Mix> mixes, Tensor x, Tensor y) {
        var shape = new long[x.rank()];
        Arrays.fill(shape, 1);
        shape[0] = mixes.size();
        var a = Tensor.of(mixes.stream().mapToDouble(Mix::a).toArray(), shape).like(x);
        var b = Tensor.of(mixes.stream().mapToDouble(Mix::b).toArray(), shape).like(x);
        return x.times(a).plus(y.times(b));
    }

    private static Tensor scaled(Tensor x, double factor) {
        return factor == 1 ? x : x.times(factor);
    }
}
