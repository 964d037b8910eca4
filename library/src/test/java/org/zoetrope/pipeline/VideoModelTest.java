package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.media.Frames;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.pipeline.OpenOptions.Branches;
import org.zoetrope.pipeline.OpenOptions.Residency;
import org.zoetrope.pipeline.OpenOptions.Tiling;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.Weights;
import org.zoetrope.weights.WeightsException;

class VideoModelTest {
    @TempDir static Path folder;

    static Path published;
    static VideoModel model;

    private Scope scope;

    @BeforeAll
    static void openModel() throws IOException {
        published = TinyModels.textToVideo(folder.resolve("t2v"));
        model = VideoModel.open(published);
    }

    @AfterAll
    static void closeModel() {
        model.close();
    }

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static final Request BOAT = Request.of("a paper boat").steps(2).seed(7);

    private static float[] latents(VideoModel model, Request request) {
        try (var _ = Scope.open()) {
            return model.denoise(request, ProgressListener.none()).values().toFloats();
        }
    }

    private static Frames clip(int frames, int width, int height) {
        return Frames.paint(width, height, 8, frames, (f, x, y) -> f * 9 << 16 | x * 5 % 256 << 8 | y * 7 % 256);
    }

    private static double distance(float[] a, float[] b) {
        assertThat(a).hasSameSizeAs(b);
        var worst = 0.0;
        for (var i = 0; i < a.length; i++) {
            worst = Math.max(worst, Math.abs(a[i] - b[i]));
        }
        return worst;
    }

    // ---------------------------------------------------------------- seeds

    @Test
    void aSeedFixesTheResultAndSoDoesEveryOtherSetting() {
        var video = model.generate(BOAT, ProgressListener.none());
        var again = model.generate(BOAT, ProgressListener.none());
        for (var f = 0; f < 9; f++) {
            assertThat(again.frames().images().get(f)).isEqualTo(video.frames().images().get(f));
        }
        var base = latents(model, BOAT);
        for (var other : List.of(BOAT.seed(8), BOAT.guidance(3), BOAT.guidance(1), BOAT.steps(3),
                BOAT.negativePrompt("blur"), Request.of("a red boat").steps(2).seed(7))) {
            assertThat(distance(latents(model, other), base)).as(other.toString()).isGreaterThan(1e-3);
        }
    }

    @Test
    void theStartingNoiseIsTheFirstDrawOfTheSeed() {
        var noise = new Rng(7).normal(1, 3, 4, 4, 4);
        var given = model.denoise(BOAT.seed(99), Given.nothing().noise(noise), ProgressListener.none());
        assertThat(given.values().toFloats()).isEqualTo(latents(model, BOAT));
    }

    // ---------------------------------------------------------------- choices that must not matter

    @Test
    void branchesInOneBatchEqualBranchesOneByOneAndSideBySide() {
        try (var together = VideoModel.open(published, OpenOptions.defaults().branches(Branches.TOGETHER));
                var side = VideoModel.open(published, OpenOptions.defaults().branches(Branches.SIDE_BY_SIDE));
                var apart = VideoModel.open(published, OpenOptions.defaults().branches(Branches.APART))) {
            assertThat(distance(latents(together, BOAT), latents(apart, BOAT))).isLessThan(1e-5);
            assertThat(distance(latents(side, BOAT), latents(apart, BOAT))).isLessThan(1e-5);
        }
    }

    @Test
    void componentsOneAtATimeGiveTheSameVideo() {
        try (var sparing = VideoModel.open(published, OpenOptions.defaults().residency(Residency.ONE_AT_A_TIME))) {
            assertThat(latents(sparing, BOAT)).isEqualTo(latents(model, BOAT));
        }
    }

    @Test
    void bfloat16StaysNearFloat32() {
        try (var half = VideoModel.open(published, OpenOptions.defaults().dtype(DType.BFLOAT16))) {
            var video = half.generate(BOAT, ProgressListener.none());
            assertThat(video.recipe().dtype()).isEqualTo("bfloat16");
            assertThat(distance(latents(half, BOAT), latents(model, BOAT))).isBetween(1e-6, 0.5);
        }
    }

    // ---------------------------------------------------------------- length

    /// The published decoder makes 4 T frames of an even number T of latent frames; the clip asked for has 4 (T - 1) +
    /// 1.
    @ParameterizedTest
    @ValueSource(ints = {1, 5, 9, 13, 17, 21})
    void everyValidNumberOfFramesComesOut(int frames) {
        assertThat(model.generate(BOAT.steps(1).frames(frames).size(16, 16), ProgressListener.none()).frames().count())
                .isEqualTo(frames);
    }

