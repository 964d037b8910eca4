package org.zoetrope.pipeline;

/// How a model cuts clips: pixels into latents, latents into tokens.
///
/// @param strideXY    pixels along width and height of a latent cell
/// @param strideT     frames of a latent frame, behind the first
/// @param patch       latent cells along width and height of a token
/// @param patchFrames latent frames of a token
/// @param blocks      transformer blocks of the network
/// @param width       numbers of a token inside the network
/// @param joint       text and video attend in one sequence; otherwise video looks at text by cross-attention
/// @param fixed       the model takes its default size and length alone
/// @param takesImage  the model animates a picture instead of starting from noise alone
public record Geometry(int strideXY, int strideT, int patch, int patchFrames, int blocks, int width, boolean joint,
        boolean fixed, boolean takesImage) {
    /// Pixels that width and height must be a multiple of.
    public int sizeStep() {
        return strideXY * patch;
    }

    /// Latent frames of a clip.
    public int latentFrames(int frames) {
        return (frames - 1) / strideT + 1;
    }

    /// Latent frames that are put in front so that the network can join them.
    public int padding(int frames) {
        return Math.floorMod(-latentFrames(frames), patchFrames);
    }

    /// The latent frame that a frame of the clip belongs to, padding left out.
    public int latentFrame(int frame) {
        return frame == 0 ? 0 : (frame - 1) / strideT + 1;
    }
}
