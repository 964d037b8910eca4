package org.zoetrope.train;

import java.util.Arrays;
import org.zoetrope.tensor.Tensor;

/// Brings latents to about N(0, 1) for the denoiser.
///
/// @param mean of each channel
/// @param std  of each channel
public record LatentScale(double[] mean, double[] std) {
    /// One factor for all channels and no shift, as Stable Diffusion and CogVideoX have it.
    public static LatentScale ofFactor(double factor, int channels) {
        var std = new double[channels];
        Arrays.fill(std, 1 / factor);
        return new LatentScale(new double[channels], std);
    }

    /// @param latents [B, C, T, H, W]
    public Tensor normalised(Tensor latents) {
        return latents.minus(column(mean, latents)).div(column(std, latents));
    }

    private static Tensor column(double[] values, Tensor like) {
        return Tensor.of(values, 1, values.length, 1, 1, 1).like(like);
    }
}
