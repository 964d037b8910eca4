package org.zoetrope.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.pipeline.Estimate;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

/// What is measured in one number type: our own networks with the widths of published models, random weights and few
/// layers, since one block takes as long as the next; and the parts that they are made of.
///
/// @param dtype of weights and activations
record Suite(Plan plan, DType dtype) {
    private static final int WAN_WORDS = 512; // the length that Wan's pipelines pad prompts to
    private static final int TEXT_LAYERS = 2; // of the 24 of T5 XXL

    /// All that a plan asks for.
    ///
    /// @param wanted number types of the networks
    /// @param model  a folder to generate a video with, or none
    static List<Case> cases(Plan plan, List<DType> wanted, Optional<Path> model) {
        return Stream.concat(wanted.stream().flatMap(dtype -> new Suite(plan, dtype).cases().stream()), model.stream().map(Suite::endToEnd))
                .filter(one -> plan.includes(one.label())).toList();
    }

    private List<Case> cases() {
        var cases = new ArrayList<Case>();
        for (var tokens : plan.tokens()) {
            cases.add(cogVideoX(tokens));
            cases.add(wan(tokens));
        }
        for (var tokens : plan.attentionTokens()) {
            cases.add(attention(tokens, plan.isNarrow() ? 2 : 30, 64));
            cases.add(attention(tokens, plan.isNarrow() ? 1 : 12, 128));
        }
        var width = plan.isNarrow() ? 128 : 1920;
        cases.add(linear(plan.tokens().getFirst(), width, 4 * width));
        cases.add(layerNorm(plan.tokens().getLast(), width));
        cases.add(gelu(plan.tokens().getLast(), 4 * width));
        cases.add(textEncoder());
        cases.add(decoder());
        return cases;
    }

    /// A whole run of a model folder with its own defaults, in the number type it chooses, reading weights included.
    static Case endToEnd(Path folder) {
        var request = Request.of("a red circle moves right").seed(7);
        try (var model = VideoModel.open(folder, OpenOptions.defaults())) {
            var estimate = model.estimate(request);
            var bytes = estimate.parts().stream().mapToLong(Estimate.Part::bytes).sum();
            return new Case("video of " + model.name(), model.dtype(), estimate.flops(), bytes, _ -> () -> {
                try (var opened = VideoModel.open(folder, OpenOptions.defaults())) {
                    opened.generate(request, _ -> {});
                }
            }).per(1, "video");
        }
    }

    // ---------------------------------------------------------------- networks

    private Case cogVideoX(int tokens) {
        var video = tokens - Plan.TEXT_TOKENS;
        var config = ConfigFile.parse("CogVideoX-2B with few blocks",
                "{\"num_layers\": %d%s}".formatted(plan.blocks(), plan.isNarrow() ? ", \"num_attention_heads\": 2" : ""),
                CogVideoXTransformer.Config.class);
        var width = config.width();
        var flops = Estimate.forward(config, tokens) + 2.0 * Plan.TEXT_TOKENS * config.textEmbedDim() * width;
        var bytes = (double) config.numLayers() * (blockParameters(width, 4L * width) + 2L * tokens * width);
        return new Case("cogvideox stack %d".formatted(tokens), dtype, flops, bytes * dtype.bytes(), rng -> {
            var model = new CogVideoXTransformer(config, Weights.fresh(rng, dtype, Device.CPU));
            // One row of patches: how tokens are arranged in space makes no difference to the work.
            var x = rng.normal(1, 1, config.inChannels(), config.patchSize(), (long) video * config.patchSize()).to(dtype);
            var prompt = rng.normal(1, Plan.TEXT_TOKENS, config.textEmbedDim()).to(dtype);
            var timestep = Tensor.full(500, 1);
            return () -> model.forward(x, timestep, prompt);
        }).per(config.numLayers(), "block");
    }

    private Case wan(int tokens) {
        var config = ConfigFile.parse("Wan2.1-T2V-1.3B with few blocks", """
                {"num_layers": %d, "num_attention_heads": %d, "ffn_dim": %d, "rope_max_seq_len": %d}""".formatted(
                plan.blocks(), plan.isNarrow() ? 1 : 12, plan.isNarrow() ? 256 : 8960, tokens),
                WanTransformer.Config.class);
        var width = config.width();
        var flops = Estimate.forward(config, WAN_WORDS, tokens)
                + 2.0 * WAN_WORDS * width * (config.textDim() + width);
        var bytes = (double) config.numLayers()
                * (blockParameters(width, config.ffnDim()) + 4L * width * width + 2L * tokens * width);
        return new Case("wan stack %d".formatted(tokens), dtype, flops, bytes * dtype.bytes(), rng -> {
            var model = new WanTransformer(config, Weights.fresh(rng, dtype, Device.CPU));
            var x = rng.normal(1, config.inChannels(), 1, config.patch(1), (long) tokens * config.patch(2)).to(dtype);
            var prompt = rng.normal(1, WAN_WORDS, config.textDim()).to(dtype);
            var timestep = Tensor.full(500, 1);
            return () -> model.forward(x, timestep, prompt);
        }).per(config.numLayers(), "block");
    }

