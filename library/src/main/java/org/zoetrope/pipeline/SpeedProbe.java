package org.zoetrope.pipeline;

import java.util.stream.IntStream;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

/// Measures one kind of work for a moment: once to warm up, then the fastest of a few runs, since other programs slow down
/// some of them, but hardly all. What runs are our own networks with random weights, cut down to a block or two, so that a
/// speed contains all that a run contains.
final class SpeedProbe {
    private static final int RUNS = 5;
    private static final double BUDGET = 0.15; // seconds behind the first run
    private static final double PATIENCE = 0.5; // seconds of the first run
    private static final double CALM = 0.7; // of the time
    private static final int WORDS = 32;
    private static final int HEAD = 64;

    private SpeedProbe() {}

    /// Operations a second.
    ///
    /// @param large of the size of published models, or of the bundled one
    static Speeds.Reading measure(Speeds.Kind kind, DType dtype, Device device, boolean large) {
        return Torch.withoutGradients(() -> Scope.run(() -> {
            var work = switch (kind) {
                case LAYERS -> layers(dtype, device, large);
                case ATTENTION -> attention(dtype, device);
                case COGVIDEOX_DECODER -> decoder(dtype, device, large);
                case WAN_DECODER -> wanDecoder(dtype, device, large);
            };
            return reading(work);
        }));
    }

    /// In the unit that [Speeds#of] compares sizes in.
    static double size(Speeds.Kind kind, boolean large) {
        return switch (kind) {
            case LAYERS -> (double) tokens(large) * width(large) * width(large);
            case ATTENTION -> 0;
            case COGVIDEOX_DECODER -> perPixel(Estimate.decode(vae(large), SIDE, SIDE, latentFrames(large)), large);
            case WAN_DECODER -> perPixel(Estimate.decode(wanVae(large), SIDE, SIDE, latentFrames(large)), large);
        };
    }

    private static double perPixel(double flops, boolean large) {
        return flops / SIDE / SIDE / (4 * latentFrames(large) - 3);
    }

    /// Something to run, whose result is read so that a device that works ahead has to finish.
    private record Work(double flops, Runnable run) {}

    private static Speeds.Reading reading(Work work) {
        var cores = Torch.processorSeconds();
        var start = System.nanoTime();
        var fastest = fastest(work.run);
        return new Speeds.Reading(work.flops / fastest,
                isCalm(Torch.processorSeconds() - cores, (System.nanoTime() - start) / 1e9, Torch.threads()));
    }

    /// Whether the threads got the processor for most of the time: other programs would have had it otherwise. With many
    /// threads small operations leave cores idle by themselves, so that no more than two are asked for.
    ///
    /// @param coreSeconds processor time of all threads; not a number where the system does not say it
    static boolean isCalm(double coreSeconds, double seconds, int threads) {
        return Double.isNaN(coreSeconds) || coreSeconds >= CALM * Math.min(threads, 2) * seconds;
    }

    private static double fastest(Runnable run) {
        var first = once(run);
        if (first > PATIENCE) {
            return first; // a busy or slow machine: its other speeds are worth more than the exact one
        }
        var fastest = Double.POSITIVE_INFINITY;
        var spent = 0.0;
        for (var count = 0; count < RUNS && spent < BUDGET; count++) {
            var taken = once(run);
            fastest = Math.min(fastest, taken);
            spent += taken;
        }
        return fastest;
    }

    private static double once(Runnable run) {
        var start = System.nanoTime();
        Scope.run(run);
        return (System.nanoTime() - start) / 1e9;
    }

    // ---------------------------------------------------------------- the kinds

    private static int width(boolean large) {
        return large ? 1024 : 256;
    }

    private static int tokens(boolean large) {
        return large ? 576 : 352; // with the tokens of 17 frames of 64 x 64
    }

