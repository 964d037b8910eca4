package org.zoetrope.nn;

import java.util.List;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// What an autoencoder says of the latents of given frames (arXiv 1312.6114): a diagonal Gaussian, mean and log-variance
/// both [B, C, T, H, W].
public record Posterior(Tensor mean, Tensor logVariance) implements Tensors {
    /// Halves of an encoder's output, the log-variance within the bounds of the released code.
    public static Posterior of(Tensor moments) {
        var halves = moments.chunk(2, 1);
        return new Posterior(halves.get(0), halves.get(1).clamp(-30, 20));
    }

    /// mean + std * noise.
    public Tensor sample(Tensor noise) {
        return mean.plus(logVariance.times(0.5).exp().times(noise));
    }

    /// The divergence from N(0, 1), summed over everything but the batch: [B].
    public Tensor divergence() {
        return mean.square().plus(logVariance.exp()).minus(1).minus(logVariance).times(0.5).sum(false, 1, 2, 3, 4);
    }

    @Override
    public List<Tensor> tensors() {
        return List.of(mean, logVariance);
    }
}
