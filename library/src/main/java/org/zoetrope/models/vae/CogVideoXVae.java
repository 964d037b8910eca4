package org.zoetrope.models.vae;

import static org.zoetrope.tensor.Axis.axis;
import static org.zoetrope.tensor.ShapeException.require;
import static org.zoetrope.weights.Init.uniform;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.zoetrope.nn.ChunkListener;
import org.zoetrope.nn.Conv2d;
import org.zoetrope.nn.GroupNorm;
import org.zoetrope.nn.Posterior;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.ConfigFile.Default;
import org.zoetrope.weights.Weights;

/// The causal video autoencoder of CogVideoX (arXiv 2408.06072, section 2.1): eight times smaller in space, four times
/// in time, with the first frame on its own.
///
/// Convolutions look only backwards in time, so a clip passes in chunks (pixels in eights, latents in twos, the odd
/// frame with the first chunk) and each convolution carries its last two frames over. Group norms pool the frames of a
/// chunk, which is why the chunk plan is part of the model: other chunks give other pictures. Between chunks causality
/// is strict. Large pictures are cut into overlapping tiles whose seams are blended.
///
/// Axes: B batch, C channels, F pixel frames, T latent frames, H W height and width of either.
public final class CogVideoXVae {
    /// Component names are the keys of the published config.json; a key that a release leaves out, because its class got it
    /// later, has that class's default.
    public record Config(
            @Default("3") int inChannels,
            @Default("3") int outChannels,
            @Default(DOWN_BLOCKS) List<String> downBlockTypes,
            @Default(UP_BLOCKS) List<String> upBlockTypes,
            @Default("[128, 256, 256, 512]") List<Integer> blockOutChannels,
            @Default("16") int latentChannels,
            @Default("3") int layersPerBlock,
            @Default("\"silu\"") String actFn,
            @Default("1e-6") double normEps,
            @Default("32") int normNumGroups,
            @Default("4") double temporalCompressionRatio,
            @Default("480") int sampleHeight,
            @Default("720") int sampleWidth,
            @Default("1.15258426") double scalingFactor,
            Optional<Double> shiftFactor,
            Optional<List<Double>> latentsMean,
            Optional<List<Double>> latentsStd,
            @Default("true") boolean forceUpcast,
            @Default("false") boolean useQuantConv,
            @Default("false") boolean usePostQuantConv,
            @Default("false") boolean invertScaleLatents) {
        private static final String DOWN_BLOCKS =
                "[\"CogVideoXDownBlock3D\", \"CogVideoXDownBlock3D\", \"CogVideoXDownBlock3D\", \"CogVideoXDownBlock3D\"]";
        private static final String UP_BLOCKS =
                "[\"CogVideoXUpBlock3D\", \"CogVideoXUpBlock3D\", \"CogVideoXUpBlock3D\", \"CogVideoXUpBlock3D\"]";

        public Config {
            var levels = blockOutChannels.size();
            require(levels >= 1 && downBlockTypes.size() == levels && upBlockTypes.size() == levels,
                    "block_out_channels has %d levels, down_block_types %d and up_block_types %d", levels, downBlockTypes.size(), upBlockTypes.size());
            require(downBlockTypes.stream().allMatch("CogVideoXDownBlock3D"::equals), "down_block_types %s are not all CogVideoXDownBlock3D", downBlockTypes);
            require(upBlockTypes.stream().allMatch("CogVideoXUpBlock3D"::equals), "up_block_types %s are not all CogVideoXUpBlock3D", upBlockTypes);
            require(actFn.equals("silu"), "act_fn \"%s\" is not one CogVideoX was published with (silu)", actFn);
            for (var channels : blockOutChannels) {
                require(channels % normNumGroups == 0, "%d channels do not split into norm_num_groups %d", channels, normNumGroups);
            }
            var timeLevels = Math.log(temporalCompressionRatio) / Math.log(2);
            require(timeLevels >= 0 && timeLevels == Math.rint(timeLevels) && timeLevels < levels,
                    "temporal_compression_ratio %s is not a power of two below 2^%d", temporalCompressionRatio, levels);
            require(shiftFactor.isEmpty() && latentsMean.isEmpty() && latentsStd.isEmpty(), "shift_factor, latents_mean and latents_std are not used by CogVideoX and must be null");
            require(!useQuantConv && !usePostQuantConv, "use_quant_conv and use_post_quant_conv are false in every published CogVideoX");
        }

        /// The published defaults of the class, those of CogVideoX-2B.
        public static Config defaults() {
            return ConfigFile.parse("the defaults of CogVideoX-2B", "{}", Config.class);
        }

        /// The same autoencoder with another factor between its latents and unit variance.
        public Config withScale(double factor) {
            return new Config(inChannels, outChannels, downBlockTypes, upBlockTypes, blockOutChannels, latentChannels, layersPerBlock, actFn, normEps, normNumGroups,
                    temporalCompressionRatio, sampleHeight, sampleWidth, factor, shiftFactor, latentsMean, latentsStd, forceUpcast, useQuantConv, usePostQuantConv,
                    invertScaleLatents);
        }

        /// Pixels per latent along height and width.
        public int strideXY() {
            return 1 << (blockOutChannels.size() - 1);
        }

        /// Frames per latent frame, behind the first.
        public int strideT() {
            return (int) temporalCompressionRatio;
        }

        int timeLevels() {
            return Integer.numberOfTrailingZeros(strideT());
        }
    }

