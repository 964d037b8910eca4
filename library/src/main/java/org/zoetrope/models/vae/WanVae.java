package org.zoetrope.models.vae;

import static org.zoetrope.tensor.Axis.axis;
import static org.zoetrope.tensor.ShapeException.require;
import static org.zoetrope.weights.Init.ones;
import static org.zoetrope.weights.Init.uniform;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.zoetrope.nn.ChunkListener;
import org.zoetrope.nn.Conv2d;
import org.zoetrope.nn.Posterior;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.ConfigFile.Default;
import org.zoetrope.weights.Weights;

/// The causal video autoencoder of Wan2.1 (arXiv 2503.20314, section 4.1): eight times smaller in space, four times in
/// time, with the first frame on its own.
///
/// Norms look at one position alone and convolutions only backwards in time, so a frame depends on nothing behind it and
/// a clip may pass in chunks of any length: each layer remembers the last frames it saw ([FeatureCache]), and the result
/// is that of the whole clip. Large pictures are cut into overlapping tiles whose seams are blended.
///
/// Axes: B batch, C channels, F pixel frames, T latent frames, H W height and width of either.
public final class WanVae {
    /// Component names are the keys of the published config.json; a key that a release leaves out has the default of the
    /// published class.
    public record Config(
            @Default("96") int baseDim,
            Optional<Integer> decoderBaseDim,
            @Default("16") int zDim,
            @Default("[1, 2, 4, 4]") List<Integer> dimMult,
            @Default("2") int numResBlocks,
            @Default("[]") List<Double> attnScales,
            @Default("[false, true, true]") List<Boolean> temperalDownsample,
            @Default("0") double dropout,
            @Default(MEAN) List<Double> latentsMean,
            @Default(STD) List<Double> latentsStd,
            @Default("false") boolean isResidual,
            @Default("3") int inChannels,
            @Default("3") int outChannels,
            Optional<Integer> patchSize,
            @Default("4") int scaleFactorTemporal,
            @Default("8") int scaleFactorSpatial) {
        private static final String MEAN = "[-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, "
                + "0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921]";
        private static final String STD = "[2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, "
                + "3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160]";

        public Config {
            ConfigException.require(!isResidual && patchSize.orElse(1) == 1, "is_residual %s and patch_size %s belong to "
                    + "the autoencoder of Wan2.2, which is another one", isResidual, patchSize.map(String::valueOf).orElse("null"));
            ConfigException.require(!dimMult.isEmpty() && temperalDownsample.size() == dimMult.size() - 1,
                    "dim_mult has %d levels, so temperal_downsample needs %d values, not %d", dimMult.size(),
                    dimMult.size() - 1, temperalDownsample.size());
            ConfigException.require(baseDim > 0 && decoderBaseDim.orElse(baseDim) > 0 && zDim > 0 && numResBlocks > 0
                    && inChannels > 0 && outChannels > 0 && dimMult.stream().allMatch(m -> m > 0),
                    "base_dim %d, decoder_base_dim %d, z_dim %d, num_res_blocks %d, in_channels %d, out_channels %d and "
                            + "dim_mult %s must be positive",
                    baseDim, decoderBaseDim.orElse(baseDim), zDim, numResBlocks, inChannels, outChannels, dimMult);
            ConfigException.require(latentsMean.size() == zDim && latentsStd.size() == zDim
                    && latentsStd.stream().allMatch(s -> s > 0),
                    "latents_mean has %d values and latents_std %d; z_dim %d needs as many, and spreads above 0",
                    latentsMean.size(), latentsStd.size(), zDim);
        }

        /// The published defaults of the class, those of Wan2.1.
        public static Config defaults() {
            return ConfigFile.parse("the defaults of Wan2.1", "{}", Config.class);
        }

        /// Pixels per latent along height and width.
        public int strideXY() {
            return 1 << temperalDownsample.size();
        }

        /// Frames per latent frame, behind the first.
        public int strideT() {
            return 1 << (int) temperalDownsample.stream().filter(halved -> halved).count();
        }

        /// Channels of an encoder level.
        public int encoderChannels(int level) {
            return baseDim * dimMult.get(level);
        }

        /// Channels of a decoder level, counted from the latents.
        public int decoderChannels(int level) {
            return decoderBaseDim.orElse(baseDim) * dimMult.get(dimMult.size() - 1 - level);
        }
    }

