package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.media.Frames;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.Tokenizers;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.pipeline.OpenOptions.Branches;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

/// A Wan folder as a user opens it: written to the disk, read, run.
@InScope
class WanPipelineTest {
    @TempDir static Path folder;

    static Path published;
    static VideoModel model;

    @BeforeAll
    static void openModel() throws IOException {
        published = TinyModels.wanTextToVideo(folder.resolve("wan"));
        model = VideoModel.open(published);
    }

    @AfterAll
    static void closeModel() {
        model.close();
    }

    private static final Request BOAT = Request.of("a paper boat").seed(7);

    private static float[] latents(VideoModel model, Request request) {
        try (var _ = Scope.open()) {
            return model.denoise(request, ProgressListener.none()).values().toFloats();
        }
    }

    private static Frames clip(int frames, int width, int height) {
        return Frames.paint(width, height, 16, frames, (f, x, y) -> f * 9 << 16 | x * 5 % 256 << 8 | y * 7 % 256);
    }

    private static double distance(float[] a, float[] b) {
        assertThat(a).hasSameSizeAs(b);
        var worst = 0.0;
        for (var i = 0; i < a.length; i++) {
            worst = Math.max(worst, Math.abs(a[i] - b[i]));
        }
        return worst;
    }

    // ---------------------------------------------------------------- running

    @Test
    void wordsBecomeAVideo() {
        var video = model.generate(BOAT.negativePrompt("blur"), ProgressListener.none());
        assertThat(video.frames().count()).isEqualTo(9);
        assertThat(video.frames().width()).isEqualTo(32);
        assertThat(video.frames().height()).isEqualTo(48);
        assertThat(video.notices()).isEmpty();
        assertThat(video.recipe()).isEqualTo(new Recipe(Recipe.VERSION, "wan", "a paper boat", "blur", 7, 32, 48, 9, 16, 3,
                "ClassifierFree[scale=5.0]", "UniPCMultistepScheduler", "float32", Optional.empty(), Optional.empty()));
    }

    @Test
    void everyStageIsReportedWithTrueCounts() throws IOException {
        var seen = new ArrayList<String>();
        try (var fresh = VideoModel.open(published)) {
            fresh.generate(BOAT.steps(2), progress -> seen.add(switch (progress) {
                case Progress.Notice(var text) -> text;
                case Progress.Loading(var component, _) -> "load " + component;
                case Progress.Reused(var counts) -> counts.toString();
                case Progress.Encoding(var what) -> "encode " + what;
                case Progress.Denoising(var done, var steps, _) -> "denoise %d/%d".formatted(done, steps);
                case Progress.Decoding(var done, var chunks) -> "decode %d/%d".formatted(done, chunks);
            }));
        }
        assertThat(seen).containsExactly("load text_encoder", "encode prompt", "encode negative prompt",
                "load transformer", "denoise 0/2", "denoise 1/2", "denoise 2/2", "load vae", "decode 0/3", "decode 1/3",
                "decode 2/3", "decode 3/3");
    }

    @Test
    void aSeedFixesTheResultAndSoDoesEveryOtherSetting() {
        var base = latents(model, BOAT);
        assertThat(latents(model, BOAT)).isEqualTo(base);
        for (var other : List.of(BOAT.seed(8), BOAT.guidance(3), BOAT.guidance(1), BOAT.steps(4),
                BOAT.negativePrompt("blur"), Request.of("a red boat").seed(7))) {
            assertThat(distance(latents(model, other), base)).as(other.toString()).isGreaterThan(1e-4);
        }
    }

    @Test
    void branchesInOneBatchEqualBranchesOneByOneAndSideBySide() {
        try (var together = VideoModel.open(published, OpenOptions.defaults().branches(Branches.TOGETHER));
                var side = VideoModel.open(published, OpenOptions.defaults().branches(Branches.SIDE_BY_SIDE));
                var apart = VideoModel.open(published, OpenOptions.defaults().branches(Branches.APART))) {
            assertThat(distance(latents(together, BOAT), latents(apart, BOAT))).isLessThan(1e-5);
            assertThat(distance(latents(side, BOAT), latents(apart, BOAT))).isLessThan(1e-5);
        }
    }

    /// The autoencoder stays in float32, whatever the transformer runs in.
    @Test
    void bfloat16StaysNearFloat32() {
        try (var half = VideoModel.open(published, OpenOptions.defaults().dtype(DType.BFLOAT16))) {
            assertThat(half.generate(BOAT, ProgressListener.none()).recipe().dtype()).isEqualTo("bfloat16");
            assertThat(distance(latents(half, BOAT), latents(model, BOAT))).isBetween(1e-6, 0.5);
            var parts = half.estimate(BOAT).parts();
            assertThat(parts.get(1).bytes()).isEqualTo(2 * parts.get(1).parameters());
            assertThat(parts.get(2).bytes()).isEqualTo(4 * parts.get(2).parameters());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 9, 13})
    void everyValidNumberOfFramesComesOut(int frames) {
        assertThat(model.generate(BOAT.steps(1).frames(frames).size(16, 16), ProgressListener.none()).frames().count())
                .isEqualTo(frames);
    }

