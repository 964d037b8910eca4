package org.zoetrope.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.zoetrope.diffusion.Betas;
import org.zoetrope.diffusion.NoiseSchedule;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.Tokenizers;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.scenes.Captions;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.Weights;

/// The recipe of the bundled model `models/mini`: an autoencoder, then latents of generated clips, then transformer and
/// text encoder together, then the decoder alone for sharper shapes; written as a folder in the published CogVideoX layout.
///
/// Every stage keeps its own checkpoint in the run's folder; calling [#run] again continues where the last call stopped.
///
/// @param clips training clips whose latents are kept
/// @param heads attention heads of 64 channels of the transformer
public record MiniRecipe(VaeStage vae, TrainingRun.Options vaeOptions, int clips, int heads, int layers, int textWidth, int textLayers, int batch, int parts,
        TrainingRun.Options denoiserOptions, TrainingRun.Options decoderOptions, Optional<Path> start, long seed) {
    private static final int TEXT_LENGTH = 32;
    private static final double BETA_START = 0.00085;
    private static final double BETA_END = 0.012;
    private static final double DROP_TEXT = 0.1;

    /// The recipe that made the bundled weights.
    ///
    /// @param workers threads, each on a core of its own; the weights do not depend on it
    public static MiniRecipe bundled(int workers) {
        return new MiniRecipe(VaeStage.mini(1), TrainingRun.Options.of(2800, 2e-3).average(0.995).parts(4).workers(workers).saveEvery(100), 6_000, 4, 6, 128, 2, 8, 4,
                TrainingRun.Options.of(2500, 1e-3).workers(workers).saveEvery(250),
                TrainingRun.Options.of(150, 1e-3).average(0.99).parts(4).workers(workers).saveEvery(100), Optional.empty(), 1);
    }

    /// The same stages at a size that takes seconds and learns nothing to speak of, for trying the machinery.
    public static MiniRecipe rehearsal() {
        var vae = VaeStage.mini(1);
        return new MiniRecipe(new VaeStage(vae.config(), 2, 1, vae.objects(), vae.divergence(), 1), TrainingRun.Options.of(4, 2e-3).saveEvery(2), 4, 1, 1, 32, 1, 2, 1,
                TrainingRun.Options.of(4, 1e-3).saveEvery(2), TrainingRun.Options.of(3, 1e-3), Optional.empty(), 1);
    }

    public MiniRecipe denoiserSteps(int steps) {
        var o = denoiserOptions;
        return new MiniRecipe(vae, vaeOptions, clips, heads, layers, textWidth, textLayers, batch, parts,
                new TrainingRun.Options(steps, o.learningRate(), o.warmup(), steps / 4, o.average(), o.clip(), o.parts(), o.workers(), o.saveEvery(), o.adam()),
                decoderOptions, start, seed);
    }

    /// The same recipe with the weights of a finished model as its beginning: its encoder stays as it is, the denoiser and
    /// the decoder train on.
    ///
    /// @param model a folder that this recipe wrote
    public MiniRecipe from(Path model) {
        return new MiniRecipe(vae, vaeOptions, clips, heads, layers, textWidth, textLayers, batch, parts, denoiserOptions, decoderOptions, Optional.of(model), seed);
    }

    /// Hears of the stages in turn.
    public interface Listener {
        /// A training step of the stage `vae`, `denoiser` or `decoder`.
        void onStep(String stage, TrainingRun.Progress progress);

        /// Clips encoded so far.
        void onLatents(int done, int total);
    }

    /// Trains what is not trained yet and writes the model.
    ///
    /// @param folder of the run: checkpoints, latents, losses and, in `model`, the result
    /// @return the folder of the model
    public Path run(Path folder, Listener listener) {
        try {
            Files.createDirectories(folder);
            var vocabulary = Tokenizers.write(folder.resolve("tokenizer"), Captions.vocabulary(), TEXT_LENGTH);
            var losses = new LinkedHashMap<String, List<Double>>();
            try (var _ = Scope.open()) {
                var pixels = start.isPresent() ? stored(start.get().resolve("vae"), "") : trainVae(folder, losses, listener);
                var autoencoder = Weights.load(pixels, w -> new CogVideoXVae(vae.config(), w));
                var latents = LatentSet.prepare(folder, autoencoder, seed, clips, denoiserOptions.workers(), done -> listener.onLatents(done, clips));
                var stage = denoiser(vocabulary, start.map(MiniRecipe::scalingFactor).orElseGet(latents::scalingFactor));
                var beginning = new LinkedHashMap<String, Tensor>();
                start.ifPresent(model -> {
                    beginning.putAll(stored(model.resolve("transformer"), DenoiserStage.Networks.TRANSFORMER + "."));
                    beginning.putAll(stored(model.resolve("text_encoder"), DenoiserStage.Networks.TEXT + "."));
                });
                var run = stage.train(folder.resolve("denoiser.safetensors"), beginning, latents, Tokenizers.read(folder.resolve("tokenizer")), denoiserOptions,
                        p -> listener.onStep("denoiser", p));
                losses.put("denoiser", run.losses());
                var sharper = vae.refineDecoder(folder.resolve("decoder.safetensors"), pixels, decoderOptions, p -> listener.onStep("decoder", p));
                losses.put("decoder", sharper.losses());
                write(folder, stage, sharper.tensors(), run.averages());
            }
            LossPlot.write(folder.resolve("losses.png"), losses);
            LossPlot.writeTable(folder.resolve("losses.csv"), losses);
            return folder.resolve("model");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write to " + folder + ": " + e.getMessage(), e);
        }
    }

    private SequencedMap<String, Tensor> trainVae(Path folder, Map<String, List<Double>> losses, Listener listener) {
        var run = vae.train(folder.resolve("vae.safetensors"), vaeOptions, p -> listener.onStep("vae", p));
        losses.put("vae", run.losses());
        return run.tensors();
    }

    private static SequencedMap<String, Tensor> stored(Path component, String prefix) {
        var result = new LinkedHashMap<String, Tensor>();
        for (var file : List.of("diffusion_pytorch_model.safetensors", "model.safetensors")) {
            if (Files.exists(component.resolve(file))) {
                SafetensorsFile.open(component.resolve(file)).tensors().forEach((name, tensor) -> result.put(prefix + name, tensor.to(DType.FLOAT32)));
            }
        }
        return result;
    }

    private static double scalingFactor(Path model) {
        return ConfigFile.read(model.resolve("vae/config.json"), CogVideoXVae.Config.class, "AutoencoderKLCogVideoX").scalingFactor();
    }

    private DenoiserStage denoiser(int vocabulary, double scale) {
        var text = T5Encoder.Config.of(vocabulary, textWidth, 32, 2 * textWidth, textLayers, textWidth / 32);
        var transformer = DenoiserStage.miniTransformer(vae.config().latentChannels(), heads, layers, textWidth, TEXT_LENGTH);
        var schedule = NoiseSchedule.of(new Betas.ScaledLinear(BETA_START, BETA_END)).zeroTerminalSnr();
        return new DenoiserStage(transformer, text, schedule, scale, batch, parts, DROP_TEXT, seed);
    }

    private void write(Path folder, DenoiserStage stage, SequencedMap<String, Tensor> autoencoder, SequencedMap<String, Tensor> networks) throws IOException {
        var model = folder.resolve("model");
        component(model.resolve("vae"), "AutoencoderKLCogVideoX", vae.config().withScale(stage.latentScale()), "diffusion_pytorch_model.safetensors", autoencoder);
        component(model.resolve("transformer"), "CogVideoXTransformer3DModel", stage.transformer(), "diffusion_pytorch_model.safetensors",
                DenoiserStage.branch(networks, DenoiserStage.Networks.TRANSFORMER));
        component(model.resolve("text_encoder"), "T5EncoderModel", stage.text(), "model.safetensors", DenoiserStage.branch(networks, DenoiserStage.Networks.TEXT));
        Tokenizers.write(model.resolve("tokenizer"), Captions.vocabulary(), TEXT_LENGTH);
        Files.createDirectories(model.resolve("scheduler"));
        Files.writeString(model.resolve("scheduler/scheduler_config.json"), """
                {
                  "_class_name": "CogVideoXDDIMScheduler",
                  "beta_end": %s,
                  "beta_schedule": "scaled_linear",
                  "beta_start": %s,
                  "clip_sample": false,
                  "clip_sample_range": 1.0,
                  "num_train_timesteps": 1000,
                  "prediction_type": "v_prediction",
                  "rescale_betas_zero_snr": true,
                  "sample_max_value": 1.0,
                  "set_alpha_to_one": true,
                  "snr_shift_scale": 1.0,
                  "steps_offset": 0,
                  "timestep_spacing": "trailing",
                  "trained_betas": null
                }
                """.formatted(BETA_END, BETA_START));
        Files.writeString(model.resolve("model_index.json"), """
                {
                  "_class_name": "CogVideoXPipeline",
                  "scheduler": ["diffusers", "CogVideoXDDIMScheduler"],
                  "text_encoder": ["transformers", "T5EncoderModel"],
                  "tokenizer": ["transformers", "T5Tokenizer"],
                  "transformer": ["diffusers", "CogVideoXTransformer3DModel"],
                  "vae": ["diffusers", "AutoencoderKLCogVideoX"]
                }
                """);
    }

    // Half precision on disk, as the published folders of this family: the rounding is a thousandth of what training leaves.
    private static void component(Path folder, String name, Record config, String file, Map<String, Tensor> tensors) throws IOException {
        Files.createDirectories(folder);
        ConfigFile.write(folder.resolve("config.json"), name, config);
        Scope.run(() -> {
            var halves = new LinkedHashMap<String, Tensor>();
            tensors.forEach((key, tensor) -> halves.put(key, tensor.to(DType.FLOAT16)));
            SafetensorsWriter.write(folder.resolve(file), halves, Map.of("format", "pt"));
        });
    }
}
