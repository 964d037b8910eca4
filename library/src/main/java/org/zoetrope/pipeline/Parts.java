package org.zoetrope.pipeline;

import java.util.Optional;
import java.util.function.Function;
import org.zoetrope.diffusion.Sampler;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.models.text.Tokenizer;
import org.zoetrope.nn.Drift;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// Everything about a model folder but its weights: the configs, read once and checked against one another, and what
/// follows from them. There is one record for each published family; nothing else in this room knows a family by name.
sealed interface Parts permits CogVideoXParts, WanParts {
    /// What folders of all families have in common.
    ///
    /// @param samplerName published class of the scheduler
    record Common(ModelFolder folder, Optional<T5Encoder.Config> text, Optional<Tokenizer> tokenizer, Sampler sampler,
            String samplerName) {}

    /// Pixels of the tiles that large pictures are cut into, and from one to the next.
    record Tile(int width, int height, int strideX, int strideY) {
        /// How often a pixel of such a picture is decoded on average, because tiles overlap.
        double overlap(int pictureWidth, int pictureHeight) {
            return covered(pictureWidth, width, strideX) * covered(pictureHeight, height, strideY) / pictureWidth / pictureHeight;
        }

        private static double covered(int length, int tile, int stride) {
            var total = 0L;
            for (var start = 0; start < length; start += stride) {
                total += Math.min(tile, length - start);
            }
            return total;
        }
    }

    /// @throws org.zoetrope.weights.ConfigException with the problems of all components
    static Parts read(ModelFolder folder) {
        return switch (folder.kind().family()) {
            case COG_VIDEO_X -> CogVideoXParts.read(folder);
            case WAN -> WanParts.read(folder);
        };
    }

    Common common();

    Defaults defaults();

    // ---------------------------------------------------------------- sizes

    /// Pixels per latent along height and width.
    int strideXY();

    /// Frames per latent frame, behind the first.
    int strideT();

    int latentChannels();

    /// Pixels that width and height must be a multiple of.
    int sizeStep();

    /// The sizes that callers outside of this room ask for.
    Geometry geometry();

    /// Latent frames that are put in front of a clip for the network's sake.
    default int padding(int frames) {
        return 0;
    }

    /// Latent frames of a clip.
    default int latentFrames(int frames) {
        return (frames - 1) / strideT() + 1;
    }

    /// [1, T, C, H, W] of the latents that the network sees, padding included.
    default long[] latentShape(Recipe recipe) {
        return new long[] {1, latentFrames(recipe.frames()) + padding(recipe.frames()), latentChannels(),
                recipe.height() / strideXY(), recipe.width() / strideXY()};
    }

    /// Video tokens of the network's sequence.
    long videoTokens(int width, int height, int frames);

    /// Why the network has no positions for a clip that its autoencoder could take; empty if it has.
    Optional<String> beyondPositions(int width, int height, int frames);

    /// How the network's changes from step to step are counted, for runs that take over what earlier steps computed.
    Drift drift();

    // ---------------------------------------------------------------- words

    /// Tokens of a prompt that are read.
    int textTokens();

    /// Width of text features.
    int textWidth();

    /// A prompt as the family reads it. Only for folders with a tokenizer.
    TokenizedPrompt tokens(String prompt);

    /// Text features [1, L, D] of a prompt.
    Tensor features(T5Encoder encoder, TokenizedPrompt prompt, Device device);

    // ---------------------------------------------------------------- weights

    Network network(Weights w);

    Codec codec(Weights w);

    /// How the image encoder is built, where the network reads features of the frame it starts from.
    default Optional<Function<Weights, Eye>> eye() {
        return Optional.empty();
    }

    /// The number type of the autoencoder in a model that otherwise runs in this one.
    default DType codecType(DType dtype) {
        return dtype;
    }

    Tile tile();

    // ---------------------------------------------------------------- costs, see Estimate

    /// Length of the network's sequence.
    long sequence(long words, long videoTokens);

    double denoiseFlops(long words, long videoTokens);

    /// Those of them that are attention.
    double attentionFlops(long words, long videoTokens);

    long denoiseBytes(long words, long videoTokens, DType dtype, int batch);

    /// Operations of looking at one picture.
    default double lookFlops() {
        return 0;
    }

    double decodeFlops(long width, long height, long latentFrames);

    /// What kind of work they are.
    Speeds.Kind decoderKind();

    long decodeBytes(long width, long height, long latentFrames, DType dtype);

    /// Bytes that the allocator holds on to while such a picture is decoded.
    long scrapBytes(long width, long height, long latentFrames, DType dtype);

    /// Bytes that the decoder carries from chunk to chunk.
    long tailBytes(long width, long height, DType dtype);
}