    @Test
    void savedLatentsDecodeToTheSameVideo() {
        var latents = model.denoise(BOAT, ProgressListener.none());
        var file = folder.resolve("boat.latents.safetensors");
        latents.save(file);
        try (var loaded = Latents.load(file)) {
            assertThat(loaded.recipe()).isEqualTo(latents.recipe());
            assertThat(model.decode(loaded, ProgressListener.none()).frames().images().getLast())
                    .isEqualTo(model.decode(latents, ProgressListener.none()).frames().images().getLast());
        }
    }

    @Test
    void aClipIsWhereAVideoMayStart() {
        var started = new ArrayList<float[]>();
        var video = model.generate(BOAT.initVideo(clip(9, 32, 48)).strength(0.4).steps(5), progress -> {
            if (progress instanceof Progress.Denoising(var done, var steps, var x) && done == 0) {
                assertThat(steps).isEqualTo(2);
                started.add(x.toFloats());
            }
        });
        assertThat(video.recipe().start()).contains("video");
        var config = ConfigFile.read(published.resolve("vae/config.json"), WanVae.Config.class);
        var vae = Weights.load(published.resolve("vae"), w -> new WanVae(config, w));
        var clean = vae.normalised(vae.encode(clip(9, 32, 48).toTensor()).mean()).transpose(1, 2);
        var expected = SchedulerConfig.read(published.resolve("scheduler")).plan(5, 0.4).start()
                .noisy(clean, new Rng(7).normal(1, 3, 4, 6, 4));
        assertThat(distance(started.getFirst(), expected.toFloats())).isLessThan(1e-5);
    }

    // ---------------------------------------------------------------- pictures

    @Test
    void aPictureBecomesAVideo() throws IOException {
        var seen = new ArrayList<String>();
        try (var animator = VideoModel.open(TinyModels.wanImageToVideo(folder.resolve("i2v")))) {
            var video = animator.generate(BOAT.initImage(clip(1, 64, 64)), progress -> {
                if (progress instanceof Progress.Encoding(var what)) {
                    seen.add(what);
                }
            });
            assertThat(seen).containsExactly("prompt", "negative prompt", "picture", "first frame");
            assertThat(video.recipe().start()).contains("image");
            assertThat(video.frames().count()).isEqualTo(9);
            assertThat(video.notices()).hasSize(2).allMatch(n -> n.startsWith("the image was "));
            var first = latents(animator, BOAT.initImage(clip(1, 64, 64)));
            assertThat(latents(animator, BOAT.initImage(clip(1, 64, 64)))).isEqualTo(first);
            assertThat(distance(latents(animator, BOAT.initImage(clip(3, 64, 64).slice(2, 3))), first)).isGreaterThan(1e-4);
            // What is cropped from the video is still seen by the image encoder.
            var wide = clip(1, 64, 64);
            var edge = Frames.paint(64, 64, 16, 1, (f, x, y) -> x < 8 ? 0xffffff : wide.pixel(f, x, y));
            assertThat(distance(latents(animator, BOAT.initImage(edge)), first)).isGreaterThan(1e-6);
            assertThat(animator.estimate(BOAT.initImage(wide)).parts().stream().map(Estimate.Part::name))
                    .containsExactly("text_encoder", "image_encoder", "transformer", "vae");
            assertThatThrownBy(() -> animator.estimate(BOAT)).hasMessageContaining("this model animates a picture");
        }
    }

    /// The mask says which of four pixel frames are given, the rest are the latents of the frame followed by grey (V12.7).
    @Test
    void theNetworkSeesAMaskAndTheFirstFrame() throws IOException {
        var animated = TinyModels.wanImageToVideo(folder.resolve("i2v-channels"));
        var parts = (WanParts) Parts.read(ModelFolder.read(animated));
        var codec = Weights.load(animated.resolve("vae"), parts::codec);
        var vae = Weights.load(animated.resolve("vae"), w -> new WanVae(parts.vae(), w));
        var frame = clip(1, 32, 48).toTensor();
        var channels = codec.firstFrame(frame, 9, false, shape -> new Rng(1).normal(shape));
        assertThat(channels.shape()).containsExactly(1, 3, 4 + 4, 6, 4);
        assertThat(channels.narrow(2, 0, 4).narrow(1, 0, 1).min().item()).isEqualTo(1);
        assertThat(channels.narrow(2, 0, 4).narrow(1, 1, 2).abs().max().item()).isZero();
        var grey = Tensor.cat(List.of(frame, Tensor.zeros(1, 3, 8, 48, 32)), 2);
        var expected = vae.normalised(vae.encode(grey).mean()).transpose(1, 2);
        assertThat(distance(channels.narrow(2, 4, 4).toFloats(), expected.toFloats())).isLessThan(1e-6);
    }