    /// How large pictures are cut. Sizes are in pixels, overlaps are shares of a tile.
    public record Tiling(int height, int width, double overlapHeight, double overlapWidth) {
        /// The published choice: tiles of half the native size, overlapping by a sixth and a fifth, here of whole latents.
        public static Tiling published(Config c) {
            var height = c.sampleHeight / 2 / c.strideXY();
            var width = c.sampleWidth / 2 / c.strideXY();
            return new Tiling(height * c.strideXY(), width * c.strideXY(), wholeShare(height, 6), wholeShare(width, 5));
        }

        private static double wholeShare(int latents, int parts) {
            return (double) Math.max(1, Math.round((float) latents / parts)) / latents;
        }

        /// The share of a tile that lies before its overlap with the next one, or in it, in whole latents or pixels. The
        /// rounding of a share such as 1/6 must not cost one.
        private static int of(int length, double share) {
            return (int) (length * share + 1e-9);
        }
    }

    private static final int FRAMES_PER_CHUNK = 8; // num_sample_frames_batch_size of the released code
    private static final int LATENTS_PER_CHUNK = 2; // num_latent_frames_batch_size

    private final Config config;
    private final Encoder encoder;
    private final Decoder decoder;

    public CogVideoXVae(Config c, Weights w) {
        config = c;
        encoder = new Encoder(w.at("encoder"), c);
        decoder = new Decoder(w.at("decoder"), c);
    }

    public Config config() {
        return config;
    }

    /// Encodes whole pictures.
    ///
    /// @param video [B, 3, F, H, W] in [-1, 1]; F is 1, or 8n, or 8n + 1; H and W are multiples of the spatial stride
    /// @return the posterior of [B, latent_channels, T, H/8, W/8], T = (F - 1) / 4 + 1
    public Posterior encode(Tensor video) {
        return encode(video, Optional.empty());
    }

    /// Encodes, cutting pictures larger than a tile.
    public Posterior encode(Tensor video, Optional<Tiling> tiling) {
        require(video.rank() == 5 && video.size(1) == config.inChannels, "video %s is not [B, %d, F, H, W]", video, config.inChannels);
        require(video.size(3) % config.strideXY() == 0 && video.size(4) % config.strideXY() == 0, "picture size %d x %d is not a multiple of %d",
                video.size(4), video.size(3), config.strideXY());
        return Scope.run(() -> {
            var parts = new ArrayList<Tensor>();
            CausalNetwork network = encoder::forward;
            network.stream(video, chunks(video.size(2), FRAMES_PER_CHUNK), encodeGrid(tiling), ChunkListener.none(), parts::add);
            var moments = parts.size() == 1 ? parts.getFirst() : Tensor.cat(parts, 2);
            var halves = moments.chunk(2, 1);
            return new Posterior(halves.get(0), halves.get(1).clamp(-30, 20));
        });
    }

    /// Decodes whole pictures.
    ///
    /// @param latents [B, latent_channels, T, H, W], unscaled (divide by the scaling factor first)
    /// @return [B, 3, F, 8H, 8W], about [-1, 1]; F = 4 (T - 1) + 1 for odd T, 4T for even T
    public Tensor decode(Tensor latents) {
        return decode(latents, Optional.empty());
    }

    /// Decodes, cutting pictures larger than a tile.
    public Tensor decode(Tensor latents, Optional<Tiling> tiling) {
        return Scope.run(() -> {
            var parts = new ArrayList<Tensor>();
            decode(latents, tiling, ChunkListener.none(), parts::add);
            return parts.size() == 1 ? parts.getFirst() : Tensor.cat(parts, 2);
        });
    }

