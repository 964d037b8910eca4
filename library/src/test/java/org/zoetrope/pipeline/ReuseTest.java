package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.Golden;
import org.zoetrope.diffusion.Guidance;
import org.zoetrope.diffusion.SkipGuidance;
import org.zoetrope.nn.FeatureCache;
import org.zoetrope.nn.Reuse;
import org.zoetrope.pipeline.OpenOptions.Branches;
import org.zoetrope.tensor.Torch;
import org.zoetrope.tools.InScope;

/// Runs that take over what earlier steps computed, of the published networks in small.
@InScope
class ReuseTest {
    private static final String COG_VIDEO_X = "pipelines/cogvideox-2b-ddim", WAN = "pipelines/wan-t2v-unipc";
    private static final int STEPS = 6;

    /// A run from given text features.
    private static final class Run {
        private final Given given;
        private final VideoModel model;
        private final List<Progress> heard = new ArrayList<>();

        Run(String name, VideoModel model) {
            var golden = Golden.open(name);
            given = Given.nothing().prompt(golden.in("prompt_embeds")).negativePrompt(golden.in("negative_prompt_embeds"));
            this.model = model;
        }

        static Request request() {
            return Request.of("").size(32, 32).frames(5).steps(STEPS).guidance(3).seed(7);
        }

        float[] latents(Request request) {
            heard.clear();
            try (var latents = model.denoise(request, given, heard::add)) {
                return latents.values().toFloats();
            }
        }

        FeatureCache.Counts counts() {
            return heard.stream().flatMap(p -> p instanceof Progress.Reused(var counts) ? Stream.of(counts)
                    : Stream.empty()).findFirst().orElseThrow();
        }
    }

    private static VideoModel opened(String name, Branches branches) {
        return VideoModel.open(Golden.open(name).folder(), OpenOptions.defaults().branches(branches));
    }

    @ParameterizedTest
    @ValueSource(strings = {COG_VIDEO_X, WAN})
    void nothingTakenOverIsTheRunItselfToTheBit(String name) {
        try (var model = opened(name, Branches.TOGETHER)) {
            var run = new Run(name, model);
            var plain = run.latents(Run.request());
            assertThat(run.heard).noneMatch(p -> p instanceof Progress.Reused);
            assertThat(run.latents(Run.request().reuse(Reuse.Stack.usual().threshold(0)))).isEqualTo(plain);
            assertThat(run.counts().reusedBlocks()).isZero();
            assertThat(run.latents(Run.request().reuse(new Reuse.Attention(1, 1, 0, 1000)))).isEqualTo(plain);
            assertThat(run.counts().reusedAttentions()).isZero();
            assertThat(run.counts().attentions()).isPositive();
        }
    }