    /// How large pictures are cut: size of a tile and distance between two, in pixels.
    public record Tiling(int height, int width, int strideHeight, int strideWidth) {
        /// The published choice.
        public static final Tiling PUBLISHED = new Tiling(256, 256, 192, 192);

        public Tiling {
            require(strideHeight > 0 && strideWidth > 0 && strideHeight <= height && strideWidth <= width,
                    "tiles of %d x %d every %d x %d leave gaps", height, width, strideHeight, strideWidth);
        }
    }

    private final Config config;
    private final Encoder encoder;
    private final Conv3d quantise;   // named so in the release; nothing is quantised
    private final Conv3d dequantise;
    private final Decoder decoder;
    private final Tensor mean;       // [1, C, 1, 1, 1]
    private final Tensor std;

    public WanVae(Config c, Weights w) {
        config = c;
        encoder = new Encoder(w.at("encoder"), c);
        quantise = new Conv3d(w.at("quant_conv"), 2 * c.zDim, 2 * c.zDim, 1);
        dequantise = new Conv3d(w.at("post_quant_conv"), c.zDim, c.zDim, 1);
        decoder = new Decoder(w.at("decoder"), c);
        mean = perChannel(c.latentsMean);
        std = perChannel(c.latentsStd);
    }

    private static Tensor perChannel(List<Double> values) {
        return Tensor.of(values.stream().mapToDouble(Double::doubleValue).toArray(), 1, values.size(), 1, 1, 1)
                .to(DType.FLOAT32);
    }

    public Config config() {
        return config;
    }

    /// Latents as the denoiser knows them, each channel about N(0, 1); [B, z_dim, T, H, W].
    public Tensor normalised(Tensor latents) {
        return latents.minus(mean.like(latents)).div(std.like(latents));
    }

    /// Latents as the decoder knows them: undoes [#normalised(Tensor)].
    public Tensor restored(Tensor latents) {
        return latents.times(std.like(latents)).plus(mean.like(latents));
    }

    /// Encodes whole pictures.
    ///
    /// @param video [B, 3, F, H, W] in [-1, 1]; F is 4n + 1; H and W are multiples of the spatial stride
    /// @return the posterior of [B, z_dim, T, H/8, W/8], T = (F - 1) / 4 + 1; not normalised
    public Posterior encode(Tensor video) {
        return encode(video, Optional.empty());
    }

    /// Encodes, cutting pictures larger than a tile.
    public Posterior encode(Tensor video, Optional<Tiling> tiling) {
        var strideT = config.strideT();
        var strideXY = config.strideXY();
        require(video.rank() == 5 && video.size(1) == config.inChannels, "video %s is not [B, %d, F, H, W]", video,
                config.inChannels);
        require((video.size(2) - 1) % strideT == 0, "%d frames are not a multiple of %d and one more", video.size(2),
                strideT);
        require(video.size(3) % strideXY == 0 && video.size(4) % strideXY == 0,
                "picture size %d x %d is not a multiple of %d", video.size(4), video.size(3), strideXY);
        return encode(video, tiling, firstAlone(video.size(2), strideT));
    }

    /// @param lengths frames of the chunks; one more than a multiple of the stride in the first, a multiple in the others
    Posterior encode(Tensor video, Optional<Tiling> tiling, long... lengths) {
        return Scope.run(() -> {
            CausalNetwork network = (x, cache) -> quantise.forward(encoder.forward(x, cache));
            var parts = new ArrayList<Tensor>();
            network.stream(video, lengths, tiling.map(t -> grid(t, 1, config.strideXY())), ChunkListener.none(), parts::add);
            return Posterior.of(Tensor.cat(parts, 2));
        });
    }

