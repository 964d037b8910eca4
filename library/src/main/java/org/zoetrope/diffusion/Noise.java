package org.zoetrope.diffusion;

import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;

/// Where a sampler gets fresh noise. Draws come in the order of the steps; how many a step takes stands with the
/// method.
@FunctionalInterface
public interface Noise {
    /// Unit Gaussian noise with the shape, type and device of `x`.
    Tensor like(Tensor x);

    /// Noise from a seeded stream, drawn in float32 on the CPU and moved.
    static Noise from(Rng rng) {
        return x -> rng.normal(x.shape()).like(x);
    }

    /// For methods that draw nothing; a draw is an error.
    static Noise none() {
        return _ -> {
            throw new SamplingException("this sampler draws noise on the way; give it a seeded Noise.from(rng)");
        };
    }
}