    /// With a threshold that is never reached, two steps of six are computed.
    @ParameterizedTest
    @ValueSource(strings = {COG_VIDEO_X, WAN})
    void theFirstAndTheLastStepAreComputed(String name) {
        for (var branches : List.of(Branches.TOGETHER, Branches.SIDE_BY_SIDE, Branches.APART)) {
            try (var model = opened(name, branches)) {
                var run = new Run(name, model);
                var calls = branches == Branches.APART ? 2 * STEPS : STEPS;
                var blocks = model.geometry().blocks();
                var taken = run.latents(Run.request().reuse(Reuse.Stack.usual().threshold(1e9)));
                assertThat(taken).isNotEqualTo(run.latents(Run.request()));
                assertThat(run.latents(Run.request().reuse(Reuse.Stack.usual().threshold(1e9)))).isEqualTo(taken);
                var counts = run.counts();
                assertThat(counts.calls()).isEqualTo(calls);
                assertThat(counts.blocks()).isEqualTo(calls * blocks);
                assertThat(counts.reusedBlocks()).isEqualTo(calls * blocks * (STEPS - 2) / STEPS);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {COG_VIDEO_X, WAN})
    void attentionsAreTakenOverInTheMiddle(String name) {
        try (var model = opened(name, Branches.TOGETHER)) {
            var run = new Run(name, model);
            var wanted = Run.request().reuse(new Reuse.Attention(100, 100, -1, 1001));
            var taken = run.latents(wanted);
            var counts = run.counts();
            assertThat(counts.reusedAttentions()).isEqualTo(counts.attentions() * (STEPS - 2) / STEPS);
            assertThat(counts.reusedBlocks()).isZero();
            assertThat(run.latents(wanted)).isEqualTo(taken).isNotEqualTo(run.latents(Run.request()));
        }
    }

    /// One request leaves nothing behind for the next, and branches that come and go are no trouble.
    @ParameterizedTest
    @ValueSource(strings = {COG_VIDEO_X, WAN})
    void itCombinesWithGuidanceOfEveryKind(String name) {
        try (var model = opened(name, Branches.TOGETHER)) {
            var run = new Run(name, model);
            var some = Run.request().guidance(new Guidance.Interval(3, 0.2, 0.95)).reuse(Reuse.Stack.usual().threshold(1e9));
            var first = run.latents(some);
            assertThat(run.counts().reusedBlocks()).isPositive();
            run.latents(some.skip(SkipGuidance.of(1)));
            assertThat(run.counts().calls()).isEqualTo(2 * STEPS);
            run.latents(Run.request().reuse(Reuse.Attention.published()));
            assertThat(run.latents(some)).isEqualTo(first);
        }
    }

    @Test
    void manyRunsLeaveNothingInMemory() throws InterruptedException {
        try (var model = opened(COG_VIDEO_X, Branches.AUTO)) {
            var run = new Run(COG_VIDEO_X, model);
            var wanted = List.of(Reuse.Stack.usual().threshold(1e9), new Reuse.Attention(100, 100, -1, 1001));
            wanted.forEach(reuse -> run.latents(Run.request().reuse(reuse)));
            var before = settledObjects();
            for (var i = 0; i < 5; i++) {
                wanted.forEach(reuse -> run.latents(Run.request().reuse(reuse)));
            }
            assertThat(settledObjects()).isLessThanOrEqualTo(before);
        }
    }

    /// Streams of random numbers are freed by the garbage collector.
    private static long settledObjects() throws InterruptedException {
        System.gc();
        Thread.sleep(200);
        return Torch.liveObjects();
    }

    @Test
    void theRecipeSaysWhatWasDone() {
        try (var model = opened(COG_VIDEO_X, Branches.AUTO)) {
            var run = new Run(COG_VIDEO_X, model);
            try (var plain = model.denoise(Run.request(), run.given, ProgressListener.none());
                    var taken = model.denoise(Run.request().reuse(Reuse.Stack.usual()), run.given, ProgressListener.none())) {
                assertThat(plain.recipe().speed()).isEmpty();
                assertThat(taken.recipe().speed()).hasValueSatisfying(s -> assertThat(s).contains("Stack").contains("0.5"));
                assertThat(Recipe.parse("recipe", taken.recipe().toJson())).isEqualTo(taken.recipe());
            }
        }
    }

    // ---------------------------------------------------------------- what cannot be

    @Test
    void badValuesAreRefusedByName() {
        try (var model = opened(COG_VIDEO_X, Branches.AUTO)) {
            assertThatThrownBy(() -> model.estimate(Run.request().reuse(Reuse.Stack.usual().threshold(-1))))
                    .isInstanceOf(RequestException.class).hasMessageContaining("a threshold of -1.0");
            assertThatThrownBy(() -> model.estimate(Run.request().reuse(new Reuse.Attention(0, 6, 800, 100))))
                    .isInstanceOf(RequestException.class).hasMessageContaining("one of 0 and one of 6")
                    .hasMessageContaining("800.0 to 100.0");
        }
    }

    @Test
    void aSamplerThatCallsTheNetworkBetweenStepsIsRefused(@TempDir Path folder) throws IOException {
        TinyModels.textToVideo(folder);
        Files.writeString(folder.resolve("scheduler/scheduler_config.json"), """
                {"_class_name": "PNDMScheduler", "beta_schedule": "scaled_linear", "beta_start": 0.00085,
                 "beta_end": 0.012, "num_train_timesteps": 1000, "prediction_type": "v_prediction"}""");
        var index = folder.resolve("model_index.json");
        Files.writeString(index, Files.readString(index).replace("CogVideoXDDIMScheduler", "PNDMScheduler"));
        try (var model = VideoModel.open(folder)) {
            var wanted = Request.of("a paper boat").steps(8);
            model.estimate(wanted);
            assertThatThrownBy(() -> model.estimate(wanted.reuse(Reuse.Stack.usual())))
                    .isInstanceOf(RequestException.class).hasMessageContaining("PNDMScheduler calls the network between steps");
        }
    }

    @Test
    void twoStepsLeaveNothingToReuseAndTheUserHearsOfIt() {
        try (var model = opened(COG_VIDEO_X, Branches.AUTO)) {
            var run = new Run(COG_VIDEO_X, model);
            run.latents(Run.request().steps(2).reuse(Reuse.Stack.usual()));
            assertThat(run.heard).anyMatch(p -> p instanceof Progress.Notice(var text) && text.contains("nothing is reused"));
        }
    }
}