    /// Decodes whole pictures.
    ///
    /// @param latents [B, z_dim, T, H, W], not normalised
    /// @return [B, 3, F, 8H, 8W] in [-1, 1], F = 4 (T - 1) + 1
    public Tensor decode(Tensor latents) {
        return decode(latents, Optional.empty());
    }

    /// Decodes, cutting pictures larger than a tile.
    public Tensor decode(Tensor latents, Optional<Tiling> tiling) {
        return Scope.run(() -> {
            var parts = new ArrayList<Tensor>();
            decode(latents, tiling, ChunkListener.none(), parts::add);
            return Tensor.cat(parts, 2);
        });
    }

    /// Decodes latent frame by latent frame and hands the frames of each, [B, 3, f, 8H, 8W], to the receiver in order.
    /// Memory does not grow with the length of the clip, but by the frames themselves where the picture is cut: these come
    /// after the last tile. What the receiver gets is owned by the scope this was called in.
    public void decode(Tensor latents, Optional<Tiling> tiling, ChunkListener listener, Consumer<Tensor> receiver) {
        require(latents.rank() == 5 && latents.size(1) == config.zDim, "latents %s are not [B, %d, T, H, W]", latents,
                config.zDim);
        decode(latents, tiling, listener, receiver, firstAlone(latents.size(2), 1));
    }

    /// @param lengths latent frames of the chunks
    void decode(Tensor latents, Optional<Tiling> tiling, ChunkListener listener, Consumer<Tensor> receiver, long... lengths) {
        CausalNetwork network = (z, cache) -> decoder.forward(dequantise.forward(z), cache);
        network.stream(latents, lengths, tiling.map(t -> grid(t, config.strideXY(), 1)), listener, frames -> {
            var clamped = frames.clamp(-1, 1); // after the seams are blended, as in the release
            frames.close();
            receiver.accept(clamped);
        });
    }

    private static long[] firstAlone(long frames, int others) {
        var lengths = new long[Math.toIntExact(1 + (frames - 1) / others)];
        Arrays.fill(lengths, others);
        lengths[0] = 1;
        return lengths;
    }

    /// @param in  pixels of a tile per position on the way into the network
    /// @param out the same on the way out
    private static TileGrid grid(Tiling t, int in, int out) {
        return new TileGrid(t.height / in, t.width / in, t.strideHeight / in, t.strideWidth / in,
                t.height / out - t.strideHeight / out, t.width / out - t.strideWidth / out, t.height / out, t.width / out);
    }

    // ---------------------------------------------------------------- networks

    /// A part of a network that may remember frames.
    private interface Layer {
        Tensor forward(Tensor x, FeatureCache cache);
    }

    private record Encoder(Conv3d in, List<Layer> down, List<Layer> middle, RmsNorm norm, Conv3d out) {
        Encoder(Weights w, Config c) {
            var last = c.encoderChannels(c.dimMult.size() - 1);
            this(new Conv3d(w.at("conv_in"), c.inChannels, c.baseDim, 3), down(w.at("down_blocks"), c),
                    middleOf(w.at("mid_block"), last), RmsNorm.ofVideo(w.at("norm_out"), last),
                    new Conv3d(w.at("conv_out"), last, 2 * c.zDim, 3));
        }