    /// Decodes chunk by chunk and hands the frames of each, [B, 3, f, 8H, 8W], to the receiver in order. Memory does not
    /// grow with the length of the clip, but by the frames themselves where the picture is cut: these come after the last
    /// tile. What the receiver gets is owned by the scope this was called in.
    public void decode(Tensor latents, Optional<Tiling> tiling, ChunkListener listener, Consumer<Tensor> receiver) {
        require(latents.rank() == 5 && latents.size(1) == config.latentChannels, "latents %s are not [B, %d, T, H, W]", latents, config.latentChannels);
        CausalNetwork network = decoder::forward;
        network.stream(latents, chunks(latents.size(2), LATENTS_PER_CHUNK), decodeGrid(tiling), listener, receiver);
    }

    /// How many chunks a clip of this many latent frames is decoded in, each tile of it.
    public static int decodeChunks(long latentFrames) {
        return chunks(latentFrames, LATENTS_PER_CHUNK).length;
    }

    /// Frame counts of the chunks a clip of this length passes in.
    static long[] chunks(long frames, int size) {
        var count = Math.max(frames / size, 1);
        var lengths = new long[(int) count];
        for (var i = 0; i < count; i++) {
            lengths[i] = size;
        }
        lengths[0] = frames < size ? frames : size + frames % size;
        return lengths;
    }

    private Optional<TileGrid> decodeGrid(Optional<Tiling> tiling) {
        return tiling.map(t -> {
            var height = t.height / config.strideXY();
            var width = t.width / config.strideXY();
            return new TileGrid(height, width, Tiling.of(height, 1 - t.overlapHeight), Tiling.of(width, 1 - t.overlapWidth),
                    Tiling.of(t.height, t.overlapHeight), Tiling.of(t.width, t.overlapWidth), t.height, t.width);
        });
    }

    private Optional<TileGrid> encodeGrid(Optional<Tiling> tiling) {
        return tiling.map(t -> {
            var height = t.height / config.strideXY();
            var width = t.width / config.strideXY();
            return new TileGrid(t.height, t.width, Tiling.of(t.height, 1 - t.overlapHeight), Tiling.of(t.width, 1 - t.overlapWidth),
                    Tiling.of(height, t.overlapHeight), Tiling.of(width, t.overlapWidth), height, width);
        });
    }

    // ---------------------------------------------------------------- networks

    private record Encoder(CausalConv in, List<DownBlock> down, List<ResNet> middle, GroupNorm norm, CausalConv out) {
        Encoder(Weights w, Config c) {
            this(new CausalConv(w.at("conv_in"), c.inChannels, c.blockOutChannels.getFirst(), 3),
                    levels(c, i -> new DownBlock(w.at("down_blocks." + i), c, i)),
                    w.at("mid_block.resnets").each(2, r -> new ResNet(r, c.blockOutChannels.getLast(), c.blockOutChannels.getLast(), c, false)),
                    new GroupNorm(w.at("norm_out"), c.normNumGroups, c.blockOutChannels.getLast(), 1e-6),
                    new CausalConv(w.at("conv_out"), c.blockOutChannels.getLast(), 2 * c.latentChannels, 3));
        }

        Tensor forward(Tensor x, FeatureCache cache) {                                       // [B, 3, F, H, W]
            x = Scope.fold(in.forward(x, cache), down, (y, block) -> block.forward(y, cache)); // [B, C, T, H/8, W/8]
            x = Scope.fold(x, middle, (y, resnet) -> resnet.forward(y, y, cache));
            return out.forward(norm.forward(x).siluInPlace(), cache);                        // [B, 2C, T, H/8, W/8]
        }
    }

    private record DownBlock(List<ResNet> resnets, Optional<Conv2d> down, boolean halvesTime) {
        DownBlock(Weights w, Config c, int level) {
            this(ResNet.level(w, c, level == 0 ? c.blockOutChannels.getFirst() : c.blockOutChannels.get(level - 1), c.blockOutChannels.get(level), c.layersPerBlock, false),
                    level == c.blockOutChannels.size() - 1 ? Optional.empty()
                            : Optional.of(new Conv2d(w.at("downsamplers.0.conv"), c.blockOutChannels.get(level), c.blockOutChannels.get(level), 3, 2, 0)),
                    level < c.timeLevels());
        }

