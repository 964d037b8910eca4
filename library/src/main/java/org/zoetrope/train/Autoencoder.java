package org.zoetrope.train;

import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.nn.Posterior;
import org.zoetrope.tensor.Tensor;

/// Both directions of an autoencoder.
///
/// @param encode [B, 3, F, H, W] to the posterior of [B, C, T, h, w]
/// @param decode the way back
public record Autoencoder(Function<Tensor, Posterior> encode, UnaryOperator<Tensor> decode) {
    public static Autoencoder of(CogVideoXVae vae) {
        return new Autoencoder(vae::encode, vae::decode);
    }

    public static Autoencoder of(WanVae vae) {
        return new Autoencoder(vae::encode, vae::decode);
    }
}