        /// One flat list over all levels: residual blocks, with attention behind each at the scales that ask for it, and
        /// a resampling between two levels.
        private static List<Layer> down(Weights w, Config c) {
            var layers = new ArrayList<Layer>();
            var channels = c.baseDim;
            for (var level = 0; level < c.dimMult.size(); level++) {
                for (var i = 0; i < c.numResBlocks; i++) {
                    layers.add(new ResNet(w.at(Integer.toString(layers.size())), channels, c.encoderChannels(level)));
                    channels = c.encoderChannels(level);
                    if (c.attnScales.contains(Math.scalb(1.0, -level))) {
                        layers.add(new FrameAttention(w.at(Integer.toString(layers.size())), channels));
                    }
                }
                if (level < c.dimMult.size() - 1) {
                    layers.add(new Down(w.at(Integer.toString(layers.size())), channels, c.temperalDownsample.get(level)));
                }
            }
            return List.copyOf(layers);
        }

        Tensor forward(Tensor x, FeatureCache cache) {                                            // [B, 3, F, H, W]
            x = Scope.fold(in.forward(x, cache), down, (y, layer) -> layer.forward(y, cache));    // [B, C, T, H/8, W/8]
            x = Scope.fold(x, middle, (y, layer) -> layer.forward(y, cache));
            return out.forward(norm.forward(x).siluInPlace(), cache);                             // [B, 2C, T, H/8, W/8]
        }
    }

    private record Decoder(Conv3d in, List<Layer> middle, List<Layer> up, RmsNorm norm, Conv3d out) {
        Decoder(Weights w, Config c) {
            var levels = c.dimMult.size();
            this(new Conv3d(w.at("conv_in"), c.zDim, c.decoderChannels(0), 3), middleOf(w.at("mid_block"), c.decoderChannels(0)),
                    IntStream.range(0, levels).boxed().flatMap(level -> up(w.at("up_blocks." + level), c, level).stream()).toList(),
                    RmsNorm.ofVideo(w.at("norm_out"), c.decoderChannels(levels - 1)),
                    new Conv3d(w.at("conv_out"), c.decoderChannels(levels - 1), c.outChannels, 3));
        }

        /// One level; the resampling before it has halved its channels.
        private static List<Layer> up(Weights w, Config c, int level) {
            var layers = new ArrayList<Layer>();
            var in = level == 0 ? c.decoderChannels(0) : c.decoderChannels(level - 1) / 2;
            var out = c.decoderChannels(level);
            for (var i = 0; i <= c.numResBlocks; i++) {
                layers.add(new ResNet(w.at("resnets." + i), i == 0 ? in : out, out));
            }
            var below = c.dimMult.size() - 2 - level; // the encoder's transition that this one undoes
            if (below >= 0) {
                layers.add(new Up(w.at("upsamplers.0"), out, c.temperalDownsample.get(below)));
            }
            return layers;
        }

        Tensor forward(Tensor z, FeatureCache cache) {                                            // [B, C, T, H, W]
            var x = Scope.fold(in.forward(z, cache), middle, (y, layer) -> layer.forward(y, cache));
            x = Scope.fold(x, up, (y, layer) -> layer.forward(y, cache));                         // [B, C, F, 8H, 8W]
            return out.forward(norm.activated(x), cache);                                         // [B, 3, F, 8H, 8W]
        }
    }

    private static List<Layer> middleOf(Weights w, int channels) {
        return List.of(new ResNet(w.at("resnets.0"), channels, channels), new FrameAttention(w.at("attentions.0"), channels),
                new ResNet(w.at("resnets.1"), channels, channels));
    }

    /// Two causal convolutions with a shortcut.
    private record ResNet(RmsNorm norm1, Conv3d conv1, RmsNorm norm2, Conv3d conv2, Optional<Conv3d> shortcut) implements Layer {
        ResNet(Weights w, int in, int out) {
            this(RmsNorm.ofVideo(w.at("norm1"), in), new Conv3d(w.at("conv1"), in, out, 3), RmsNorm.ofVideo(w.at("norm2"), out),
                    new Conv3d(w.at("conv2"), out, out, 3),
                    in == out ? Optional.empty() : Optional.of(new Conv3d(w.at("conv_shortcut"), in, out, 1)));
        }

