package org.zoetrope.pipeline;

import java.util.List;
import java.util.Map;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.models.vision.ClipVisionEncoder;
import org.zoetrope.nn.Reuse;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;

/// What a run will take, before it runs. Parameters and floating-point operations are exact to a few percent, memory to
/// about a fifth; time is that of a machine with nothing else to do. See docs/performance.md for both.
///
/// @param parts       the components with weights
/// @param tokens      length of the network's sequence, text included
/// @param activations bytes of temporaries at the widest moment
/// @param peakBytes   weights and temporaries at the widest moment, above what the process held before
/// @param device      where the networks run
/// @param encoding    the text and image encoders
/// @param denoising   all steps
/// @param decoding    the decoder, overlaps of tiles included
public record Estimate(List<Part> parts, long tokens, long activations, long peakBytes, Device device, Stage encoding,
        Stage denoising, Stage decoding) {
    private static final double READ_PER_SECOND = 2e9; // bytes of weights, from a disk of today or from the page cache
    private static final double FIRST_RUN_SECONDS = 0.25; // code that runs for the first time is slow
    /// What a process comes to hold in its first run, whatever it computes: kernels that are made on the spot, and
    /// objects of the virtual machine.
    static final long FIRST_RUN = 25_000_000;

    /// Operations of one kind.
    ///
    /// @param flops 2 per multiply-add, as everywhere here
    /// @param size  of a single call, which decides what share of the machine's speed it reaches; see [Speeds]
    public record Work(Speeds.Kind kind, DType dtype, double flops, double size) {}

    /// A part of a run.
    public record Stage(List<Work> work) {
        public Stage {
            work = List.copyOf(work);
        }

        /// Its operations.
        public double flops() {
            return work.stream().mapToDouble(Work::flops).sum();
        }

        /// What it takes at these speeds.
        public double seconds(Speeds speeds, Device device) {
            return work.stream().filter(w -> w.flops > 0)
                    .mapToDouble(w -> w.flops / speeds.of(w.kind, w.dtype, device, w.size)).sum();
        }
    }

    /// A component with weights.
    ///
    /// @param parameters numbers in its checkpoint
    /// @param stored     how many of them are stored in which type
    /// @param bytes      what they take in memory
    /// @param resident   what of that a run brings into memory: of weights that are mapped from their file, a table of
    ///                   words and the half of an autoencoder that is not used stay on the disk
    public record Part(String name, String className, long parameters, Map<DType, Long> stored, long bytes,
            long resident) {}

    /// The same with more bytes in memory all the time.
    public Estimate besides(long bytes) {
        return new Estimate(parts, tokens, activations, peakBytes + bytes, device, encoding, denoising, decoding);
    }

    /// The way back through the steps' networks to what they were given, without gradients of weights: a layer has one product
    /// where it had one, attention five where it had two (arXiv 2205.14135, algorithm 4). Attention of few tokens counts as
    /// layers, as it does on the way there.
    ///
    /// @param again whether all is evaluated once more on the way
    public Stage backward(boolean again) {
        return new Stage(denoising.work.stream().map(w -> new Work(w.kind, w.dtype,
                w.flops * ((w.kind == Speeds.Kind.ATTENTION ? 2.5 : 1) + (again ? 1 : 0)), w.size)).toList());
    }

    /// Operations of the whole run.
    public double flops() {
        return encodeFlops() + denoiseFlops() + decodeFlops();
    }

    /// Operations of the text and image encoders.
    public double encodeFlops() {
        return encoding.flops();
    }

    /// Operations of all steps.
    public double denoiseFlops() {
        return denoising.flops();
    }

    /// Operations of the decoder.
    public double decodeFlops() {
        return decoding.flops();
    }

    /// Seconds from the first weights to the last frame, at these speeds.
    public double seconds(Speeds speeds) {
        return loadSeconds() + encoding.seconds(speeds, device) + denoising.seconds(speeds, device)
                + decoding.seconds(speeds, device);
    }

    /// Seconds for bringing the weights into memory, and what the first run of a process takes longer than the next.
    public double loadSeconds() {
        return FIRST_RUN_SECONDS + parts.stream().mapToLong(Part::resident).sum() / READ_PER_SECOND;
    }

    /// Operations of attention among the tokens of one call, of those that [#forward] counts.
    static double attention(CogVideoXTransformer.Config c, long tokens) {
        return 4.0 * c.numLayers() * tokens * tokens * c.width();
    }

    /// As above, for Wan.
    static double attention(WanTransformer.Config c, long words, long tokens) {
        return 4.0 * c.numLayers() * tokens * (tokens + words) * c.width();
    }

    /// Operations of one call of the transformer for one sample: per block 24 S D^2 of matrix products and 4 S^2 D of
    /// attention. Embeddings and modulation are below one percent.
    public static double forward(CogVideoXTransformer.Config c, long tokens) {
        double s = tokens, d = c.width();
        return c.numLayers() * (24 * s * d * d + 4 * s * s * d);
    }

    /// Operations of one call of Wan's transformer for one sample: per block matrix products of 12 S D^2 and 4 S D F,
    /// attention among S video tokens and to L words. Embeddings and modulation are below one percent.
    public static double forward(WanTransformer.Config c, long words, long tokens) {
        double s = tokens, l = words, d = c.width(), f = c.ffnDim();
        return c.numLayers() * (12 * s * d * d + 4 * s * d * f + 4 * l * d * d + 4 * s * (s + l) * d);
    }

    /// Operations of encoding one prompt.
    public static double encode(T5Encoder.Config c, long tokens) {
        double s = tokens, inner = (double) c.numHeads() * c.dKv();
        var matrices = 4 * c.dModel() * inner + 3.0 * c.dModel() * c.dFf();
        return c.numLayers() * (2 * s * matrices + 4 * s * s * inner);
    }

    /// Operations of encoding one picture.
    static double look(ClipVisionEncoder.Config c) {
        double s = c.tokens(), d = c.hiddenSize();
        return c.numHiddenLayers() * (8 * s * d * d + 4 * s * d * c.intermediateSize() + 4 * s * s * d);
    }

    /// Operations of decoding pictures of this size, convolution by convolution; the first of an odd number of frames passes the doublings of
    /// time for free. Overlaps of tiles come on top.
    public static double decode(CogVideoXVae.Config c, long width, long height, long latentFrames) {
        var levels = c.blockOutChannels().size();
        double area = (double) width * height / c.strideXY() / c.strideXY(), frames = latentFrames;
        double channels = c.blockOutChannels().getLast(), first = latentFrames % 2;
        var total = convolution(27, c.latentChannels(), channels, frames * area)
                + 4 * convolution(27, channels, channels, frames * area);
        for (var level = 0; level < levels; level++) {
            double out = c.blockOutChannels().get(levels - 1 - level);
            var resnets = c.layersPerBlock() + 1;
            total += convolution(27, channels, out, frames * area)
                    + (2 * resnets - 1) * convolution(27, out, out, frames * area);
            if (level < levels - 1) {
                area *= 4;
                frames = 1 << level < c.strideT() ? 2 * frames - first : frames;
                total += convolution(9, out, out, frames * area);
            }
            channels = out;
        }
        return total + convolution(27, channels, c.outChannels(), frames * area);
    }

    /// Operations of decoding pictures of this size, as above; the first frame passes the doublings of time for free.
    static double decode(WanVae.Config c, long width, long height, long latentFrames) {
        var levels = c.dimMult().size();
        double area = (double) width * height / c.strideXY() / c.strideXY(), frames = latentFrames;
        double channels = c.decoderChannels(0);
        var total = convolution(27, c.zDim(), channels, frames * area)
                + 4 * convolution(27, channels, channels, frames * area)
                + convolution(1, channels, 4 * channels, frames * area) + 4 * area * area * channels * frames;
        for (var level = 0; level < levels; level++) {
            double out = c.decoderChannels(level);
            total += convolution(27, channels, out, frames * area)
                    + (2 * c.numResBlocks() + 1) * convolution(27, out, out, frames * area);
            if (level < levels - 1) {
                if (c.temperalDownsample().get(levels - 2 - level)) {
                    total += convolution(3, out, 2 * out, (frames - 1) * area);
                    frames = 2 * frames - 1;
                }
                area *= 4;
                total += convolution(9, out, out / 2, frames * area);
                out /= 2;
            }
            channels = out;
        }
        return total + convolution(27, channels, c.outChannels(), frames * area);
    }

    private static double convolution(int kernel, double in, double out, double places) {
        return 2 * kernel * in * out * places;
    }

    /// What one branch of guidance keeps from step to step.
    ///
    /// @param sequence tokens that pass through the blocks
    static long kept(Reuse reuse, Geometry g, long sequence, DType dtype) {
        var stream = sequence * g.width() * dtype.bytes();
        return switch (reuse) {
            case Reuse.Stack _ -> stream;
            case Reuse.Attention _ -> stream * g.blocks() * (g.joint() ? 1 : 2);
        };
    }

    /// Bytes of temporaries of one call of the transformer: residual streams, queries, keys, values and the four times
    /// wider middle of the MLP, of which some exist twice at a time; attention is fused and adds none.
    static long activations(CogVideoXTransformer.Config c, long tokens, DType dtype, int batch) {
        return 22L * tokens * c.width() * dtype.bytes() * batch;
    }

    /// As above, for Wan: its modulated copies are float32, its MLP is wider.
    static long activations(WanTransformer.Config c, long tokens, DType dtype, int batch) {
        return tokens * batch * ((10L * c.width() + 2L * c.ffnDim()) * dtype.bytes() + 3L * c.width() * Float.BYTES);
    }

    /// Bytes of temporaries of encoding one prompt; scores are float32.
    static long activations(T5Encoder.Config c, long tokens, DType dtype) {
        return 3L * tokens * (c.dFf() + 2L * c.dModel()) * dtype.bytes()
                + 3L * c.numHeads() * tokens * tokens * Float.BYTES;
    }

    /// Bytes of temporaries of decoding one chunk of pictures of this size. The widest moment is around the first
    /// convolution of the last level, where the features of the level before are at full size already and exist five times.
    static long activations(CogVideoXVae.Config c, long width, long height, long latentFrames, DType dtype) {
        return 5 * features(c, width, height, latentFrames, dtype);
    }

    private static long features(CogVideoXVae.Config c, long width, long height, long latentFrames, DType dtype) {
        var perChunk = latentFrames < 2 ? latentFrames : 2 + latentFrames % 2;
        var frames = perChunk % 2 == 0 ? perChunk * c.strideT() : (perChunk - 1) * c.strideT() + 1;
        var channels = c.blockOutChannels().get(Math.min(1, c.blockOutChannels().size() - 1));
        return channels * frames * width * height * dtype.bytes();
    }

    /// Bytes that the allocator keeps from smaller features for the next ones, which have another size: up to its
    /// limit of 32 MiB for a piece of memory; larger ones go back at once. Chunks of two sizes leave more behind.
    static long scraps(CogVideoXVae.Config c, long width, long height, long latentFrames, DType dtype) {
        return (latentFrames < 4 ? 4 : 5) * Math.min(KEPT_PIECE, features(c, width, height, latentFrames, dtype));
    }

    private static final long KEPT_PIECE = 32L << 20; // M_MMAP_THRESHOLD of glibc, at its largest

    /// Bytes that the decoder's convolutions carry from chunk to chunk, two frames each, for pictures of this size.
    static long tails(CogVideoXVae.Config c, long width, long height, DType dtype) {
        var levels = c.blockOutChannels().size();
        var channels = (double) c.blockOutChannels().getLast();
        var area = (double) width * height / c.strideXY() / c.strideXY();
        var total = (c.latentChannels() + 4 * channels) * area;
        for (var level = 0; level < levels; level++) {
            var out = c.blockOutChannels().get(levels - 1 - level);
            total += (channels + (2.0 * c.layersPerBlock() + 1) * out) * area;
            channels = out;
            area *= level < levels - 1 ? 4 : 1;
        }
        return (long) (2 * (total + channels * area) * dtype.bytes());
    }

    /// Bytes of temporaries of decoding one latent frame of pictures of this size. The widest moment is the last doubling
    /// of pictures, where features with the channels of the level before exist seven times.
    static long activations(WanVae.Config c, long width, long height, long latentFrames, DType dtype) {
        return 7 * features(c, width, height, latentFrames, dtype);
    }

    private static long features(WanVae.Config c, long width, long height, long latentFrames, DType dtype) {
        var frames = latentFrames == 1 ? 1 : c.strideT();
        return frames * c.decoderChannels(Math.max(0, c.dimMult().size() - 2)) * width * height * dtype.bytes();
    }

    /// As for CogVideoX.
    static long scraps(WanVae.Config c, long width, long height, long latentFrames, DType dtype) {
        return (latentFrames < 3 ? 3 : 9) * Math.min(KEPT_PIECE, features(c, width, height, latentFrames, dtype));
    }

    /// Bytes that Wan's decoder carries from chunk to chunk.
    static long tails(WanVae.Config c, long width, long height, DType dtype) {
        var levels = c.dimMult().size();
        double area = (double) width * height / c.strideXY() / c.strideXY(), channels = c.decoderChannels(0);
        var total = (c.zDim() + 4 * channels) * area;
        for (var level = 0; level < levels; level++) {
            double out = c.decoderChannels(level);
            total += (channels + (2.0 * c.numResBlocks() + 1) * out) * area;
            if (level < levels - 1) {
                total += c.temperalDownsample().get(levels - 2 - level) ? out * area : 0;
                area *= 4;
                out /= 2;
            }
            channels = out;
        }
        return (long) (2 * (total + channels * area) * dtype.bytes());
    }
}