        Tensor forward(Tensor x, FeatureCache cache) {
            x = Scope.fold(x, resnets, (y, resnet) -> resnet.forward(y, y, cache));
            if (down.isEmpty()) {
                return x;
            }
            if (halvesTime && x.size(2) > 1) {
                var first = x.size(2) % 2;
                var pairs = x.narrow(2, first, x.size(2) - first).averagePool3d(2, 1, 1);
                x = first == 0 ? pairs : Tensor.cat(List.of(x.narrow(2, 0, 1), pairs), 2);
            }
            var convolution = down.get();
            return perFrame(x, frame -> convolution.forward(frame.pad(0, 0, 1, 0, 1)));
        }
    }

    private record Decoder(CausalConv in, List<ResNet> middle, List<UpBlock> up, SpatialNorm norm, CausalConv out) {
        Decoder(Weights w, Config c) {
            this(new CausalConv(w.at("conv_in"), c.latentChannels, c.blockOutChannels.getLast(), 3),
                    w.at("mid_block.resnets").each(2, r -> new ResNet(r, c.blockOutChannels.getLast(), c.blockOutChannels.getLast(), c, true)),
                    levels(c, i -> new UpBlock(w.at("up_blocks." + i), c, i)),
                    new SpatialNorm(w.at("norm_out"), c.blockOutChannels.getFirst(), c),
                    new CausalConv(w.at("conv_out"), c.blockOutChannels.getFirst(), c.outChannels, 3));
        }

        Tensor forward(Tensor z, FeatureCache cache) {                                       // [B, C, T, H, W]
            var x = Scope.fold(in.forward(z, cache), middle, (y, resnet) -> resnet.forward(y, z, cache));
            x = Scope.fold(x, up, (y, block) -> block.forward(y, z, cache));                 // [B, C, F, 8H, 8W]
            return out.forward(activated(norm, x, z), cache);                                // [B, 3, F, 8H, 8W]
        }
    }

    private record UpBlock(List<ResNet> resnets, Optional<Conv2d> up, boolean doublesTime) {
        UpBlock(Weights w, Config c, int level) {
            this(ResNet.level(w, c, level == 0 ? channels(c, 0) : channels(c, level - 1), channels(c, level), c.layersPerBlock + 1, true),
                    level == c.blockOutChannels.size() - 1 ? Optional.empty()
                            : Optional.of(new Conv2d(w.at("upsamplers.0.conv"), channels(c, level), channels(c, level), 3, 1, 1)),
                    level < c.timeLevels());
        }

        private static int channels(Config c, int level) {
            return c.blockOutChannels.get(c.blockOutChannels.size() - 1 - level);
        }

        Tensor forward(Tensor x, Tensor z, FeatureCache cache) {
            x = Scope.fold(x, resnets, (y, resnet) -> resnet.forward(y, z, cache));
            if (up.isEmpty()) {
                return x;
            }
            var height = 2 * x.size(3);
            var width = 2 * x.size(4);
            var frames = x.size(2);
            if (doublesTime && frames > 1 && frames % 2 == 1) {
                // The first frame stands alone in time; only the others come in pairs.
                var first = x.narrow(2, 0, 1).nearest3d(1, height, width);
                x = Tensor.cat(List.of(first, x.narrow(2, 1, frames - 1).nearest3d(2 * (frames - 1), height, width)), 2);
            } else {
                x = x.nearest3d(doublesTime && frames > 1 ? 2 * frames : frames, height, width);
            }
            return perFrame(x, up.get()::forward);
        }
    }

    private static <T> List<T> levels(Config c, IntFunction<T> block) {
        return IntStream.range(0, c.blockOutChannels.size()).mapToObj(block).toList();
    }

    private static Tensor perFrame(Tensor x, UnaryOperator<Tensor> body) {
        var batch = axis("B", x.size(0));
        return body.apply(x.rearrange("B C F H W -> (B F) C H W")).rearrange("(B F) C H W -> B C F H W", batch);
    }

    /// Two causal convolutions with a shortcut. The decoder's norms also see the latents.
    private record ResNet(Norm norm1, CausalConv conv1, Norm norm2, CausalConv conv2, @Nullable Tensor shortcut, @Nullable Tensor shortcutBias) {
        ResNet(Weights w, int in, int out, Config c, boolean seesLatents) {
            this(norm(w.at("norm1"), in, c, seesLatents), new CausalConv(w.at("conv1"), in, out, 3), norm(w.at("norm2"), out, c, seesLatents),
                    new CausalConv(w.at("conv2"), out, out, 3),
                    in == out ? null : w.at("conv_shortcut").get("weight", uniform(1 / Math.sqrt(in)), out, in, 1, 1, 1),
                    in == out ? null : w.at("conv_shortcut").get("bias", uniform(1 / Math.sqrt(in)), out));
        }

