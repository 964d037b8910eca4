package org.zoetrope.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.zoetrope.diffusion.LossWeight;
import org.zoetrope.diffusion.Prediction;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.models.text.Tokenizers;
import org.zoetrope.nn.Pass;
import org.zoetrope.scenes.Captions;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.Weights;

/// A published architecture at the size of a bundled model: how its parts are built over a weights tree, what they are
/// trained for, and the configs of its folder.
public sealed interface Architecture permits CogVideoXMini, WanMini {
    /// Tokens of a prompt.
    int TEXT_LENGTH = 32;

    /// A denoiser as training calls it.
    @FunctionalInterface
    interface Denoiser {
        /// @param noisy    [B, C, T, H, W]
        /// @param timestep [B]
        /// @param text     [B, L, D]
        /// @param pass     what is special about this call
        /// @return what [Architecture#prediction()] says, shaped as noisy
        Tensor predict(Tensor noisy, Tensor timestep, Tensor text, Pass pass);
    }

    Autoencoder autoencoder(Weights w);

    /// Whether a tensor of the autoencoder is used in decoding alone.
    boolean decodes(String tensor);

    int latentChannels();

    /// The scale that suits these latents, in the form the architecture's configs can say.
    LatentScale scale(LatentSet latents);

    /// The scale of a folder written before.
    LatentScale scale(Path model);

    T5Encoder.Config text(int vocabulary);

    /// Text features as the published pipeline gives them to the network, padding included [B, L, D].
    Tensor features(T5Encoder encoder, List<TokenizedPrompt> prompts);

    /// 1 for features that come from the encoder, 0 for those that only fill up [B, L].
    Tensor read(List<TokenizedPrompt> prompts);

    Denoiser denoiser(Weights w);

    /// Blocks of the denoiser.
    int layers();

    /// Width of the denoiser.
    int width();

    Noising noising();

    Prediction prediction();

    LossWeight weight();

    /// Writes everything but weights and tokenizer.
    void writeConfigs(Path model, int vocabulary, LatentScale scale) throws IOException;

    /// Writes a folder in the published layout.
    ///
    /// @param autoencoder tensors by name
    /// @param networks    tensors of both networks, below the names of their folders
    default void write(Path model, LatentScale scale, SequencedMap<String, Tensor> autoencoder, SequencedMap<String, Tensor> networks)
            throws IOException {
        for (var part : new String[] {"vae", DenoiserStage.TRANSFORMER, DenoiserStage.TEXT, "scheduler"}) {
            Files.createDirectories(model.resolve(part));
        }
        var vocabulary = Tokenizers.write(model.resolve("tokenizer"), Captions.vocabulary(), TEXT_LENGTH);
        writeConfigs(model, vocabulary, scale);
        halves(model.resolve("vae/diffusion_pytorch_model.safetensors"), autoencoder);
        halves(model.resolve("transformer/diffusion_pytorch_model.safetensors"), DenoiserStage.branch(networks, DenoiserStage.TRANSFORMER));
        halves(model.resolve("text_encoder/model.safetensors"), DenoiserStage.branch(networks, DenoiserStage.TEXT));
    }

    // Half precision on disk, as the published folders: the rounding is a thousandth of what training leaves.
    private static void halves(Path file, Map<String, Tensor> tensors) {
        Scope.run(() -> {
            var halves = new LinkedHashMap<String, Tensor>();
            tensors.forEach((key, tensor) -> halves.put(key, tensor.to(DType.FLOAT16)));
            SafetensorsWriter.write(file, halves, Map.of("format", "pt"));
        });
    }

    /// Writes a component's config.
    static void config(Path folder, String className, Record config) {
        ConfigFile.write(folder.resolve("config.json"), className, config);
    }
}