    /// Numbers in the matrices of self-attention and MLP.
    private static long blockParameters(long width, long hidden) {
        return 4 * width * width + 2 * width * hidden;
    }

    private Case textEncoder() {
        var config = plan.isNarrow() ? T5Encoder.Config.of(64, 64, 32, 128, 1, 2)
                : T5Encoder.Config.of(64, 4096, 64, 10240, TEXT_LAYERS, 64); // T5 v1.1 XXL, but for words and depth
        long tokens = Plan.TEXT_TOKENS;
        long inner = (long) config.numHeads() * config.dKv();
        var bytes = (double) config.numLayers()
                * (4L * config.dModel() * inner + 3L * config.dModel() * config.dFf() + 2 * tokens * config.dModel());
        return new Case("t5 xxl encoder", dtype, Estimate.encode(config, tokens), bytes * dtype.bytes(), rng -> {
            var encoder = new T5Encoder(config, Weights.fresh(rng, dtype, Device.CPU));
            var ids = rng.integers(0, config.vocabSize(), 1, tokens);
            return () -> encoder.forward(ids);
        }).per(config.numLayers(), "layer");
    }

    private Case decoder() {
        var config = plan.isNarrow() ? ConfigFile.parse("a narrow decoder", """
                {"block_out_channels": [32, 32, 32, 32], "layers_per_block": 1}""", CogVideoXVae.Config.class)
                : CogVideoXVae.Config.defaults();
        var side = plan.clipSide();
        var frames = IntStream.of(plan.clipLatents()).map(t -> t % 2 == 0 ? t * config.strideT()
                : (t - 1) * config.strideT() + 1).sum();
        var pixels = (double) frames * side * side;
        var flops = Estimate.decode(config, side, side, plan.clipLatents());
        return new Case("cogvideox decoder", dtype, flops, pixels * config.blockOutChannels().getFirst()
                * dtype.bytes(), rng -> {
                    var vae = new CogVideoXVae(config, Weights.fresh(rng, dtype, Device.CPU));
                    var latents = rng.normal(1, config.latentChannels(), plan.clipLatents(), side / config.strideXY(),
                            side / config.strideXY()).to(dtype);
                    return () -> vae.decode(latents);
                }).per(pixels / 1e6, "megapixel-frame");
    }

    // ---------------------------------------------------------------- parts

    private Case attention(long tokens, int heads, int width) {
        var flops = 4.0 * tokens * tokens * heads * width;
        var bytes = 4.0 * tokens * heads * width * dtype.bytes();
        return new Case("attention %d, %d x %d".formatted(tokens, heads, width), dtype, flops, bytes, rng -> {
            // As networks make them: heads lie side by side in memory.
            var qkv = IntStream.range(0, 3).mapToObj(_ -> rng.normal(1, tokens, heads, width).to(dtype).transpose(1, 2))
                    .toList();
            var scale = 1 / Math.sqrt(width);
            return () -> qkv.get(0).attention(qkv.get(1), qkv.get(2), null, scale);
        });
    }

    private Case linear(long tokens, long in, long out) {
        var bytes = (double) (tokens * (in + out) + in * out) * dtype.bytes();
        return new Case("linear %d x %d x %d".formatted(tokens, in, out), dtype, 2.0 * tokens * in * out, bytes, rng -> {
            var x = rng.normal(1, tokens, in).to(dtype);
            var weight = rng.normal(out, in).to(dtype);
            var bias = rng.normal(out).to(dtype);
            return () -> x.linear(weight, bias);
        });
    }

    private Case layerNorm(long tokens, long width) {
        return moving("layer norm", tokens, width, 8, x -> x.layerNorm(1e-5));
    }

    private Case gelu(long tokens, long width) {
        return moving("gelu", tokens, width, 20, Tensor::geluTanh);
    }

    /// @param flops operations for each number, roughly
    private Case moving(String name, long tokens, long width, double flops, UnaryOperator<Tensor> operation) {
        var count = (double) tokens * width;
        return new Case("%s %d x %d".formatted(name, tokens, width), dtype, flops * count, 2 * count * dtype.bytes(),
                rng -> {
                    var x = rng.normal(tokens, width).to(dtype);
                    return () -> {
                        var _ = operation.apply(x);
                    };
                }).moving();
    }
}
