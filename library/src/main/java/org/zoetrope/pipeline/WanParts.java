package org.zoetrope.pipeline;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.zoetrope.media.Frames;
import org.zoetrope.media.Resize;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.text.CleanText;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.models.vision.ClipVisionEncoder;
import org.zoetrope.nn.ChunkListener;
import org.zoetrope.nn.Drift;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// A Wan2.1 folder: text-to-video and image-to-video, 1.3B and 14B.
///
/// @param vision     the image encoder of models whose cross-attention reads the first frame
/// @param textTokens length to which text features are filled up with zeros
record WanParts(Common common, WanTransformer.Config network, WanVae.Config vae,
        Optional<ClipVisionEncoder.Config> vision, int textTokens, Defaults defaults) implements Parts {
    // num_frames, height, width, num_inference_steps and guidance_scale of the published pipelines; fps of the report.
    private static final Defaults PUBLISHED = new Defaults(832, 480, 81, 16, 50, 5, EditDefaults.WAN);
    private static final int WIDTH_1_3B = 1536, WIDTH_14B = 5120;
    private static final double THRESHOLD_1_3B = 0.05, THRESHOLD_14B = 0.1; // the careful ends of public examples
    private static final double PLAIN_THRESHOLD = 0.5; // as for the bundled model
    private static final int TEXT_TOKENS = 512; // max_sequence_length of the published pipelines

    static WanParts read(ModelFolder folder) {
        var reader = new FolderReader(folder);
        var network = reader.network(WanTransformer.Config.class);
        var vae = reader.config("vae", WanVae.Config.class);
        var vision = reader.optionalConfig("image_encoder", ClipVisionEncoder.Config.class);
        var common = reader.common("text_dim", network.map(WanTransformer.Config::textDim));
        var overrides = reader.read(() -> Defaults.Overrides.of(folder));
        network.ifPresent(n -> vae.ifPresent(v -> disagreements(folder, n, v, reader)));
        network.ifPresent(n -> images(folder, n, vision, reader));
        var textTokens = overrides.flatMap(Defaults.Overrides::maxSequenceLength).orElse(TEXT_TOKENS);
        network.ifPresent(n -> reader.require(textTokens == TEXT_TOKENS || n.imageDim().isEmpty() && textTokens > 1,
                "max_sequence_length is %d in generation_config.json; image-to-video models read exactly %d tokens, others "
                        + "at least 2",
                textTokens, TEXT_TOKENS));
        reader.finish();
        return new WanParts(common.orElseThrow(), network.orElseThrow(), vae.orElseThrow(),
                network.flatMap(WanTransformer.Config::imageDim).flatMap(_ -> vision), textTokens,
                PUBLISHED.with(overrides.orElseThrow()));
    }

    private static void disagreements(ModelFolder folder, WanTransformer.Config network, WanVae.Config vae,
            FolderReader reader) {
        var channels = vae.zDim();
        var wanted = folder.kind().takesImage() ? channels + vae.strideT() + channels : channels;
        reader.require(network.inChannels() == wanted,
                "the transformer takes in_channels %d, and a %s over an autoencoder with z_dim %d needs %d",
                network.inChannels(), folder.kind().published(), channels, wanted);
        reader.require(network.outChannels() == channels,
                "the transformer gives out_channels %d, the autoencoder has z_dim %d", network.outChannels(), channels);
        reader.require(vae.scaleFactorTemporal() == vae.strideT() && vae.scaleFactorSpatial() == vae.strideXY(),
                "scale_factor_temporal %d and scale_factor_spatial %d of the autoencoder are not what its levels make: %d "
                        + "and %d",
                vae.scaleFactorTemporal(), vae.scaleFactorSpatial(), vae.strideT(), vae.strideXY());
        reader.require(network.patch(0) == 1, "patch_size %s joins latent frames, which no published Wan does",
                network.patchSize());
        reader.require(network.patch(1) == network.patch(2), "patch_size %s is not square", network.patchSize());
    }

    private static void images(ModelFolder folder, WanTransformer.Config network,
            Optional<ClipVisionEncoder.Config> vision, FolderReader reader) {
        network.imageDim().ifPresent(dim -> {
            reader.require(folder.kind().takesImage(), "the transformer reads image features (image_dim %d), and a %s has "
                    + "no picture to take them from", dim, folder.kind().published());
            reader.require(folder.has("image_encoder"),
                    "the transformer reads image features (image_dim %d), and there is no image_encoder", dim);
            vision.ifPresent(v -> reader.require(v.hiddenSize() == dim,
                    "the image encoder gives hidden_size %d, the transformer takes image_dim %d", v.hiddenSize(), dim));
        });
        reader.require(network.posEmbedSeqLen().isEmpty(), "pos_embed_seq_len belongs to models of a first and a last "
                + "frame, which cannot be run yet");
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
        return vae.zDim();
    }

    @Override
    public int sizeStep() {
        return vae.strideXY() * network.patch(1);
    }

    @Override
    public Geometry geometry() {
        return new Geometry(strideXY(), strideT(), network.patch(1), 1, network.numLayers(), network.width(), false, false,
                common.folder().kind().takesImage());
    }

    @Override
    public long videoTokens(int width, int height, int frames) {
        return (long) latentFrames(frames) * (height / sizeStep()) * (width / sizeStep());
    }

    @Override
    public Optional<String> beyondPositions(int width, int height, int frames) {
        var most = network.ropeMaxSeqLen();
        var longest = Math.max(latentFrames(frames), Math.max(width, height) / sizeStep());
        if (longest <= most) {
            return Optional.empty();
        }
        return Optional.of("%d x %d, %d frames; this network has %d positions along each axis: at most %d pixels and %d frames"
                .formatted(width, height, frames, most, (long) most * sizeStep(), (most - 1L) * strideT() + 1));
    }

    /// The polynomials of TeaCache's public code for these models, over the moment before it is projected. The two
    /// image-to-video models of 14B have one config, so that their names tell them apart.
    @Override
    public Drift drift() {
        if (network.width() == WIDTH_14B && common.folder().kind().takesImage()) {
            return common.folder().name().contains("720P")
                    ? new Drift(List.of(-114.36346466, 65.26524496, -18.82220707, 4.91518089, -0.23412683), THRESHOLD_14B)
                    : new Drift(List.of(-3.02331670e+02, 2.23948934e+02, -5.25463970e+01, 5.87348440e+00, -2.01973289e-01), THRESHOLD_14B);
        }
        return switch (network.width()) {
            case WIDTH_14B -> new Drift(List.of(-5784.54975374, 5449.50911966, -1811.16591783, 256.27178429, -13.02252404), THRESHOLD_14B);
            case WIDTH_1_3B -> new Drift(List.of(2.39676752e+03, -1.31110545e+03, 2.01331979e+02, -8.29855975e+00, 1.37887774e-01), THRESHOLD_1_3B);
            default -> Drift.plain(PLAIN_THRESHOLD);
        };
    }

    // ---------------------------------------------------------------- words

    @Override
    public int textWidth() {
        return network.textDim();
    }

    @Override
    public TokenizedPrompt tokens(String prompt) {
        return common.tokenizer().orElseThrow().fit(CleanText.of(prompt), textTokens);
    }

    /// Only the prompt itself is encoded; zeros fill its features up, and the network sees those like any other.
    @Override
    public Tensor features(T5Encoder encoder, TokenizedPrompt prompt, Device device) {
        var ids = Arrays.stream(prompt.ids()).limit(prompt.length()).asLongStream().toArray();
        var features = encoder.forward(Tensor.of(ids, 1, ids.length).to(device));
        return features.pad(0, 0, 0, 0, (long) textTokens - ids.length);
    }

    // ---------------------------------------------------------------- weights

    @Override
    public Network network(Weights w) {
        var model = new WanTransformer(network, w);
        return (x, timestep, prompt, picture, pass) -> swapped(
                model.forward(swapped(x), timestep, prompt, picture, pass));
    }

    /// [B, T, C, H, W] to [B, C, T, H, W] and back.
    private static Tensor swapped(Tensor x) {
        return x.transpose(1, 2);
    }

    @Override
    public Codec codec(Weights w) {
        return new Autoencoder(new WanVae(vae, w));
    }

    /// Its norms divide by lengths that half precision cannot hold; the release runs it in float32 as well.
    @Override
    public DType codecType(DType dtype) {
        return DType.FLOAT32;
    }

    @Override
    public Optional<Function<Weights, Eye>> eye() {
        return vision.map(config -> weights -> {
            var projects = common.folder().component("image_encoder").className().endsWith("WithProjection");
            var model = new ClipVisionEncoder(config, weights, projects);
            return picture -> model.forward(seen(picture, config.imageSize())).penultimate();
        });
    }

    /// The middle of a picture as CLIP's image processor cuts it: the shorter side scaled, the longer one cropped.
    private static Tensor seen(Frames picture, int size) {
        var shorter = Math.min(picture.width(), picture.height());
        var width = (int) ((long) size * picture.width() / shorter);
        var height = (int) ((long) size * picture.height() / shorter);
        var square = Resize.scaled(picture, width, height, Resize.Kernel.CUBIC)
                .then(scaled -> Resize.cropped(scaled, size, size)).frames();
        return ClipVisionEncoder.normalised(square.toTensor()).squeeze(2);                        // [1, 3, size, size]
    }

    @Override
    public Tile tile() {
        var published = WanVae.Tiling.PUBLISHED;
        return new Tile(published.width(), published.height(), published.strideWidth(), published.strideHeight());
    }

    private record Autoencoder(WanVae model) implements Codec {
        private static Optional<WanVae.Tiling> tiling(boolean tiled) {
            return tiled ? Optional.of(WanVae.Tiling.PUBLISHED) : Optional.empty();
        }

        /// The mean of the posterior, as the published pipelines take it: nothing is drawn.
        @Override
        public Tensor encode(Tensor video, boolean tiled, Function<long[], Tensor> draw) {
            return swapped(model.normalised(model.encode(video, tiling(tiled)).mean().to(DType.FLOAT32)));
        }

        /// A mask that says which pixel frames of each latent frame are given, then the latents of the clip that has the
        /// frame and is grey from there on.
        @Override
        public Tensor firstFrame(Tensor first, int frames, boolean tiled, Function<long[], Tensor> draw) {
            var latents = encode(first.pad(0, 0, 0, 0, 0, 0, frames - 1), tiled, draw);          // [1, T, C, H, W]
            var given = Tensor.full(1, DType.FLOAT32, latents.device(), 1, 1, model.config().strideT(), latents.size(3),
                    latents.size(4));
            return Tensor.cat(List.of(given.pad(0, 0, 0, 0, 0, 0, 0, 0, latents.size(1) - 1), latents), 2);
        }

        @Override
        public void decode(Tensor latents, boolean tiled, ChunkListener listener, Consumer<Tensor> receiver) {
            model.decode(model.restored(swapped(latents)), tiling(tiled), listener, chunk -> {
                receiver.accept(chunk);
                chunk.close();
            });
        }
    }

    // ---------------------------------------------------------------- costs

    /// Words are only looked at.
    @Override
    public long sequence(long words, long videoTokens) {
        return videoTokens;
    }

    @Override
    public double denoiseFlops(long words, long videoTokens) {
        return Estimate.forward(network, words, videoTokens);
    }

    @Override
    public double attentionFlops(long words, long videoTokens) {
        return Estimate.attention(network, words, videoTokens);
    }

    @Override
    public long denoiseBytes(long words, long videoTokens, DType dtype, int batch) {
        return Estimate.activations(network, videoTokens, dtype, batch);
    }

    @Override
    public double lookFlops() {
        return vision.map(Estimate::look).orElse(0.0);
    }

    @Override
    public double decodeFlops(long width, long height, long latentFrames) {
        return Estimate.decode(vae, width, height, latentFrames);
    }

    @Override
    public Speeds.Kind decoderKind() {
        return Speeds.Kind.WAN_DECODER;
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
