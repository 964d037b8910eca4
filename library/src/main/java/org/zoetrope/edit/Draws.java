package org.zoetrope.edit;

import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;

/// Where a method gets its noise: every draw of every step has a stream of its own, so that skipping steps or averaging
/// over more draws does not shift the noise of the others.
@FunctionalInterface
public interface Draws {
    /// Unit Gaussian noise shaped like `x`; the same numbers whenever step and draw are the same.
    ///
    /// @param step index in the whole run
    /// @param draw counted from 0 within the step
    Tensor noise(int step, int draw, Tensor x);

    /// Draws of a seed, in float32 on the CPU, moved to the type and device of x.
    static Draws of(long seed) {
        return (step, draw, x) -> new Rng(mixed(mixed(mixed(seed) + step) + draw)).normal(x.shape()).like(x);
    }

    /// The finaliser of SplitMix64: neighbouring numbers become unrelated ones.
    private static long mixed(long number) {
        var z = number + 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