        private static Norm norm(Weights w, int channels, Config c, boolean seesLatents) {
            if (seesLatents) {
                return new SpatialNorm(w, channels, c);
            }
            var group = new GroupNorm(w, c.normNumGroups, channels, c.normEps);
            return (x, _) -> group.forward(x);
        }

        /// The resnets of one level; the first changes the channel count.
        static List<ResNet> level(Weights w, Config c, int in, int out, int count, boolean seesLatents) {
            return IntStream.range(0, count).mapToObj(i -> new ResNet(w.at("resnets." + i), i == 0 ? in : out, out, c, seesLatents)).toList();
        }

        Tensor forward(Tensor x, Tensor z, FeatureCache cache) {
            // At full size one activation takes hundreds of megabytes: each half frees its own.
            var first = Scope.run(() -> conv1.forward(activated(norm1, x, z), cache));
            var second = Scope.run(() -> conv2.forward(activated(norm2, first, z), cache));
            return second.plus(shortcut == null ? x : x.conv3d(shortcut, shortcutBias, ONE, NONE));
        }
    }

    private interface Norm {
        Tensor forward(Tensor x, Tensor z);
    }

    /// What a norm needs on its way is freed before the convolution that follows.
    private static Tensor activated(Norm norm, Tensor x, Tensor z) {
        return Scope.run(() -> norm.forward(x, z).siluInPlace());
    }

    /// A group norm whose scale and shift are drawn from the latents at each place (as in MoVQ, arXiv 2209.09002).
    private record SpatialNorm(GroupNorm norm, CausalConv scale, CausalConv shift) implements Norm {
        SpatialNorm(Weights w, int channels, Config c) {
            this(new GroupNorm(w.at("norm_layer"), c.normNumGroups, channels, 1e-6), new CausalConv(w.at("conv_y"), c.latentChannels, channels, 1),
                    new CausalConv(w.at("conv_b"), c.latentChannels, channels, 1));
        }

        /// The 1x1x1 maps run on the small latents and their results are resized: nearest neighbour commutes with them.
        @Override
        public Tensor forward(Tensor x, Tensor z) {
            return Scope.run(() -> norm.forward(x).times(resize(scale, z, x))).plus(resize(shift, z, x));
        }

        private static Tensor resize(CausalConv map, Tensor latents, Tensor x) {
            return Scope.run(() -> resize(map.pointwise(latents), x));
        }

        private static Tensor resize(Tensor z, Tensor x) {
            var frames = x.size(2);
            if (frames > 1 && frames % 2 == 1 && z.size(2) > 1) {
                var first = z.narrow(2, 0, 1).nearest3d(1, x.size(3), x.size(4));
                return Tensor.cat(List.of(first, z.narrow(2, 1, z.size(2) - 1).nearest3d(frames - 1, x.size(3), x.size(4))), 2);
            }
            return z.nearest3d(frames, x.size(3), x.size(4));
        }
    }

    private static final long[] ONE = {1, 1, 1};
    private static final long[] NONE = {0, 0, 0};

    /// A convolution that looks backwards in time. The start of a stream is padded with copies of its first frame, the
    /// start of a later chunk with the end of the chunk before.
    private record CausalConv(Tensor weight, Tensor bias, int kernel) {
        CausalConv(Weights w, int in, int out, int kernel) {
            this(w.at("conv").get("weight", uniform(1 / Math.sqrt((double) in * kernel * kernel * kernel)), out, in, kernel, kernel, kernel),
                    w.at("conv").get("bias", uniform(1 / Math.sqrt((double) in * kernel * kernel * kernel)), out), kernel);
        }

        Tensor forward(Tensor x, FeatureCache cache) {
            var past = cache.recall(weight).orElseGet(() -> x.narrow(2, 0, 1).expand(-1, -1, kernel - 1, -1, -1));
            var padded = Tensor.cat(List.of(past, x), 2);
            // A copy: the view would keep the whole chunk alive until the next one.
            cache.remember(weight, padded.narrow(2, padded.size(2) - (kernel - 1), kernel - 1).copy());
            return padded.conv3d(weight, bias, ONE, new long[] {0, kernel / 2, kernel / 2});
        }

        Tensor pointwise(Tensor x) {
            return x.conv3d(weight, bias, ONE, NONE);
        }
    }
}