    private static Work layers(DType dtype, Device device, boolean large) {
        var config = ConfigFile.parse("a probe", """
                {"num_layers": %d, "num_attention_heads": %d, "text_embed_dim": 64, "time_embed_dim": 64}""".formatted(
                large ? 1 : 2, width(large) / HEAD), CogVideoXTransformer.Config.class);
        var rng = new Rng(1);
        var model = new CogVideoXTransformer(config, Weights.fresh(rng, dtype, device));
        // One row of patches: how tokens are arranged in space makes no difference to the work.
        var columns = (long) (tokens(large) - WORDS) * config.patchSize();
        var x = rng.normal(1, 1, config.inChannels(), config.patchSize(), columns).to(device, dtype);
        var prompt = rng.normal(1, WORDS, config.textEmbedDim()).to(device, dtype);
        var timestep = Tensor.full(500, DType.FLOAT32, device, 1);
        return new Work(Estimate.forward(config, tokens(large)), () -> finish(model.forward(x, timestep, prompt)));
    }

    static final int ATTENDING = 1024; // tokens
    private static final int HEADS = 8;

    private static Work attention(DType dtype, Device device) {
        var rng = new Rng(1);
        // As networks make them: heads lie side by side in memory.
        var qkv = IntStream.range(0, 3)
                .mapToObj(_ -> rng.normal(1, ATTENDING, HEADS, HEAD).to(device, dtype).transpose(1, 2)).toList();
        return new Work(4.0 * ATTENDING * ATTENDING * HEADS * HEAD,
                () -> finish(qkv.get(0).attention(qkv.get(1), qkv.get(2), null, 1 / Math.sqrt(HEAD))));
    }

    private static final int SIDE = 64; // pixels

    /// As many as take a tenth of a second or two.
    private static int latentFrames(boolean large) {
        return large ? 1 : 3;
    }

    private static CogVideoXVae.Config vae(boolean large) {
        return ConfigFile.parse("a probe", large ? """
                {"block_out_channels": [128, 128], "layers_per_block": 1, "temporal_compression_ratio": 1,
                 "down_block_types": ["CogVideoXDownBlock3D", "CogVideoXDownBlock3D"],
                 "up_block_types": ["CogVideoXUpBlock3D", "CogVideoXUpBlock3D"]}""" : """
                {"block_out_channels": [16, 64, 64], "layers_per_block": 1, "norm_num_groups": 4,
                 "down_block_types": ["CogVideoXDownBlock3D", "CogVideoXDownBlock3D", "CogVideoXDownBlock3D"],
                 "up_block_types": ["CogVideoXUpBlock3D", "CogVideoXUpBlock3D", "CogVideoXUpBlock3D"]}""",
                CogVideoXVae.Config.class);
    }

    private static Work decoder(DType dtype, Device device, boolean large) {
        var config = vae(large);
        var rng = new Rng(1);
        var model = new CogVideoXVae(config, Weights.fresh(rng, dtype, device));
        var side = SIDE / config.strideXY();
        var latents = rng.normal(1, config.latentChannels(), latentFrames(large), side, side).to(device, dtype);
        return new Work(Estimate.decode(config, SIDE, SIDE, latentFrames(large)), () -> finish(model.decode(latents)));
    }

    private static WanVae.Config wanVae(boolean large) {
        return ConfigFile.parse("a probe", large ? """
                {"base_dim": 96, "dim_mult": [1, 2], "num_res_blocks": 1, "temperal_downsample": [false]}""" : """
                {"base_dim": 16, "dim_mult": [1, 4, 4], "num_res_blocks": 1, "temperal_downsample": [true, true]}""",
                WanVae.Config.class);
    }

    private static Work wanDecoder(DType dtype, Device device, boolean large) {
        var config = wanVae(large);
        var rng = new Rng(1);
        var model = new WanVae(config, Weights.fresh(rng, dtype, device));
        var side = SIDE / config.strideXY();
        var latents = rng.normal(1, config.zDim(), latentFrames(large), side, side).to(device, dtype);
        return new Work(Estimate.decode(config, SIDE, SIDE, latentFrames(large)), () -> finish(model.decode(latents)));
    }

    private static void finish(Tensor result) {
        result.flatten(0, -1).select(0, 0).item();
    }
}