    @Test
    void theSurplusOfAnEvenNumberOfLatentFramesIsTakenFromTheFront() {
        var latents = model.denoise(BOAT.frames(13), ProgressListener.none());
        var whole = vae(published).decode(latents.values().permute(0, 2, 1, 3, 4).div(1.15258426));
        var ours = new ArrayList<float[]>();
        model.pixels(latents, ProgressListener.none(), chunk -> ours.add(chunk.toFloats()));
        assertThat(whole.size(2)).isEqualTo(16);
        assertThat(ours.getFirst()).isEqualTo(whole.narrow(2, 3, 5).toFloats());
        assertThat(ours.getLast()).isEqualTo(whole.narrow(2, 8, 8).toFloats());
    }

    private static CogVideoXVae vae(Path folder) {
        var config = ConfigFile.read(folder.resolve("vae/config.json"), CogVideoXVae.Config.class);
        return Weights.load(folder.resolve("vae"), w -> new CogVideoXVae(config, w));
    }

    /// Pairs of frames: an odd number of latent frames gets one more in front, which is dropped again.
    @ParameterizedTest
    @ValueSource(ints = {1, 5, 9, 17})
    void pairedModelsPadInFrontAndDropThePaddingAgain(int frames) throws IOException {
        try (var paired = VideoModel.open(TinyModels.pairedTextToVideo(folder.resolve("paired")))) {
            var seen = new ArrayList<Long>();
            var latents = paired.denoise(BOAT.frames(frames), progress -> {
                if (progress instanceof Progress.Denoising(_, _, var x)) {
                    seen.add(x.size(1));
                }
            });
            var latentFrames = (frames - 1) / 4 + 1;
            assertThat(seen).hasSize(3).containsOnly((long) (latentFrames + latentFrames % 2));
            assertThat(latents.values().size(1)).isEqualTo(latentFrames);
            assertThat(paired.decode(latents, ProgressListener.none()).frames().count()).isEqualTo(frames);
            assertThat(paired.defaults().fps()).isEqualTo(16);
        }
    }

    // ---------------------------------------------------------------- pictures and clips

    @Test
    void imageToVideoSeesItsPicture() throws IOException {
        try (var animator = VideoModel.open(TinyModels.imageToVideo(folder.resolve("i2v")))) {
            var first = latents(animator, BOAT.initImage(clip(1, 32, 32)));
            assertThat(latents(animator, BOAT.initImage(clip(1, 32, 32)))).isEqualTo(first);
            assertThat(distance(latents(animator, BOAT.initImage(clip(3, 32, 32).slice(2, 3))), first))
                    .isGreaterThan(1e-4);
            var video = animator.generate(BOAT.initImage(clip(1, 64, 48)), ProgressListener.none());
            assertThat(video.recipe().start()).contains("image");
            assertThat(video.frames().count()).isEqualTo(9);
            assertThat(video.notices()).hasSize(2).allMatch(n -> n.startsWith("the image was "));
        }
    }

    @Test
    void theLaterImageToVideoModelsRunToo() throws IOException {
        try (var animator = VideoModel.open(TinyModels.pairedImageToVideo(folder.resolve("paired-i2v")))) {
            assertThat(animator.generate(BOAT.initImage(clip(1, 32, 32)), ProgressListener.none()).frames().count())
                    .isEqualTo(9);
        }
    }

    @Test
    void strengthSaysHowManyStepsAreTaken() {
        for (var strength : List.of(0.1, 0.5, 1.0)) {
            var steps = new ArrayList<Integer>();
            model.denoise(BOAT.steps(10).initVideo(clip(9, 32, 32)).strength(strength), progress -> {
                if (progress instanceof Progress.Denoising(var done, var all, _)) {
                    assertThat(all).isEqualTo((int) Math.round(strength * 10));
                    steps.add(done);
                }
            });
            assertThat(steps).hasSize((int) Math.round(strength * 10) + 1).isSorted();
        }
    }

    /// Before the first step, a run from a clip stands at the clip with the noise of that step's level.
    @Test
    void videoToVideoStartsFromTheNoisyClip() {
        var started = new ArrayList<float[]>();
        model.denoise(BOAT.steps(10).initVideo(clip(9, 32, 32)).strength(0.1), progress -> {
            if (progress instanceof Progress.Denoising(var done, _, var x) && done == 0) {
                started.add(x.toFloats());
            }
        });
        var rng = new Rng(7);
        var posterior = vae(published).encode(clip(9, 32, 32).toTensor());
        var clean = posterior.sample(rng.normal(1, 4, 3, 4, 4)).permute(0, 2, 1, 3, 4).times(1.15258426);
        var sampler = SchedulerConfig.read(published.resolve("scheduler"));
        var expected = sampler.plan(10, 0.1).start().noisy(clean, rng.normal(1, 3, 4, 4, 4));
        assertThat(distance(started.getFirst(), expected.toFloats())).isLessThan(1e-5);
    }

