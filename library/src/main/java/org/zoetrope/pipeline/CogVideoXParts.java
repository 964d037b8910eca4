package org.zoetrope.pipeline;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.nn.ChunkListener;
import org.zoetrope.nn.Drift;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// A CogVideoX folder: 2B, 5B, 1.5 and their image-to-video models.
record CogVideoXParts(Common common, CogVideoXTransformer.Config network, CogVideoXVae.Config vae, Defaults defaults)
        implements Parts {
    private static final int STEPS = 50; // num_inference_steps of the published pipelines
    private static final double GUIDANCE = 6; // guidance_scale of the published pipelines
    private static final int WIDTH_2B = 1920, WIDTH_5B = 3072;
    private static final double THRESHOLD = 0.1; // the careful end of public examples
    private static final double PLAIN_THRESHOLD = 0.5; // measured with the bundled model, see docs/performance.md
    private static final double OFS = 2.0; // the constant that the published 1.5 image-to-video pipeline passes

    static CogVideoXParts read(ModelFolder folder) {
        var reader = new FolderReader(folder);
        var network = reader.network(CogVideoXTransformer.Config.class);
        var vae = reader.config("vae", CogVideoXVae.Config.class);
        var common = reader.common("text_embed_dim", network.map(CogVideoXTransformer.Config::textEmbedDim));
        network.ifPresent(n -> vae.ifPresent(v -> disagreements(folder, n, v, reader)));
        var defaults = network.flatMap(n -> vae.flatMap(v -> reader.read(() -> defaults(folder, n, v))));
        reader.finish();
        return new CogVideoXParts(common.orElseThrow(), network.orElseThrow(), vae.orElseThrow(),
                defaults.orElseThrow());
    }

    private static void disagreements(ModelFolder folder, CogVideoXTransformer.Config network, CogVideoXVae.Config vae,
            FolderReader reader) {
        var channels = vae.latentChannels();
        var wanted = folder.kind().takesImage() ? 2 * channels : channels;
        reader.require(network.inChannels() == wanted,
                "the transformer takes in_channels %d, and a %s over an autoencoder with latent_channels %d needs %d",
                network.inChannels(), folder.kind().published(), channels, wanted);
        reader.require(network.outChannels() == channels,
                "the transformer gives out_channels %d, the autoencoder has latent_channels %d", network.outChannels(),
                channels);
        reader.require(network.temporalCompressionRatio() == vae.strideT(),
                "temporal_compression_ratio is %d in the transformer and %d in the autoencoder",
                network.temporalCompressionRatio(), vae.strideT());
    }

    /// The size and length a model was trained for stand in its config.
    private static Defaults defaults(ModelFolder folder, CogVideoXTransformer.Config network,
            CogVideoXVae.Config vae) {
        var later = network.patchSizeT().isPresent();
        // The config of CogVideoX1.5-5B names the largest grid (300 x 300), its card the size it was trained for.
        var boundOnly = later && network.sampleWidth() == 300 && network.sampleHeight() == 300;
        var width = boundOnly ? 1360 : network.sampleWidth() * vae.strideXY();
        var height = boundOnly ? 768 : network.sampleHeight() * vae.strideXY();
        return new Defaults(width, height, network.sampleFrames(), later ? 16 : 8, STEPS, GUIDANCE, EditDefaults.COGVIDEOX)
                .with(Defaults.Overrides.of(folder));
    }

    // ---------------------------------------------------------------- sizes

    @Override
    public int strideXY() {
        return vae.strideXY();
    }

    @Override
    public int strideT() {
        return vae.strideT();
    }

    @Override
    public int latentChannels() {
        return vae.latentChannels();
    }

    @Override
    public int sizeStep() {
        return vae.strideXY() * network.patchSize();
    }

    /// The 1.5 models join frames in pairs.
    @Override
    public int padding(int frames) {
        return Math.floorMod(-latentFrames(frames), network.patchFrames());
    }

    @Override
    public Geometry geometry() {
        return new Geometry(strideXY(), strideT(), network.patchSize(), network.patchFrames(), network.numLayers(), network.width(), true,
                network.useLearnedPositionalEmbeddings(), common.folder().kind().takesImage());
    }

    @Override
    public long videoTokens(int width, int height, int frames) {
        return (long) (latentFrames(frames) + padding(frames)) / network.patchFrames() * (height / sizeStep())
                * (width / sizeStep());
    }

    @Override
    public Optional<String> beyondPositions(int width, int height, int frames) {
        if (network.useLearnedPositionalEmbeddings()) {
            int nativeWidth = network.sampleWidth() * strideXY(), nativeHeight = network.sampleHeight() * strideXY();
            return width == nativeWidth && height == nativeHeight && frames == network.sampleFrames()
                    ? Optional.empty()
                    : Optional.of("%d x %d, %d frames; this model has learned its positions and takes only %d x %d, %d frames"
                            .formatted(width, height, frames, nativeWidth, nativeHeight, network.sampleFrames()));
        }
        var most = Integer.MAX_VALUE / network.width(); // position tables are Java arrays
        var tokens = videoTokens(width, height, frames);
        return tokens <= most ? Optional.empty()
                : Optional.of("%d x %d, %d frames make %d tokens; this network can count %d".formatted(width, height,
                        frames, tokens, most));
    }

    /// The polynomials of TeaCache's public code for these models.
    @Override
    public Drift drift() {
        if (network.patchSizeT().isPresent()) {
            return common.folder().kind().takesImage()
                    ? new Drift(List.of(1.22842302e+02, -1.04088754e+02, 2.62981677e+01, -3.06009921e-01, 3.71213220e-02), THRESHOLD)
                    : new Drift(List.of(2.50210439e+02, -1.65061612e+02, 3.57804877e+01, -7.81551492e-01, 3.58559703e-02), THRESHOLD);
        }
        return switch (network.width()) {
            case WIDTH_2B -> new Drift(List.of(-3.10658903e+01, 2.54732368e+01, -5.92380459e+00, 1.75769064e+00, -3.61568434e-03), THRESHOLD);
            case WIDTH_5B -> new Drift(List.of(-1.53880483e+03, 8.43202495e+02, -1.34363087e+02, 7.97131516e+00, -5.23162339e-02), THRESHOLD);
            default -> Drift.plain(PLAIN_THRESHOLD);
        };
    }

    // ---------------------------------------------------------------- words

    @Override
    public int textTokens() {
        return network.maxTextSeqLength();
    }

    @Override
    public int textWidth() {
        return network.textEmbedDim();
    }

    @Override
    public TokenizedPrompt tokens(String prompt) {
        return common.tokenizer().orElseThrow().fit(prompt, textTokens());
    }

    /// Padding is encoded and seen like any other token, as CogVideoX was trained.
    @Override
    public Tensor features(T5Encoder encoder, TokenizedPrompt prompt, Device device) {
        return encoder.forward(TokenizedPrompt.ids(List.of(prompt)).to(device));
    }

    // ---------------------------------------------------------------- weights

    @Override
    public Network network(Weights w) {
        var model = new CogVideoXTransformer(network, w);
        return (x, timestep, prompt, _, pass) -> model.forward(x, timestep, prompt,
                network.ofsEmbedDim().map(_ -> Tensor.full(OFS, DType.FLOAT32, x.device(), x.size(0))), pass);
    }

    @Override
    public Codec codec(Weights w) {
        return new Autoencoder(this, new CogVideoXVae(vae, w));
    }

    @Override
    public Tile tile() {
        var published = CogVideoXVae.Tiling.published(vae);
        return new Tile(published.width(), published.height(), stride(published.width(), published.overlapWidth()),
                stride(published.height(), published.overlapHeight()));
    }

    private int stride(int length, double overlap) {
        return (int) Math.round(length / vae.strideXY() * (1 - overlap)) * vae.strideXY();
    }

    private record Autoencoder(CogVideoXParts parts, CogVideoXVae model) implements Codec {
        private Optional<CogVideoXVae.Tiling> tiling(boolean tiled) {
            return tiled ? Optional.of(CogVideoXVae.Tiling.published(parts.vae)) : Optional.empty();
        }

        @Override
        public Tensor encode(Tensor video, boolean tiled, Function<long[], Tensor> draw) {
            return sample(video, tiled, draw).times(parts.vae.scalingFactor());
        }

        /// The latents of the frame, then zeros; padding continues them.
        @Override
        public Tensor firstFrame(Tensor first, int frames, boolean tiled, Function<long[], Tensor> draw) {
            // The 1.5 image-to-video models were trained on pictures divided by the scale instead.
            var scale = parts.vae.invertScaleLatents() ? 1 / parts.vae.scalingFactor() : parts.vae.scalingFactor();
            var length = parts.latentFrames(frames) + parts.padding(frames);
            return sample(first, tiled, draw).times(scale).pad(0, 0, 0, 0, 0, 0, 0, 0, length - 1);
        }

        private Tensor sample(Tensor video, boolean tiled, Function<long[], Tensor> draw) {
            var posterior = model.encode(video, tiling(tiled));
            return posterior.sample(draw.apply(posterior.mean().shape()).like(posterior.mean())).to(DType.FLOAT32)
                    .permute(0, 2, 1, 3, 4);
        }

        /// The published decoder gives an even number of latent frames 4 T frames instead of 4 (T - 1) + 1: the picture
        /// that should stand alone comes four times. The surplus is at the front of the first chunk.
        @Override
        public void decode(Tensor latents, boolean tiled, ChunkListener listener, Consumer<Tensor> receiver) {
            var length = latents.size(1);
            var strideT = parts.strideT();
            var later = (CogVideoXVae.decodeChunks(length) - 1) * 2L * strideT;
            var missing = new AtomicLong((length - 1) * strideT + 1 - later); // frames of the first chunk
            model.decode(latents.permute(0, 2, 1, 3, 4).div(parts.vae.scalingFactor()), tiling(tiled), listener, chunk -> {
                var wanted = missing.getAndSet(Long.MAX_VALUE);
                var kept = Math.min(wanted, chunk.size(2));
                try (var _ = Scope.open()) {
                    receiver.accept(chunk.narrow(2, chunk.size(2) - kept, kept));
                }
                chunk.close();
            });
        }
    }

    // ---------------------------------------------------------------- costs

    /// Words and video attend to each other in one sequence.
    @Override
    public long sequence(long words, long videoTokens) {
        return words + videoTokens;
    }

    @Override
    public double denoiseFlops(long words, long videoTokens) {
        return Estimate.forward(network, words + videoTokens);
    }

    @Override
    public double attentionFlops(long words, long videoTokens) {
        return Estimate.attention(network, words + videoTokens);
    }

    @Override
    public long denoiseBytes(long words, long videoTokens, DType dtype, int batch) {
        return Estimate.activations(network, words + videoTokens, dtype, batch);
    }

    @Override
    public double decodeFlops(long width, long height, long latentFrames) {
        return Estimate.decode(vae, width, height, latentFrames);
    }

    @Override
    public Speeds.Kind decoderKind() {
        return Speeds.Kind.COGVIDEOX_DECODER;
    }

    @Override
    public long decodeBytes(long width, long height, long latentFrames, DType dtype) {
        return Estimate.activations(vae, width, height, latentFrames, dtype);
    }

    @Override
    public long scrapBytes(long width, long height, long latentFrames, DType dtype) {
        return Estimate.scraps(vae, width, height, latentFrames, dtype);
    }

    @Override
    public long tailBytes(long width, long height, DType dtype) {
        return Estimate.tails(vae, width, height, dtype);
    }
}