        @Override
        public Tensor forward(Tensor x, FeatureCache cache) {
            // At full size one activation takes hundreds of megabytes: each half frees its own.
            var first = Scope.run(() -> conv1.forward(norm1.activated(x), cache));
            var second = Scope.run(() -> conv2.forward(norm2.activated(first), cache));
            return second.plus(shortcut.map(s -> s.forward(x)).orElse(x));
        }
    }

    /// Attention within each frame, with one head.
    private record FrameAttention(RmsNorm norm, Conv2d toQkv, Conv2d projection) implements Layer {
        FrameAttention(Weights w, int channels) {
            this(RmsNorm.ofPictures(w.at("norm"), channels), new Conv2d(w.at("to_qkv"), channels, 3L * channels, 1, 1, 0),
                    new Conv2d(w.at("proj"), channels, channels, 1, 1, 0));
        }

        @Override
        public Tensor forward(Tensor x, FeatureCache cache) {
            return x.plus(perFrame(x, frames -> {                                                 // [N, C, H, W]
                var qkv = toQkv.forward(norm.forward(frames)).rearrange("N (s C) H W -> s N 1 (H W) C", axis("s", 3)).unbind(0);
                var seen = qkv.get(0).attention(qkv.get(1), qkv.get(2), null, 1 / Math.sqrt(frames.size(1)));
                return projection.forward(seen.rearrange("N 1 (H W) C -> N C H W", axis("H", frames.size(2))));
            }));
        }
    }

    /// Halves height and width; where it also halves time, frames 2n, 2n + 1 and 2n + 2 become one, and the first frame
    /// stays as it is.
    private record Down(Conv2d space, Optional<TimeConv> time) implements Layer {
        Down(Weights w, int channels, boolean halvesTime) {
            this(new Conv2d(w.at("resample.1"), channels, channels, 3, 2, 0),
                    halvesTime ? Optional.of(new TimeConv(w.at("time_conv"), channels, channels)) : Optional.empty());
        }

        @Override
        public Tensor forward(Tensor x, FeatureCache cache) {
            var half = perFrame(x, frames -> space.forward(frames.pad(0, 0, 1, 0, 1)));
            return time.map(t -> t.pairs(half, cache)).orElse(half);
        }
    }

    /// Doubles height and width and halves the channels; where it also doubles time, every frame but the first first
    /// becomes two.
    private record Up(Conv2d space, Optional<TimeConv> time) implements Layer {
        Up(Weights w, int channels, boolean doublesTime) {
            this(new Conv2d(w.at("resample.1"), channels, channels / 2, 3, 1, 1),
                    doublesTime ? Optional.of(new TimeConv(w.at("time_conv"), channels, 2 * channels)) : Optional.empty());
        }

        @Override
        public Tensor forward(Tensor x, FeatureCache cache) {
            var y = time.map(t -> t.split(x, cache)).orElse(x);
            return perFrame(y.nearest3d(y.size(2), 2 * y.size(3), 2 * y.size(4)), space::forward);
        }
    }

    private static final long[] ONE = {1, 1, 1};
    private static final long[] NONE = {0, 0, 0};

    /// A convolution over three frames of one place, between which the frame rate changes.
    private record TimeConv(Tensor weight, Tensor bias) {
        private static final long[] EVERY_OTHER = {2, 1, 1};

        TimeConv(Weights w, int in, int out) {
            this(w.get("weight", uniform(1 / Math.sqrt(3.0 * in)), out, in, 3, 1, 1),
                    w.get("bias", uniform(1 / Math.sqrt(3.0 * in)), out));
        }

        Tensor pairs(Tensor x, FeatureCache cache) {
            var before = cache.recall(weight);
            var seen = before.map(last -> Tensor.cat(List.of(last, x), 2)).orElse(x);
            var halved = seen.size(2) < 3 ? Optional.<Tensor>empty() : Optional.of(seen.conv3d(weight, bias, EVERY_OTHER, NONE));
            cache.remember(weight, x.narrow(2, x.size(2) - 1, 1).copy());
            if (before.isPresent()) {
                return halved.orElseThrow();
            }
            var first = x.narrow(2, 0, 1);
            return halved.map(h -> Tensor.cat(List.of(first, h), 2)).orElse(first);
        }

