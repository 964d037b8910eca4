package org.zoetrope.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.zoetrope.diffusion.Level;
import org.zoetrope.diffusion.Mix;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.models.text.Tokenizer;
import org.zoetrope.nn.BlockTap;
import org.zoetrope.nn.Pass;
import org.zoetrope.scenes.Captions;
import org.zoetrope.scenes.Scene;
import org.zoetrope.scenes.SplitMix64;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.Weights;
import org.zoetrope.weights.WeightsException;

/// Trains a denoiser under a text encoder that stays as it is, with captions dropped at random for classifier-free guidance
/// (arXiv 2207.12598).
///
/// The encoder knew what captions say before; trained on, it would let go of every word that the denoiser has no use for yet.
///
/// @param text     config of the text encoder, which architecture and vocabulary decide
/// @param scale    of the latents
/// @param batch    clips per part of a step
/// @param parts    parts per step
/// @param dropText probability of training on the empty prompt
/// @param align    weight of what the middle of the network is asked, see [Alignment]; 0 asks nothing
/// @param pictures steps at the beginning that see the first latent frame alone, of twice as many clips, which a causal autoencoder makes of a picture:
///                 what words look like is learned at a fraction of the cost (as arXiv 2408.06072, section 3, trains on pictures too)
public record DenoiserStage(Architecture architecture, T5Encoder.Config text, LatentScale scale, int batch, int parts, double dropText, double align,
        int pictures, long seed) {
    /// The branches of the weights tree, which are also the names of the component folders.
    public static final String TRANSFORMER = "transformer";
    public static final String TEXT = "text_encoder";
    private static final String ALIGNMENT = "alignment";
    private static final int PICTURES_FOR_A_CLIP = 2; // a picture is a fifth of the tokens

    private static final Pattern INSIDE = Pattern.compile("blocks\\.\\d+\\.(attn\\d|ff|ffn)\\.");

    /// Both networks over one weights tree, and what asks the middle of the first.
    private record Networks(Architecture.Denoiser denoiser, T5Encoder text, Alignment alignment) {
        static Networks of(Architecture architecture, T5Encoder.Config text, Weights w) {
            return new Networks(architecture.denoiser(w.at(TRANSFORMER)), new T5Encoder(text, w.at(TEXT)), new Alignment(w.at(ALIGNMENT), architecture.width()));
        }
    }

    /// Trains, or continues, and returns the averages of the denoiser and the encoder as it was given, which belong to the
    /// scope open now.
    ///
    /// @param start tensors to begin with instead of fresh ones, by name; a network of which none is given begins from scratch
    /// @throws WeightsException if a parameter of such a network is missing or has another shape
    public Trained train(Path checkpoint, Map<String, Tensor> start, LatentSet clips, Tokenizer tokenizer, TrainingRun.Options options,
            TrainingRun.Listener listener) {
        var fresh = Weights.fresh(new Rng(seed), DType.FLOAT32, Device.CPU);
        var networks = Networks.of(architecture, text, fresh);
        begin(fresh.tree(), start);
        var result = new LinkedHashMap<String, Tensor>(fresh.tree());
        var trained = new LinkedHashMap<>(result);
        trained.keySet().removeIf(name -> branchOf(name).equals(TEXT) || align == 0 && branchOf(name).equals(ALIGNMENT));
        var run = new TrainingRun(checkpoint, trained, options.parts(parts));
        run.run((step, part) -> loss(networks, clips, tokenizer, step, part), listener);
        result.putAll(run.averages());
        result.keySet().removeIf(name -> branchOf(name).equals(ALIGNMENT));
        return new Trained(result, run.losses());
    }

    /// Tells what [#train] would refuse, before hours of other work.
    ///
    /// @param start tensors to begin with, by name
    /// @throws WeightsException if a parameter of a network of which some are given is missing or has another shape
    static void requireFits(Architecture architecture, T5Encoder.Config text, Map<String, Tensor> start) {
        Scope.run(() -> {
            var fresh = Weights.fresh(new Rng(0), DType.FLOAT32, Device.CPU);
            Networks.of(architecture, text, fresh);
            fitting(fresh.tree(), start);
        });
    }

    // All that does not fit is told before anything is replaced: copying would stretch a tensor of another shape, or fail late.
    private static void begin(Map<String, Tensor> parameters, Map<String, Tensor> start) {
        fitting(parameters, start).forEach(e -> Optional.ofNullable(start.get(e.getKey())).ifPresent(tensor -> e.getValue().set(tensor)));
    }

    private static List<Map.Entry<String, Tensor>> fitting(Map<String, Tensor> parameters, Map<String, Tensor> start) {
        var given = start.keySet().stream().map(DenoiserStage::branchOf).collect(Collectors.toSet());
        var wanted = parameters.entrySet().stream().filter(e -> given.contains(branchOf(e.getKey()))).toList();
        var problems = new ArrayList<String>();
        for (var parameter : wanted) {
            var shape = Arrays.toString(parameter.getValue().shape());
            var found = Optional.ofNullable(start.get(parameter.getKey())).map(tensor -> Arrays.toString(tensor.shape())).orElse("none");
            if (!found.equals(shape)) {
                problems.add("\n- \"%s\" should be %s, found %s".formatted(parameter.getKey(), shape, found));
            }
        }
        if (!problems.isEmpty()) {
            throw new WeightsException("%d tensors to continue from do not fit; start from a model of the same recipe%s%s".formatted(problems.size(),
                    String.join("", problems.subList(0, Math.min(5, problems.size()))), problems.size() > 5 ? "\n- ..." : ""));
        }
        return wanted;
    }

    private static String branchOf(String name) {
        return name.substring(0, name.indexOf('.'));
    }

    /// Whether a parameter belongs to the attention or a feed-forward of the transformer's blocks: matrices for [org.zoetrope.nn.Muon].
    static boolean insideTransformer(String name) {
        return name.startsWith(TRANSFORMER + ".") && INSIDE.matcher(name).find();
    }

    /// The averages of a branch under the names of its own folder.
    public static SequencedMap<String, Tensor> branch(SequencedMap<String, Tensor> tree, String name) {
        var result = new LinkedHashMap<String, Tensor>();
        tree.forEach((key, value) -> {
            if (key.startsWith(name + ".")) {
                result.put(key.substring(name.length() + 1), value);
            }
        });
        return result;
    }

    private Tensor loss(Networks networks, LatentSet clips, Tokenizer tokenizer, int step, int part) {
        var random = SplitMix64.of(seed, (long) step * parts + part);
        var rng = new Rng(random.nextLong());
        var samples = new ArrayList<Tensor>();
        var scenes = new ArrayList<Scene>();
        var prompts = new ArrayList<TokenizedPrompt>();
        var picturing = step < pictures;
        var count = picturing ? PICTURES_FOR_A_CLIP * batch : batch;
        for (var i = 0; i < count; i++) {
            var example = clips.get(random.below(clips.size()));
            samples.add(picturing ? example.latents().narrow(1, 0, 1) : example.latents());
            scenes.add(example.scene());
            prompts.add(tokenizer.fit(random.chance(dropText) ? "" : Captions.draw(example.scene(), random).text(), Architecture.TEXT_LENGTH));
        }
        var moments = List.of(architecture.noising().draw(rng, count, part, parts));
        var levels = moments.stream().map(Noising.Moment::level).toList();
        var clean = scale.normalised(Tensor.stack(samples, 0).to(DType.FLOAT32));                  // [B, C, T, H, W]
        var noise = rng.normal(clean.shape());
        var noisy = Mix.each(levels.stream().map(Level::forward).toList(), clean, noise);
        var target = Mix.each(levels.stream().map(architecture.prediction()::target).toList(), clean, noise);
        var timesteps = Tensor.of(moments.stream().mapToDouble(Noising.Moment::timestep).toArray(), count).to(DType.FLOAT32);
        var asked = new Middle(networks.alignment, align == 0 ? -1 : (architecture.layers() - 1) / 2, scenes, (int) clean.size(2));
        var output = Torch.mixedPrecision(Device.CPU, () -> networks.denoiser.predict(noisy, timesteps, architecture.features(networks.text, prompts),
                Pass.plain().with(asked))).to(DType.FLOAT32);
        var errors = output.minus(target).square().flatten(1, 4).mean(false, 1);
        var weights = levels.stream().mapToDouble(level -> architecture.weight().at(level, architecture.prediction())).toArray();
        var loss = errors.times(Tensor.of(weights, count).like(errors)).mean();
        var all = asked.answers.stream().reduce(loss, (sum, answer) -> sum.plus(answer.times(align)));
        asked.answers.forEach(Tensor::close);
        return all;
    }

    /// Asks behind one block, and keeps what the answers cost.
    private record Middle(Alignment alignment, int block, List<Scene> scenes, int frames, List<Tensor> answers) implements BlockTap {
        Middle(Alignment alignment, int block, List<Scene> scenes, int frames) {
            this(alignment, block, scenes, frames, new ArrayList<>());
        }

        @Override
        public boolean watches(int index) {
            return index == block;
        }

        @Override
        public void see(int index, List<Tensor> state) {
            // The scope of a block ends before the call does; whoever adds the answers up closes them.
            answers.add(Scope.disown(Scope.run(() -> alignment.loss(state.getLast(), scenes, frames))));
        }
    }
}
