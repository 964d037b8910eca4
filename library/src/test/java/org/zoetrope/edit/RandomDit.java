package org.zoetrope.edit;

import java.util.Optional;
import org.zoetrope.diffusion.Step;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

/// A small video transformer with random weights in every place, gates and head included, which a fresh one has shut: what
/// holds for it holds for any of its architecture.
record RandomDit(Network network, Tensor features) implements Branch {
    static final int CHANNELS = 4;
    static final int WORDS = 6;
    static final int TEXT_WIDTH = 16;
    static final int WIDTH = 32;
    private static final double SPREAD = 0.15; // of the weights: enough for every part to matter, not enough to saturate

    /// A network as the tests ask it.
    interface Network {
        Tensor forward(Tensor x, Tensor timestep, Tensor words, Pass pass);
    }

    /// Text and video in one sequence, as CogVideoX; in float64 with sine-cosine positions, since rotary ones are float32.
    static Network joint(int blocks, DType dtype) {
        var config = ConfigFile.parse("a small CogVideoX", """
                {"num_attention_heads": 2, "attention_head_dim": 16, "in_channels": 4, "out_channels": 4,
                 "text_embed_dim": 16, "max_text_seq_length": 6, "time_embed_dim": 8, "num_layers": %d,
                 "use_rotary_positional_embeddings": %s, "sample_width": 4, "sample_height": 4, "sample_frames": 9}"""
                .formatted(blocks, dtype != DType.FLOAT64), CogVideoXTransformer.Config.class);
        var weights = Weights.fresh(new Rng(1), dtype, Device.CPU);
        var model = new CogVideoXTransformer(config, weights);
        shake(weights);
        return (x, t, words, pass) -> model.forward(x, t, words, Optional.empty(), pass);
    }

    /// Video that looks up text, as Wan.
    static Network cross(int blocks) {
        var config = ConfigFile.parse("a small Wan", """
                {"num_attention_heads": 2, "attention_head_dim": 16, "in_channels": 4, "out_channels": 4, "text_dim": 16,
                 "freq_dim": 8, "ffn_dim": 48, "num_layers": %d, "rope_max_seq_len": 32}""".formatted(blocks),
                WanTransformer.Config.class);
        var weights = Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU);
        var model = new WanTransformer(config, weights);
        shake(weights);
        return (x, t, words, pass) -> model.forward(x.permute(0, 2, 1, 3, 4), t, words, Optional.empty(), pass)
                .permute(0, 2, 1, 3, 4);
    }

    private static void shake(Weights weights) {
        var rng = new Rng(2);
        weights.tree().values().forEach(w -> w.addInPlace(rng.normal(w.shape()).like(w), SPREAD));
    }

    static RandomDit of(Network network, long words) {
        return new RandomDit(network, new Rng(words).normal(1, WORDS, TEXT_WIDTH));
    }

    /// A task on the same network.
    ///
    /// @param frames latent frames of the clip
    static EditTask task(Network network, int frames, int steps, long from, long to) {
        return EditTask.of(new Rng(3).normal(1, frames, CHANNELS, 4, 4), Gaussian.plan(steps), of(network, from),
                of(network, to), of(network, 99), Draws.of(7)).withTokens(new TokenGrid(2, 1, 2, WIDTH));
    }

    @Override
    public RandomDit with(Tensor other) {
        return new RandomDit(network, other);
    }

    @Override
    public Tensor velocity(Tensor x, Step step, Pass pass) {
        return network.forward(x, Tensor.full(step.timestep(), x.dtype(), x.device(), x.size(0)), features.like(x), pass);
    }
}