    // ---------------------------------------------------------------- progress and stopping

    @Test
    void everyStageIsReportedWithTrueCounts() throws IOException {
        var seen = new ArrayList<String>();
        try (var fresh = VideoModel.open(published)) {
            fresh.generate(BOAT.frames(17), progress -> seen.add(switch (progress) {
                case Progress.Notice(var text) -> text;
                case Progress.Loading(var component, var bytes) -> {
                    assertThat(bytes).isPositive();
                    yield "load " + component;
                }
                case Progress.Reused(var counts) -> counts.toString();
                case Progress.Encoding(var what) -> "encode " + what;
                case Progress.Denoising(var done, var steps, _) -> "denoise %d/%d".formatted(done, steps);
                case Progress.Decoding(var done, var chunks) -> "decode %d/%d".formatted(done, chunks);
            }));
        }
        assertThat(seen).containsExactly("load text_encoder", "encode prompt", "encode negative prompt",
                "load transformer", "denoise 0/2",
                "denoise 1/2", "denoise 2/2", "load vae", "decode 0/2", "decode 1/2", "decode 2/2");
    }

    @Test
    void aRunStopsBeforeTheNextStep() {
        var done = new ArrayList<Integer>();
        var listener = new ProgressListener() {
            @Override
            public void on(Progress progress) {
                if (progress instanceof Progress.Denoising(var step, _, _)) {
                    done.add(step);
                }
            }

            @Override
            public boolean isCancelled() {
                return done.contains(3);
            }
        };
        assertThatThrownBy(() -> model.generate(BOAT.steps(50), listener)).isInstanceOf(CancelledException.class)
                .hasMessage("cancelled after 3 of 50 steps");
        assertThat(done).containsExactly(0, 1, 2, 3);
        assertThat(scope.size()).isZero();
    }

    /// Stopped after three of six steps and taken up again from the file, a run ends with the same bits.
    @Test
    void aStoppedRunGoesOnFromItsCheckpoint() {
        var file = folder.resolve("run.safetensors");
        var whole = latents(model, BOAT.steps(6));
        var stopping = new ProgressListener() {
            private boolean enough;

            @Override
            public void on(Progress progress) {}

            @Override
            public void after(Checkpoint checkpoint, Supplier<Tensor> clean) {
                if (checkpoint.state().done() == 3) {
                    checkpoint.save(file);
                    enough = true;
                }
            }

            @Override
            public boolean isCancelled() {
                return enough;
            }
        };
        assertThatThrownBy(() -> model.denoise(BOAT.steps(6), stopping)).isInstanceOf(CancelledException.class);
        var given = Given.nothing().checkpoint(Checkpoint.load(file));
        var steps = new ArrayList<Integer>();
        var rest = model.denoise(BOAT.steps(6), given, progress -> {
            if (progress instanceof Progress.Denoising(var done, _, _)) {
                steps.add(done);
            }
        });
        assertThat(steps).containsExactly(3, 4, 5, 6);
        assertThat(rest.values().toFloats()).isEqualTo(whole);
        assertThatThrownBy(() -> model.denoise(BOAT.steps(6).seed(8), given, ProgressListener.none()))
                .isInstanceOf(RequestException.class).hasMessageContaining("the checkpoint belongs to another request");
    }

    @Test
    void aDamagedCheckpointIsRefused() throws IOException {
        var file = Files.writeString(folder.resolve("no-checkpoint.safetensors"), "not tensors at all");
        assertThatThrownBy(() -> Checkpoint.load(file)).isInstanceOf(WeightsException.class);
    }

    /// What the network sees behind the noise before the last step is the result, but for the noise of the lowest level.
    @Test
    void theCleanEstimateBecomesTheResult() {
        var estimates = new ArrayList<float[]>();
        var watching = new ProgressListener() {
            @Override
            public void on(Progress progress) {}

            @Override
            public void after(Checkpoint checkpoint, Supplier<Tensor> clean) {
                estimates.add(clean.get().toFloats());
            }
        };
        var result = model.denoise(BOAT.steps(6), watching).values().toFloats();
        var distances = estimates.stream().map(estimate -> distance(estimate, result)).toList();
        assertThat(distances).hasSize(6);
        assertThat(distances.getLast()).isLessThan(0.1 * distances.getFirst());
    }

