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
import org.zoetrope.models.text.Tokenizers;
import org.zoetrope.scenes.Captions;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.Weights;

/// The recipe of a bundled model: an autoencoder, then latents of generated clips, then the text encoder alone, then the transformer
/// under it, then the decoder alone for sharper shapes; written as a folder in the published layout.
///
/// Every stage keeps its own checkpoint in the run's folder; calling [#run] again continues where the last call stopped.
///
/// @param pictures steps of the denoiser that see single frames alone, see [DenoiserStage]
/// @param clips training clips whose latents are kept
/// @param pairs share of them with two objects
/// @param batch clips per part of a step of the denoiser
/// @param parts parts of a step of the denoiser
/// @param start a folder that this recipe wrote, to train on
public record MiniRecipe(VaeStage vae, TrainingRun.Options vaeOptions, int clips, double pairs, TrainingRun.Options textOptions, int batch, int parts, int pictures,
        TrainingRun.Options denoiserOptions, TrainingRun.Options decoderOptions, Optional<Path> start, long seed) {
    private static final double DROP_TEXT = 0.1;
    private static final double ALIGN = 0.2;
    private static final int CAPTIONS = 32;
    private static final double PAIRS = 0.25;
    private static final double MORE_PAIRS = 0.6; // one object is learned first
    private static final int DECODER_ONWARD = 10;

    /// The recipe of `models/mini`; docs/training.md says in what the run of its weights differed.
    ///
    /// @param workers threads, each on a core of its own; the weights do not depend on it
    public static MiniRecipe bundled(int workers) {
        return of(CogVideoXMini.bundled(), 12_000, 8000, 14_000, workers);
    }

    /// The recipe of `models/mini-flow`, a Wan2.1 on the same clips.
    ///
    /// @param workers threads, each on a core of its own; the weights do not depend on it
    public static MiniRecipe flow(int workers) {
        return of(WanMini.bundled(), 6000, 3000, 6800, workers);
    }

    private static MiniRecipe of(Architecture architecture, int clips, int pictures, int denoiserSteps, int workers) {
        return new MiniRecipe(new VaeStage(architecture, 400, 8, 4, 1e-4, 1), TrainingRun.Options.of(4000, 2e-3).average(0.995).parts(4).workers(workers).saveEvery(100),
                clips, PAIRS, TrainingRun.Options.of(1000, 2e-3).average(0.99).parts(4).workers(workers).saveEvery(200), 4, 4, pictures,
                TrainingRun.Options.of(denoiserSteps, 1e-3).cooldown(denoiserSteps / 2).workers(workers).saveEvery(250).muon(DenoiserStage::insideTransformer),
                TrainingRun.Options.of(400, 1e-3).average(0.99).parts(4).workers(workers).saveEvery(100).muon(VaeStage::insideDecoder), Optional.empty(), 1);
    }

    /// The same stages at a size that takes seconds and learns nothing to speak of, for trying the machinery.
    public static MiniRecipe rehearsal(Architecture architecture) {
        return new MiniRecipe(new VaeStage(architecture, 2, 1, 4, 1e-4, 1), TrainingRun.Options.of(4, 2e-3).saveEvery(2), 4, PAIRS,
                TrainingRun.Options.of(3, 2e-3), 2, 1, 2,
                TrainingRun.Options.of(4, 1e-3).saveEvery(2).muon(DenoiserStage::insideTransformer), TrainingRun.Options.of(3, 1e-3).muon(VaeStage::insideDecoder), Optional.empty(), 1);
    }

    public MiniRecipe denoiserSteps(int steps) {
        return new MiniRecipe(vae, vaeOptions, clips, pairs, textOptions, batch, parts, pictures, denoiserOptions.steps(steps).cooldown(steps / 2),
                decoderOptions, start, seed);
    }

    /// The same recipe with the weights of a finished model as its beginning: both its encoders stay as they are, the denoiser
    /// trains on with other clips, most of which have two objects, and the decoder for longer.
    ///
    /// @param model a folder that this recipe wrote
    public MiniRecipe from(Path model) {
        var onward = seed + 1;
        var decoderSteps = DECODER_ONWARD * decoderOptions.steps();
        return new MiniRecipe(new VaeStage(vae.architecture(), vae.pictureSteps(), vae.windows(), vae.objects(), vae.divergence(), onward), vaeOptions, clips,
                MORE_PAIRS, textOptions, batch, parts, pictures, denoiserOptions, decoderOptions.steps(decoderSteps).cooldown(decoderSteps / 2),
                Optional.of(model), onward);
    }

    /// Hears of the stages in turn.
    public interface Listener {
        /// A training step of the stage `vae`, `text`, `denoiser` or `decoder`.
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
            var vocabulary = Tokenizers.write(folder.resolve("tokenizer"), Captions.vocabulary(), Architecture.TEXT_LENGTH);
            var losses = new LinkedHashMap<String, List<Double>>();
            try (var _ = Scope.open()) {
                var architecture = vae.architecture();
                var text = architecture.text(vocabulary);
                var beginning = start.map(MiniRecipe::networks).orElseGet(LinkedHashMap::new);
                DenoiserStage.requireFits(architecture, text, beginning);
                var pixels = start.isPresent() ? stored(start.get().resolve("vae"), "") : trainVae(folder, losses, listener);
                var autoencoder = Weights.load(pixels, architecture::autoencoder);
                var latents = LatentSet.prepare(folder, autoencoder, seed, clips, pairs, denoiserOptions.workers(), done -> listener.onLatents(done, clips));
                var scale = start.map(architecture::scale).orElseGet(() -> architecture.scale(latents));
                var stage = new DenoiserStage(architecture, text, scale, batch, parts, DROP_TEXT, ALIGN, start.isPresent() ? 0 : pictures, seed);
                var tokenizer = Tokenizers.read(folder.resolve("tokenizer"));
                if (start.isEmpty()) {
                    var words = new TextStage(architecture, text, CAPTIONS, seed).train(folder.resolve("text.safetensors"), tokenizer,
                            textOptions, p -> listener.onStep("text", p));
                    losses.put("text", words.losses());
                    beginning.putAll(words.tensors());
                }
                var run = stage.train(folder.resolve("denoiser.safetensors"), beginning, latents, tokenizer, denoiserOptions,
                        p -> listener.onStep("denoiser", p));
                losses.put("denoiser", run.losses());
                var sharper = vae.refineDecoder(folder.resolve("decoder.safetensors"), pixels, decoderOptions, p -> listener.onStep("decoder", p));
                losses.put("decoder", sharper.losses());
                architecture.write(folder.resolve("model"), scale, sharper.tensors(), run.tensors());
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

    private static SequencedMap<String, Tensor> networks(Path model) {
        var result = stored(model.resolve("transformer"), DenoiserStage.TRANSFORMER + ".");
        result.putAll(stored(model.resolve("text_encoder"), DenoiserStage.TEXT + "."));
        return result;
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
}