        /// The first frame passes and is not seen by those behind it: for them the clip begins with zeros, which is what
        /// the first chunk leaves behind.
        Tensor split(Tensor x, FeatureCache cache) {
            var before = cache.recall(weight);
            var alone = before.isPresent() ? 0 : 1;
            var rest = x.narrow(2, alone, x.size(2) - alone);
            var seen = before.map(past -> Tensor.cat(List.of(past, rest), 2)).orElseGet(() -> behindZeros(rest, 2));
            // Computed before the cache lets go of the old tail.
            var doubled = rest.size(2) == 0 ? Optional.<Tensor>empty()
                    : Optional.of(seen.conv3d(weight, bias, ONE, NONE).rearrange("B (n C) F H W -> B C (F n) H W", axis("n", 2)));
            cache.remember(weight, seen.narrow(2, seen.size(2) - 2, 2).copy());
            return alone == 0 ? doubled.orElseThrow()
                    : doubled.map(d -> Tensor.cat(List.of(x.narrow(2, 0, 1), d), 2)).orElse(x);
        }
    }

    /// A convolution that looks backwards in time: zeros stand before the first frame of a clip, the end of the chunk
    /// before stands before every other chunk.
    private record Conv3d(Tensor weight, Tensor bias, int kernel) {
        Conv3d(Weights w, int in, int out, int kernel) {
            this(w.get("weight", uniform(bound(in, kernel)), out, in, kernel, kernel, kernel),
                    w.get("bias", uniform(bound(in, kernel)), out), kernel);
        }

        private static double bound(int in, int kernel) {
            return 1 / Math.sqrt((double) in * kernel * kernel * kernel);
        }

        Tensor forward(Tensor x, FeatureCache cache) {
            var padded = cache.recall(weight).map(past -> Tensor.cat(List.of(past, x), 2)).orElseGet(() -> behindZeros(x, kernel - 1));
            // A copy: the view would keep the whole chunk alive until the next one.
            cache.remember(weight, padded.narrow(2, padded.size(2) - (kernel - 1), kernel - 1).copy());
            return padded.conv3d(weight, bias, ONE, new long[] {0, kernel / 2, kernel / 2});
        }

        /// For a kernel of one place, which remembers nothing.
        Tensor forward(Tensor x) {
            return x.conv3d(weight, bias, ONE, NONE);
        }
    }

    /// x / |x| over the channels of each place, times sqrt(C) and a learned scale.
    private record RmsNorm(Tensor gamma) {
        private static final double EPSILON = 1e-12; // least length, fixed in the released code

        static RmsNorm ofVideo(Weights w, int channels) {
            return new RmsNorm(w.get("gamma", ones(), channels, 1, 1, 1));
        }

        static RmsNorm ofPictures(Weights w, int channels) {
            return new RmsNorm(w.get("gamma", ones(), channels, 1, 1));
        }

        /// What the norm needs on its way is freed before the convolution that follows.
        Tensor activated(Tensor x) {
            return Scope.run(() -> forward(x).siluInPlace());
        }

        Tensor forward(Tensor x) {
            var length = x.norm(true, 1).clampMin(EPSILON);
            return x.div(length).times(gamma.times(Math.sqrt(x.size(1))));
        }
    }

    private static Tensor behindZeros(Tensor x, int frames) {
        return x.pad(0, 0, 0, 0, 0, frames, 0);
    }

    private static Tensor perFrame(Tensor x, UnaryOperator<Tensor> body) {
        var batch = axis("B", x.size(0));
        return body.apply(x.rearrange("B C F H W -> (B F) C H W")).rearrange("(B F) C H W -> B C F H W", batch);
    }
}