    @Test
    void anImageToVideoFolderWithoutItsImageEncoderIsRefused() throws IOException {
        var blind = TinyModels.wanImageToVideo(folder.resolve("blind"));
        var index = blind.resolve("model_index.json");
        Files.writeString(index, Files.readString(index)
                .replace("\"image_encoder\":[\"transformers\",\"CLIPVisionModel\"]", "\"image_encoder\":[null,null]"));
        assertThatThrownBy(() -> VideoModel.open(blind))
                .hasMessageContaining("the transformer reads image features (image_dim 16), and there is no image_encoder");
    }

    // ---------------------------------------------------------------- words

    /// Features of the prompt alone, then zeros: what padding would be encoded to is not looked at.
    @Test
    void featuresBehindThePromptAreZero() {
        var encoder = Weights.load(published.resolve("text_encoder"), w -> new T5Encoder(
                ConfigFile.read(published.resolve("text_encoder/config.json"), T5Encoder.Config.class), w));
        var parts = Parts.read(ModelFolder.read(published));
        var prompt = parts.tokens("  a   paper &amp;amp; boat ");
        assertThat(prompt.ids()).isEqualTo(Tokenizers.read(published.resolve("tokenizer")).fit("a paper & boat", 512).ids());
        var features = parts.features(encoder, prompt, Device.CPU);
        assertThat(features.shape()).containsExactly(1, 512, 32);
        var length = prompt.length();
        assertThat(features.narrow(1, length, 512 - length).abs().max().item()).isZero();
        var masked = encoder.forward(Tensor.of(Arrays.stream(prompt.ids()).asLongStream().toArray(), 1, 512),
                Tensor.of(Arrays.stream(prompt.mask()).asLongStream().toArray(), 1, 512));
        assertThat(distance(features.narrow(1, 0, length).toFloats(), masked.narrow(1, 0, length).toFloats()))
                .isLessThan(1e-5);
    }

    @Test
    void aFolderMayReadShorterPrompts() throws IOException {
        var shorter = TinyModels.wanTextToVideo(folder.resolve("shorter"));
        Files.writeString(shorter.resolve("generation_config.json"), "{\"max_sequence_length\": 24, \"frames\": 9}");
        try (var opened = VideoModel.open(shorter)) {
            assertThat(opened.textShape()).containsExactly(1, 24, 32);
            assertThat(opened.defaults()).isEqualTo(new Defaults(832, 480, 9, 16, 50, 5, new EditDefaults(3.5, 10.5, 0.8, 0.8)));
        }
    }

    // ---------------------------------------------------------------- the door

    private static void refused(Request request, String... words) {
        assertThatThrownBy(() -> model.estimate(request)).isInstanceOf(RequestException.class)
                .hasMessageContainingAll(words);
    }

    @Test
    void sizesAndLengthsOfWanAreExplained() {
        refused(BOAT.frames(80), "80 frames; this model takes a multiple of 4 and one more: 77 or 81");
        refused(BOAT.size(100, 64), "width and height must be multiples of 16: width 96 or 112, height 64");
        refused(BOAT.size(528, 32), "this network has 32 positions along each axis: at most 512 pixels and 125 frames");
        refused(BOAT.frames(129), "at most 512 pixels and 125 frames");
        refused(BOAT.initImage(clip(1, 32, 48)), "this model does not start from a picture");
    }

    @Test
    void anEstimateAddsUpWhatARunDoes() {
        var estimate = model.estimate(BOAT);
        assertThat(estimate.parts().stream().map(Estimate.Part::name)).containsExactly("text_encoder", "transformer",
                "vae");
        assertThat(estimate.tokens()).isEqualTo(3 * 3 * 2);
        assertThat(estimate.denoiseFlops()).isEqualTo(2 * model.estimate(BOAT.guidance(1)).denoiseFlops());
    }

    @Test
    void partsOfLaterModelsAreRefusedByName() throws IOException {
        var later = TinyModels.wanTextToVideo(folder.resolve("later"));
        var index = later.resolve("model_index.json");
        var text = Files.readString(index);
        Files.writeString(index, text.replace("{", """
                {"boundary_ratio": null, "expand_timesteps": false, "transformer_2": [null, null],"""));
        assertThat(ModelFolder.read(later).kind()).isEqualTo(ModelFolder.Kind.WAN);
        Files.writeString(index, text.replace("{", """
                {"boundary_ratio": 0.9, "expand_timesteps": true,
                 "transformer_2": ["diffusers", "WanTransformer3DModel"],"""));
        assertThatThrownBy(() -> ModelFolder.read(later)).hasMessageContainingAll("boundary_ratio 0.9", "expand_timesteps",
                "component \"transformer_2\" is [diffusers, WanTransformer3DModel]; models with one cannot be run");
    }

    @Test
    void componentsThatDoNotFitTogetherAreNamed() throws IOException {
        var other = TinyModels.wanTextToVideo(folder.resolve("other"));
        var config = other.resolve("transformer/config.json");
        Files.writeString(config, Files.readString(config).replace("\"in_channels\" : 4", "\"in_channels\" : 12"));
        assertThatThrownBy(() -> VideoModel.open(other)).hasMessageContaining(
                "the transformer takes in_channels 12, and a WanPipeline over an autoencoder with z_dim 4 needs 4");
    }
}
