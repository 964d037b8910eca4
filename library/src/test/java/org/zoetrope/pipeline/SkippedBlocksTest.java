package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.diffusion.SkipGuidance;
import org.zoetrope.tensor.Scope;

/// Guidance away from a network without some blocks, asked for in a request.
class SkippedBlocksTest {
    private static final Request BOAT = Request.of("a paper boat").steps(2).guidance(3).seed(7);

    @TempDir static Path folder;

    static VideoModel model;

    @BeforeAll
    static void open() throws IOException {
        model = VideoModel.open(TinyModels.textToVideo(folder.resolve("t2v")));
    }

    @AfterAll
    static void close() {
        model.close();
    }

    private static float[] latents(Request request) {
        try (var _ = Scope.open()) {
            return model.denoise(request, _ -> {}).values().toFloats();
        }
    }

    /// V-50, V-51.
    @Test
    void noScaleIsThePlainRunAndAnotherIsNot() {
        var plain = latents(BOAT);
        assertThat(latents(BOAT.skip(SkipGuidance.of(0)))).isEqualTo(plain);
        var prompted = latents(BOAT.skip(SkipGuidance.of(2).blocks(List.of(0))));
        var guided = latents(BOAT.skip(SkipGuidance.of(2).blocks(List.of(0)).kind(SkipGuidance.Kind.GUIDED)));
        assertThat(prompted).isNotEqualTo(plain).isNotEqualTo(guided);
        assertThat(guided).isNotEqualTo(plain);
    }

    /// V-52, and the recipe says what was done.
    @Test
    void itCostsOneEvaluationAStep() {
        var with = BOAT.skip(SkipGuidance.of(1));
        assertThat(model.estimate(with).denoiseFlops()).isEqualTo(1.5 * model.estimate(BOAT).denoiseFlops());
        try (var _ = Scope.open()) {
            assertThat(model.denoise(with, _ -> {}).recipe().guidance()).contains("SkipGuidance").contains("scale=1.0");
        }
    }

    @Test
    void blocksThatThereAreNotAreRefused() {
        assertThatThrownBy(() -> model.estimate(BOAT.skip(SkipGuidance.of(1).blocks(List.of(99)))))
                .isInstanceOf(RequestException.class).hasMessageContaining("block 99").hasMessageContaining("0 to");
    }
}
