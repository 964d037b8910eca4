package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.Golden;
import org.zoetrope.nn.Pass;
import org.zoetrope.pipeline.OpenOptions.Matrices;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;
import org.zoetrope.weights.LoadOptions;
import org.zoetrope.weights.Weights;

/// Published networks in small, with their matrices in eight bits.
@InScope
class Int8Test {
    private static final String COG_VIDEO_X = "pipelines/cogvideox-2b-ddim", WAN = "pipelines/wan-t2v-unipc";

    private static Latents run(Golden golden, OpenOptions options) {
        var given = Given.nothing().prompt(golden.in("prompt_embeds")).negativePrompt(golden.in("negative_prompt_embeds"));
        try (var model = VideoModel.open(golden.folder(), options)) {
            return model.denoise(Request.of("").size(32, 32).frames(5).steps(3).guidance(3).seed(7), given,
                    ProgressListener.none());
        }
    }

    /// A network in eight bits is the network with rounded matrices, to the bit.
    @ParameterizedTest
    @ValueSource(strings = {COG_VIDEO_X, WAN})
    void nothingIsRoundedButTheMatrices(String name) {
        var golden = Golden.open(name);
        Path folder = golden.folder().resolve("transformer");
        var parts = Parts.read(ModelFolder.read(golden.folder()));
        Function<Weights, Network> build = parts::network;
        var eight = Weights.loadTree(folder, LoadOptions.asStored().int8(true), build);
        var exact = Weights.loadTree(folder, LoadOptions.asStored(), build).tree();
        var rounded = new LinkedHashMap<String, Tensor>();
        exact.forEach((key, tensor) -> {
            var kept = Objects.requireNonNull(eight.tree().get(key), key);
            var scale = eight.tree().get(key + "_scale");
            rounded.put(key, scale == null ? tensor : kept.times(scale));
            if (scale == null) {
                assertThat(kept.toFloats()).as(key).isEqualTo(tensor.toFloats());
            }
        });
        assertThat(eight.tree().keySet()).filteredOn(key -> key.endsWith("_scale")).isNotEmpty()
                .noneMatch(key -> key.contains("norm_q") || key.contains("time_embed"));
        var x = new Rng(3).normal(1, 2, parts.latentChannels(), 4, 4);
        var timestep = Tensor.full(500, DType.FLOAT32, x.device(), 1);
        var plain = Weights.load(rounded, build);
        assertThat(predict(eight.model(), x, timestep, golden)).isEqualTo(predict(plain, x, timestep, golden));
    }

    private static float[] predict(Network network, Tensor x, Tensor timestep, Golden golden) {
        return network.predict(x, timestep, golden.in("prompt_embeds"), Optional.empty(),
                Pass.plain()).toFloats();
    }

    @ParameterizedTest
    @ValueSource(strings = {COG_VIDEO_X, WAN})
    void aRunDiffersALittleAndAlwaysAlike(String name) {
        var golden = Golden.open(name);
        var options = OpenOptions.defaults();
        var plain = run(golden, options).values();
        var eight = run(golden, options.matrices(Matrices.INT8));
        assertThat(run(golden, options.matrices(Matrices.INT8)).values().toFloats()).isEqualTo(eight.values().toFloats());
        var off = eight.values().minus(plain).square().mean().item() / plain.square().mean().item();
        assertThat(Math.sqrt(off)).isPositive().isLessThan(0.05);
        assertThat(eight.recipe().speed()).contains("int8 matrices");
    }

    @ParameterizedTest
    @ValueSource(strings = {COG_VIDEO_X, WAN})
    void itsWeightsTakeLessThanThoseOfBfloat16(String name) {
        var folder = Golden.open(name).folder();
        var given = Given.nothing().prompt(Golden.open(name).in("prompt_embeds"))
                .negativePrompt(Golden.open(name).in("negative_prompt_embeds"));
        try (var half = VideoModel.open(folder, OpenOptions.defaults().dtype(DType.BFLOAT16));
                var eight = VideoModel.open(folder, OpenOptions.defaults().dtype(DType.BFLOAT16).matrices(Matrices.INT8))) {
            assertThat(bytes(eight, given)).isLessThan(bytes(half, given));
        }
    }

    private static long bytes(VideoModel model, Given given) {
        return model.estimate(Request.of("").size(32, 32).frames(5), given).parts().stream().filter(p -> p.name().equals("transformer"))
                .mapToLong(Estimate.Part::bytes).sum();
    }
}