    @Test
    void previewsAreThePicturesOfTheLatents() {
        var colours = model.colours(ProgressListener.none());
        var latents = model.denoise(BOAT, ProgressListener.none());
        var preview = colours.picture(latents.values(), 2);
        assertThat(List.of(preview.width(), preview.height(), preview.count())).containsExactly(4, 4, 3);
        assertThat(model.colours(ProgressListener.none())).isEqualTo(colours);
    }

    @Test
    void anInterruptStopsARunAndStaysVisible() {
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> model.generate(BOAT, ProgressListener.none())).isInstanceOf(CancelledException.class);
        assertThat(Thread.interrupted()).isTrue();
    }

    // ---------------------------------------------------------------- broken results

    private static Path damaged(String name, String component, String tensor, float value) throws IOException {
        var copy = TinyModels.textToVideo(folder.resolve(name));
        try (var files = Files.list(copy.resolve(component))) {
            for (var file : files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
                try (var _ = Scope.open()) {
                    var tensors = new LinkedHashMap<>(SafetensorsFile.open(file).tensors());
                    if (tensors.containsKey(tensor)) {
                        tensors.replaceAll((n, t) -> n.equals(tensor) ? Tensor.full(value, t.shape()) : t.copy());
                        SafetensorsWriter.write(file, tensors, Map.of());
                    }
                }
            }
        }
        return copy;
    }

    @Test
    void theFirstStepThatIsNotFiniteEndsTheRunWithAReason() throws IOException {
        try (var broken = VideoModel.open(damaged("nan", "transformer", "proj_out.bias", Float.NaN))) {
            assertThatThrownBy(() -> broken.generate(BOAT, ProgressListener.none()))
                    .isInstanceOf(SamplingException.class)
                    .hasMessageContaining("step 1 of 2").hasMessageContaining("the prediction already was not");
        }
    }

    @Test
    void framesThatAreNotFiniteAreRefused() throws IOException {
        try (var broken = VideoModel
                .open(damaged("infinite", "vae", "decoder.conv_out.conv.bias", Float.POSITIVE_INFINITY))) {
            assertThatThrownBy(() -> broken.generate(BOAT, ProgressListener.none()))
                    .isInstanceOf(GenerationException.class)
                    .hasMessageContaining("the decoder gave frames that are not finite in chunk 1 of 1");
        }
    }

    /// Frames come after the last tile; what is wrong with them is said after the first.
    @Test
    void theFirstTileThatIsNotFiniteEndsTheRun() throws IOException {
        try (var broken = VideoModel.open(damaged("infinite-tiles", "vae", "decoder.conv_out.conv.bias", Float.POSITIVE_INFINITY),
                OpenOptions.defaults().tiling(Tiling.ALWAYS))) {
            assertThatThrownBy(() -> broken.generate(BOAT, ProgressListener.none()))
                    .isInstanceOf(GenerationException.class)
                    .hasMessageContaining("the decoder gave frames that are not finite in chunk 1 of 16,");
        }
    }

    @Test
    void aBlackVideoIsRefused() throws IOException {
        try (var broken = VideoModel.open(damaged("black", "vae", "decoder.conv_out.conv.bias", -1000))) {
            assertThatThrownBy(() -> broken.generate(BOAT, ProgressListener.none()))
                    .isInstanceOf(GenerationException.class)
                    .hasMessageContaining("every pixel of the 9 frames has the colour #000000");
        }
    }

    // ---------------------------------------------------------------- latents

    @Test
    void savedLatentsDecodeToTheSameVideo() {
        var latents = model.denoise(BOAT, ProgressListener.none());
        var file = folder.resolve("boat.latents.safetensors");
        latents.save(file);
        try (var loaded = Latents.load(file)) {
            assertThat(loaded.recipe()).isEqualTo(latents.recipe());
            var images = model.decode(loaded, ProgressListener.none()).frames().images();
            var expected = model.generate(BOAT, ProgressListener.none()).frames().images();
            for (var f = 0; f < 9; f++) {
                assertThat(images.get(f)).isEqualTo(expected.get(f));
            }
        }
    }

    @Test
    void latentsOfAnotherModelAreRefused() {
        var recipe = model.denoise(BOAT, ProgressListener.none()).recipe();
        assertThatThrownBy(() -> model.decode(new Latents(Tensor.zeros(1, 3, 16, 4, 4), recipe, List.of()),
                ProgressListener.none()))
                .isInstanceOf(RequestException.class)
                .hasMessageContaining("they are [1, 3, 16, 4, 4]; 9 frames of 32 x 32 are [1, 3, 4, 4, 4] here");
        var file = folder.resolve("other.safetensors");
        SafetensorsWriter.write(file, Map.of("latents", Tensor.zeros(2)));
        assertThatThrownBy(() -> Latents.load(file)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("does not hold latents with their recipe");
    }

    @Test
    void aRecipeIsTheSameAfterPrintingAndParsing() {
        var recipe = model.denoise(BOAT.initVideo(clip(9, 32, 32)).seed(-3), ProgressListener.none()).recipe();
        assertThat(Recipe.parse("recipe", recipe.toJson())).isEqualTo(recipe);
        assertThat(recipe.toJson()).contains("\"negative_prompt\"", "\"seed\" : -3").doesNotContain(folder.toString());
    }

    /// The version has one home in the build; the constant repeats it because classes run without their jar, too.
    @Test
    void theVersionIsThatOfTheBuild() throws IOException {
        var pom = Path.of("pom.xml").toAbsolutePath();
        assertThat(Files.readString(Files.exists(pom) ? pom : Path.of("library/pom.xml")))
                .contains("<version>" + Recipe.VERSION + "</version>");
    }

    // ---------------------------------------------------------------- choices of the machine

    @Test
    void processorsAreReadByTheirFlags() {
        assertThat(Machine.hasBfloat16Units("flags\t\t: fpu avx512f amx_bf16\n")).isTrue();
        assertThat(Machine.hasBfloat16Units("Features\t: fp asimd bf16\n")).isTrue();
        assertThat(Machine.hasBfloat16Units("flags\t\t: fpu avx2\nmodel name: bf16\n")).isFalse();
        assertThat(Machine.here().memoryBytes()).isGreaterThan(100L << 20);
    }

    @Test
    void tilesAreUsedWhenAskedFor() {
        try (var tiled = VideoModel.open(published, OpenOptions.defaults().tiling(Tiling.ALWAYS))) {
            var latents = model.denoise(BOAT, ProgressListener.none());
            var config = ConfigFile.read(published.resolve("vae/config.json"), CogVideoXVae.Config.class);
            var expected = vae(published).decode(latents.values().permute(0, 2, 1, 3, 4).div(1.15258426),
                    Optional.of(CogVideoXVae.Tiling.published(config)));
            tiled.pixels(latents, ProgressListener.none(),
                    chunk -> assertThat(chunk.toFloats()).isEqualTo(expected.toFloats()));
            model.pixels(latents, ProgressListener.none(),
                    chunk -> assertThat(distance(chunk.toFloats(), expected.toFloats())).isGreaterThan(1e-4));
        }
    }

    @Test
    void aFolderMayNameItsOwnDefaults() throws IOException {
        var own = TinyModels.textToVideo(folder.resolve("own"));
        Files.writeString(own.resolve("generation_config.json"), "{\"steps\": 20, \"guidance_scale\": 3.5, \"edit_guidance_scale\": 4, "
                + "\"edit_n_max\": 0.5, \"edit_n_max_wide\": 0.9}");
        try (var opened = VideoModel.open(own)) {
            assertThat(opened.defaults()).isEqualTo(new Defaults(32, 32, 9, 8, 20, 3.5, new EditDefaults(1.5, 4, 0.5, 0.9)));
        }
        assertThat(model.defaults()).isEqualTo(new Defaults(32, 32, 9, 8, 50, 6, new EditDefaults(1.5, 5, 0.8, 0.8)));
        for (var bad : Map.of("edit_source_guidance_scale", 0.5, "edit_n_max", 1.5, "edit_n_max_wide", -1.0).entrySet()) {
            Files.writeString(own.resolve("generation_config.json"), "{\"%s\": %s}".formatted(bad.getKey(), bad.getValue()));
            assertThatThrownBy(() -> VideoModel.open(own)).isInstanceOf(ConfigException.class).hasMessageContainingAll(
                    "generation_config.json", "%s is %s; give ".formatted(bad.getKey(), bad.getValue()));
        }
    }

    @Test
    void typesThatCannotBeComputedWithAreRefused() {
        for (var type : List.of(DType.INT8, DType.FLOAT8_E4M3)) {
            assertThatThrownBy(() -> VideoModel.open(published, OpenOptions.defaults().dtype(type)))
                    .hasMessageContaining("choose float32, bfloat16 or float16");
        }
        assertThat(model.dtype()).isEqualTo(DType.FLOAT32);
    }
}
