package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.pipeline.OpenOptions.Branches;
import org.zoetrope.pipeline.OpenOptions.Residency;
import org.zoetrope.tensor.DType;
import org.zoetrope.weights.ConfigFile;

class EstimateTest {
    private static final double TERA = 1e12;

    /// Counted once for the published sizes by other means: 49 frames of 480 x 720.
    @Test
    void operationsOfThePublishedModelAreThoseOfTheCostTables() {
        var network = CogVideoXTransformer.Config.defaults();
        assertThat(Estimate.forward(network, 17_776) / TERA).isCloseTo(120.0, Percentage.withPercentage(1));
        assertThat(Estimate.decode(CogVideoXVae.Config.defaults(), 720, 480, 13) / TERA).isCloseTo(315,
                Percentage.withPercentage(5));
        assertThat(Estimate.encode(T5Encoder.Config.of(32128, 4096, 64, 10240, 24, 64), 226) / TERA).isCloseTo(2.11,
                within(0.03));
    }

    /// 81 frames of 480 x 832.
    @Test
    void operationsOfWanAreThoseOfTheCostTables() {
        var small = ConfigFile.parse("1.3B", "{\"num_attention_heads\": 12, \"ffn_dim\": 8960, \"num_layers\": 30}",
                WanTransformer.Config.class);
        assertThat(Estimate.forward(small, 512, 32_760) / TERA).isCloseTo(283.0, Percentage.withPercentage(1));
        assertThat(Estimate.forward(WanTransformer.Config.defaults(), 512, 75_600) / TERA).isCloseTo(6523,
                Percentage.withPercentage(1));
        assertThat(Estimate.decode(WanVae.Config.defaults(), 832, 480, 21) / TERA).isCloseTo(275,
                Percentage.withPercentage(5));
    }

    @Test
    void anEstimateAddsUpWhatARunDoes(@TempDir Path folder) throws IOException {
        var request = Request.of("a paper boat").steps(10).frames(9);
        try (var model = VideoModel.open(TinyModels.textToVideo(folder.resolve("tiny")))) {
            var estimate = model.estimate(request);
            assertThat(estimate.parts().stream().map(Estimate.Part::name)).containsExactly("text_encoder",
                    "transformer", "vae");
            var network = estimate.parts().get(1);
            assertThat(network.className()).isEqualTo("CogVideoXTransformer3DModel");
            assertThat(network.stored()).isEqualTo(Map.of(DType.FLOAT32, network.parameters()));
            assertThat(network.bytes()).isEqualTo(4 * network.parameters());
            assertThat(estimate.tokens()).isEqualTo(24 + 3 * 2 * 2);
            assertThat(estimate.peakBytes()).isEqualTo(
                    estimate.parts().stream().mapToLong(Estimate.Part::bytes).sum() + estimate.activations());
            assertThat(estimate.denoiseFlops()).isEqualTo(2 * model.estimate(request.guidance(1)).denoiseFlops())
                    .isEqualTo(2 * model.estimate(request.steps(5)).denoiseFlops());
            assertThat(estimate.flops())
                    .isEqualTo(estimate.encodeFlops() + estimate.denoiseFlops() + estimate.decodeFlops());
        }
    }

    @Test
    void theTypeAndTheResidencyCount(@TempDir Path folder) throws IOException {
        var tiny = TinyModels.textToVideo(folder.resolve("tiny"));
        var request = Request.of("a paper boat");
        try (var wide = VideoModel.open(tiny);
                var half = VideoModel.open(tiny, OpenOptions.defaults().dtype(DType.FLOAT16));
                var sparing = VideoModel.open(tiny,
                        OpenOptions.defaults().residency(Residency.ONE_AT_A_TIME).branches(Branches.APART))) {
            var bytes = wide.estimate(request).parts().stream().map(Estimate.Part::bytes).toList();
            assertThat(half.estimate(request).parts().stream().map(Estimate.Part::bytes).toList())
                    .isEqualTo(bytes.stream().map(b -> b / 2).toList());
            assertThat(sparing.estimate(request).peakBytes()).isLessThan(wide.estimate(request).peakBytes());
            assertThat(List.of(wide.estimate(request).peakBytes())).allMatch(p -> p > bytes.getFirst());
        }
    }
}
