package org.zoetrope.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.zoetrope.diffusion.Level;
import org.zoetrope.diffusion.NoiseSchedule;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.models.text.Tokenizer;
import org.zoetrope.scenes.Captions;
import org.zoetrope.scenes.SplitMix64;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.Weights;
import org.zoetrope.weights.WeightsException;

/// Trains a CogVideoX transformer and its text encoder together: v-prediction with zero terminal SNR, one timestep from
/// each of equal intervals across the batch (arXiv 2408.06072, section 3.4), and captions dropped with some probability
/// for classifier-free guidance.
///
/// @param latentScale scaling factor of the latents
/// @param batch       clips per part of a step
/// @param parts       parts per step
/// @param dropText    probability of training on the empty prompt
public record DenoiserStage(CogVideoXTransformer.Config transformer, T5Encoder.Config text, NoiseSchedule schedule, double latentScale, int batch, int parts,
        double dropText, long seed) {
    /// Both networks over one weights tree: `transformer` and `text_encoder` are its branches.
    public record Networks(CogVideoXTransformer transformer, T5Encoder text) {
        /// Names of the branches, which are also the names of the component folders.
        public static final String TRANSFORMER = "transformer";
        public static final String TEXT = "text_encoder";

        public static Networks of(DenoiserStage stage, Weights w) {
            return new Networks(new CogVideoXTransformer(stage.transformer, w.at(TRANSFORMER)), new T5Encoder(stage.text, w.at(TEXT)));
        }
    }

    /// The rotary transformer of the bundled model over latents of 5 x 8 x 8 in patches of 2 x 2: 80 video tokens.
    public static CogVideoXTransformer.Config miniTransformer(int latentChannels, int heads, int layers, int textWidth, int textLength) {
        return new CogVideoXTransformer.Config(heads, 64, latentChannels, latentChannels, true, 0, 128, Optional.empty(), textWidth, layers, 0, true, 8, 8, 17, 2,
                Optional.empty(), 4, textLength, "gelu-approximate", "silu", true, 1e-5, 1.875, 1.0, true, false, true);
    }

    /// Trains, or continues, and returns the run with its averages, which belong to the scope open now.
    ///
    /// @param start tensors to begin with instead of fresh ones, by name; empty for a beginning from scratch
    /// @throws WeightsException if a parameter is missing from a start that is not empty
    public TrainingRun train(Path checkpoint, Map<String, Tensor> start, LatentSet clips, Tokenizer tokenizer, TrainingRun.Options options,
            TrainingRun.Listener listener) {
        var fresh = Weights.fresh(new Rng(seed), DType.FLOAT32, Device.CPU);
        var networks = Networks.of(this, fresh);
        if (!start.isEmpty()) {
            fresh.tree().forEach((name, parameter) -> parameter.set(Optional.ofNullable(start.get(name))
                    .orElseThrow(() -> new WeightsException("no tensor \"" + name + "\" to continue from; start from a model of the same recipe"))));
        }
        var run = new TrainingRun(checkpoint, fresh.tree(), options.parts(parts));
        run.run((step, part) -> loss(networks, clips, tokenizer, step, part), listener);
        return run;
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

    Tensor loss(Networks networks, LatentSet clips, Tokenizer tokenizer, int step, int part) {
        var random = SplitMix64.of(seed, (long) step * parts + part);
        var rng = new Rng(random.nextLong());
        var samples = new ArrayList<Tensor>();
        var prompts = new ArrayList<TokenizedPrompt>();
        var timesteps = new float[batch];
        var levels = new ArrayList<Level>();
        for (var i = 0; i < batch; i++) {
            var example = clips.get(random.below(clips.size()));
            samples.add(example.latents());
            prompts.add(tokenizer.fit(random.chance(dropText) ? "" : Captions.draw(example.scene(), random).text(), transformer.maxTextSeqLength()));
            // Sample i of part p looks at interval p + i * parts of batch * parts equal ones.
            var t = (int) ((part + (double) i * parts + random.nextDouble()) / (batch * parts) * schedule.trainSteps());
            timesteps[i] = t;
            levels.add(schedule.level(t));
        }
        var clean = Tensor.stack(samples, 0).to(DType.FLOAT32).times(latentScale).rearrange("B C T H W -> B T C H W");
        var noise = rng.normal(clean.shape());
        var alpha = column(levels.stream().map(Level::alpha).toList());
        var sigma = column(levels.stream().map(Level::sigma).toList());
        var noisy = clean.times(alpha).plus(noise.times(sigma));
        var velocity = noise.times(alpha).minus(clean.times(sigma));
        var prediction = Torch.mixedPrecision(Device.CPU, () -> networks.transformer.forward(noisy, Tensor.of(timesteps, batch),
                networks.text.forward(TokenizedPrompt.ids(prompts)))).to(DType.FLOAT32);
        return prediction.minus(velocity).square().mean();
    }

    private static Tensor column(List<Double> values) {
        var numbers = new float[values.size()];
        for (var i = 0; i < numbers.length; i++) {
            numbers[i] = values.get(i).floatValue();
        }
        return Tensor.of(numbers, numbers.length, 1, 1, 1, 1);
    }
}
