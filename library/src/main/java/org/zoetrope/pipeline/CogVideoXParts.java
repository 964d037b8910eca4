package org.zoetrope.pipeline;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.zoetrope.diffusion.Sampler;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.text.SentencePiece;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.Tokenizer;
import org.zoetrope.models.text.Tokenizers;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.ConfigMap;

/// Everything about a CogVideoX folder but its weights: the configs, read once and checked against one another.
///
/// @param samplerName published class of the scheduler
record CogVideoXParts(ModelFolder folder, CogVideoXTransformer.Config network, CogVideoXVae.Config vae,
        Optional<T5Encoder.Config> text, Optional<Tokenizer> tokenizer, Sampler sampler, String samplerName,
        Defaults defaults) {
    /// @throws ConfigException with the problems of all components
    static CogVideoXParts read(ModelFolder folder) {
        var problems = new ArrayList<String>();
        var network = read(problems, () -> config(folder, "transformer", CogVideoXTransformer.Config.class));
        var vae = read(problems, () -> config(folder, "vae", CogVideoXVae.Config.class));
        var text = !folder.has("text_encoder") ? Optional.<T5Encoder.Config>empty()
                : read(problems, () -> config(folder, "text_encoder", T5Encoder.Config.class));
        var tokenizer = !folder.has("tokenizer") ? Optional.<Tokenizer>empty()
                : read(problems, () -> Tokenizers.read(folder.component("tokenizer").folder()));
        var sampler = read(problems, () -> SchedulerConfig.read(folder.component("scheduler").folder()));
        var samplerName = read(problems, () -> samplerName(folder));
        if (network.isPresent() && vae.isPresent()) {
            disagreements(folder, network.get(), vae.get(), text, tokenizer, problems);
        }
        var defaults = network.flatMap(n -> vae.flatMap(v -> read(problems, () -> Defaults.of(folder, n, v))));
        if (!problems.isEmpty()) {
            throw new ConfigException(folder.path().toString(), problems);
        }
        return new CogVideoXParts(folder, network.orElseThrow(), vae.orElseThrow(), text, tokenizer,
                sampler.orElseThrow(), samplerName.orElseThrow(), defaults.orElseThrow());
    }

    private static <C extends Record> C config(ModelFolder folder, String component, Class<C> type) {
        var part = folder.component(component);
        return ConfigFile.read(part.folder().resolve("config.json"), type, part.className());
    }

    private static String samplerName(ModelFolder folder) {
        var part = folder.component("scheduler");
        var file = part.folder().resolve("scheduler_config.json");
        var stored = ConfigMap.read(file).className().orElse(part.className());
        ConfigException.require(stored.equals(part.className()),
                "%s is written for a %s, and the index of the model names a %s; "
                        + "make them agree",
                file, stored, part.className());
        return stored;
    }

    private static <T> Optional<T> read(List<String> problems, Supplier<T> reading) {
        try {
            return Optional.of(reading.get());
        } catch (ConfigException e) {
            problems.add(String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    private static void disagreements(ModelFolder folder, CogVideoXTransformer.Config network, CogVideoXVae.Config vae,
            Optional<T5Encoder.Config> text, Optional<Tokenizer> tokenizer, List<String> problems) {
        var channels = vae.latentChannels();
        var wanted = folder.kind() == ModelFolder.Kind.COG_VIDEO_X_IMAGE_TO_VIDEO ? 2 * channels : channels;
        require(problems, network.inChannels() == wanted,
                "the transformer takes in_channels %d, and a %s over an autoencoder with latent_channels %d needs %d",
                network.inChannels(), folder.kind().published(), channels, wanted);
        require(problems, network.outChannels() == channels,
                "the transformer gives out_channels %d, the autoencoder has "
                        + "latent_channels %d",
                network.outChannels(), channels);
        require(problems, network.temporalCompressionRatio() == vae.strideT(),
                "temporal_compression_ratio is %d in the "
                        + "transformer and %d in the autoencoder",
                network.temporalCompressionRatio(), vae.strideT());
        text.ifPresent(
                t -> require(problems, t.dModel() == network.textEmbedDim(), "the text encoder gives d_model %d, the "
                        + "transformer takes text_embed_dim %d", t.dModel(), network.textEmbedDim()));
        require(problems, text.isPresent() == tokenizer.isPresent() || !problems.isEmpty(),
                "tokenizer and text_encoder belong "
                        + "together, and only one of them is there");
        text.ifPresent(t -> tokenizer
                .ifPresent(k -> require(problems, !(k instanceof SentencePiece s) || s.size() <= t.vocabSize(),
                        "the tokenizer has more pieces than the text encoder's vocab_size %d", t.vocabSize())));
    }

    private static void require(List<String> problems, boolean holds, String format, Object... values) {
        if (!holds) {
            problems.add(format.formatted(values));
        }
    }

    /// Whether the run starts from a picture.
    boolean takesImage() {
        return folder.kind() == ModelFolder.Kind.COG_VIDEO_X_IMAGE_TO_VIDEO;
    }

    /// Pixels that width and height must be a multiple of.
    int sizeStep() {
        return vae.strideXY() * network.patchSize();
    }

    /// Latent frames of a clip.
    int latentFrames(int frames) {
        return (frames - 1) / vae.strideT() + 1;
    }

    /// Latent frames that are put in front so that the network can join them in pairs.
    int padding(int frames) {
        return Math.floorMod(-latentFrames(frames), network.patchFrames());
    }

    /// [1, T, C, H, W] of the latents that the network sees, padding included.
    long[] latentShape(Recipe recipe) {
        return new long[] {1, latentFrames(recipe.frames()) + padding(recipe.frames()), vae.latentChannels(),
                recipe.height() / vae.strideXY(), recipe.width() / vae.strideXY()};
    }

    /// Video tokens of the network's sequence.
    long videoTokens(int width, int height, int frames) {
        return (long) (latentFrames(frames) + padding(frames)) / network.patchFrames() * (height / sizeStep())
                * (width / sizeStep());
    }
}
