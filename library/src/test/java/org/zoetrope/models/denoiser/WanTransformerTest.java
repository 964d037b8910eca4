package org.zoetrope.models.denoiser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.Golden;
import org.zoetrope.nn.FrameShift;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Axis;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.LoadOptions;
import org.zoetrope.weights.Weights;

@InScope
class WanTransformerTest {
    private static WanTransformer.Config config(Golden golden) {
        return ConfigFile.read(golden.folder().resolve("config.json"), WanTransformer.Config.class,
                "WanTransformer3DModel");
    }

    private static WanTransformer load(Golden golden) {
        var config = config(golden);
        return Weights.load(golden.folder(), w -> new WanTransformer(config, w));
    }

    private static Tensor predict(WanTransformer model, Golden golden) {
        var picture = golden.has("in.encoder_hidden_states_image")
                ? Optional.of(golden.in("encoder_hidden_states_image")) : Optional.<Tensor>empty();
        return model.forward(golden.in("hidden_states"), golden.in("timestep"), golden.in("encoder_hidden_states"), picture);
    }

    @ParameterizedTest
    @ValueSource(strings = {"t2v", "i2v"})
    void aForwardPassMatchesTheReference(String kind) {
        var golden = Golden.open("components/wan-transformer-" + kind);
        golden.assertClose(predict(load(golden), golden), "sample");
    }

    /// Values of the specification for frame 2, row 3, column 5 at the published head width, two pairs of each axis.
    @Test
    void rotaryTablesMatchThePublishedNumbers() {
        var model = new WanTransformer(ConfigFile.parse("one block", "{\"num_layers\": 1, \"num_attention_heads\": 1}",
                WanTransformer.Config.class), Weights.blueprint());
        var rotary = model.rotary(3, 4, 6);
        var token = (2 * 4 + 3) * 6 + 5;
        var cos = rotary.cos().select(0, token).toFloats();
        var sin = rotary.sin().select(0, token).toFloats();
        var at = new int[] {0, 2, 44, 46, 86, 88}; // 44 channels of time, then 42 of rows and 42 of columns
        var cosines = new double[] {-.416147, .252178, -.989992, -.356056, .283662, -.996546};
        var sines = new double[] {.909297, .967681, .141120, .934465, -.958924, -.083045};
        for (var i = 0; i < at.length; i++) {
            assertThat((double) cos[at[i]]).isCloseTo(cosines[i], within(1e-6));
            assertThat((double) sin[at[i]]).isCloseTo(sines[i], within(1e-6));
        }
    }

    @Test
    void aKeyThatAReleaseLeavesOutHasTheDefaultOfItsClass() {
        var published = WanTransformer.Config.defaults();
        assertThat(published.width()).isEqualTo(5120);
        assertThat(published.patchSize()).isEqualTo(List.of(1, 2, 2));
        assertThat(published.imageDim()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "{\"qk_norm\": \"layer_norm\"} | qk_norm \"layer_norm\"", "{\"image_dim\": 40} | belong together",
            "{\"vace_layers\": 8} | vace_layers", "{\"patch_size\": [2, 2]} | patch_size [2, 2]",
            "{\"image_dim\": 40, \"added_kv_proj_dim\": 40} | differs from the width 5120"})
    void aConfigOfAnotherArchitectureIsRefusedByName(String json, String message) {
        assertThatThrownBy(() -> ConfigFile.parse("config.json", json, WanTransformer.Config.class))
                .isInstanceOf(ConfigException.class).hasMessageContaining(message);
    }

    /// The head starts at zero, so a young model neither harms nor helps.
    @Test
    void aFreshModelPredictsZero() {
        var rng = new Rng(1);
        var model = new WanTransformer(config(Golden.open("components/wan-transformer-t2v")),
                Weights.fresh(rng, DType.FLOAT32, Device.CPU));
        assertThat(model.forward(rng.normal(1, 16, 3, 4, 6), Tensor.full(500, 1), rng.normal(1, 12, 32)).abs().max().item())
                .isZero();
    }

    /// With the head as it starts nothing but the head would learn in the first step; from the second on everything does.
    @ParameterizedTest
    @ValueSource(strings = {"t2v", "i2v"})
    void gradientsReachEveryParameter(String kind) {
        var golden = Golden.open("components/wan-transformer-" + kind);
        var rng = new Rng(1);
        var weights = Weights.fresh(rng, DType.FLOAT32, Device.CPU);
        var model = new WanTransformer(config(golden), weights);
        weights.tree().forEach((name, parameter) -> {
            if (name.startsWith("proj_out")) {
                parameter.set(rng.normal(parameter.shape()));
            }
            parameter.requireGradient(true);
        });
        var picture = kind.equals("i2v") ? Optional.of(rng.normal(1, 257, 40)) : Optional.<Tensor>empty();
        model.forward(rng.normal(1, kind.equals("i2v") ? 36 : 16, 2, 4, 4), Tensor.full(500, 1), rng.normal(1, 512, 32), picture)
                .square().mean().backward();
        var untouched = new ArrayList<String>();
        weights.tree().forEach((name, parameter) -> {
            if (!parameter.hasGradient() || !(parameter.gradient().abs().max().item() > 0)) {
                untouched.add(name);
            }
        });
        assertThat(untouched).isEmpty();
    }

    /// Text carries no positions and no mask: the order of its tokens cannot matter to the video.
    @Test
    void theOrderOfTextTokensDoesNotMatter() {
        var golden = Golden.open("components/wan-transformer-t2v");
        var turned = load(golden).forward(golden.in("hidden_states"), golden.in("timestep"),
                golden.in("encoder_hidden_states").flip(1));
        assertThat(turned.minus(golden.out("sample")).abs().max().item()).isLessThan(1e-4);
    }

    @Test
    void equalPromptsForAllFramesAreOnePrompt() {
        var golden = Golden.open("components/wan-transformer-t2v");
        var text = golden.in("encoder_hidden_states");
        var frames = golden.in("hidden_states").size(2);
        var copies = text.unsqueeze(1).expand(text.size(0), frames, text.size(1), text.size(2)).contiguous();
        golden.assertClose(load(golden).forward(golden.in("hidden_states"), golden.in("timestep"), copies), "sample");
    }

    /// The output depends on every frame's text, and frame by frame most on its own.
    @Test
    void everyFrameReadsItsOwnPrompt() {
        var golden = Golden.open("components/wan-transformer-t2v");
        var model = load(golden);
        var x = golden.in("hidden_states");
        var text = golden.in("encoder_hidden_states");
        var frames = Math.toIntExact(x.size(2));
        var plain = golden.out("sample");
        for (var f = 0; f < frames; f++) {
            var each = new ArrayList<>(Collections.nCopies(frames, text));
            each.set(f, new Rng(f).normal(text.shape()));
            var moved = model.forward(x, golden.in("timestep"), Tensor.stack(each, 1)).minus(plain).square()
                    .mean(false, 0, 1, 3, 4).toFloats();
            for (var other = 0; other < frames; other++) {
                assertThat(moved[other]).isPositive().isLessThanOrEqualTo(moved[f]);
            }
        }
    }

    /// V-18: what is zero for every frame changes nothing; what is not reaches the prediction.
    @Test
    void framesShiftedByNothingAreThePlainPrediction() {
        var golden = Golden.open("components/wan-transformer-t2v");
        var model = load(golden);
        var text = golden.in("encoder_hidden_states");
        long frames = golden.in("hidden_states").size(2), width = model.config().width();
        var plain = model.forward(golden.in("hidden_states"), golden.in("timestep"), text);
        var video = predicted(golden, model, FrameShift.ofVideo(Tensor.zeros(1, frames, width)));
        assertThat(video.toFloats()).isEqualTo(plain.toFloats());
        golden.assertClose(predicted(golden, model, FrameShift.ofText(Tensor.zeros(1, frames, text.size(1), width))), "sample");
        assertThat(predicted(golden, model, FrameShift.ofText(new Rng(1).normal(1, frames, text.size(1), width))).minus(plain)
                .abs().max().item()).isGreaterThan(1e-3);
        assertThat(predicted(golden, model, FrameShift.ofVideo(new Rng(1).normal(1, frames, width))).minus(plain).abs().max()
                .item()).isGreaterThan(1e-3);
    }

    private static Tensor predicted(Golden golden, WanTransformer model, FrameShift shift) {
        return model.forward(golden.in("hidden_states"), golden.in("timestep"), golden.in("encoder_hidden_states"),
                Optional.empty(), Pass.plain().with(shift));
    }

    @Test
    void promptsForAnotherNumberOfFramesAreRefused() {
        var golden = Golden.open("components/wan-transformer-t2v");
        var model = load(golden);
        var text = golden.in("encoder_hidden_states");
        var copies = text.unsqueeze(1).expand(text.size(0), 99, text.size(1), text.size(2));
        assertThatThrownBy(() -> model.forward(golden.in("hidden_states"), golden.in("timestep"), copies))
                .isInstanceOf(ShapeException.class).hasMessageContaining("frames of tokens");
    }

    @Test
    void samplesOfABatchDoNotMeet() {
        var golden = Golden.open("components/wan-transformer-t2v");
        var alone = load(golden).forward(golden.in("hidden_states").narrow(0, 1, 1), golden.in("timestep").narrow(0, 1, 1),
                golden.in("encoder_hidden_states").narrow(0, 1, 1));
        assertThat(alone.minus(golden.out("sample").narrow(0, 1, 1)).abs().max().item()).isLessThan(1e-4);
    }

    /// Only differences of positions count: the picture may be moved over the grid of a larger one (V12.3).
    @Test
    void rotaryScoresDependOnDistancesAlone() {
        var rotary = load(Golden.open("components/wan-transformer-t2v")).rotary(4, 5, 6);
        var rng = new Rng(3);
        var q = rotary.rotate(rng.normal(1, 1, 1, 12).expand(1, 1, 120, 12));
        var k = rotary.rotate(rng.normal(1, 1, 1, 12).expand(1, 1, 120, 12));
        var scores = q.matmul(k.transpose(2, 3)).rearrange("1 1 (t h w) (T H W) -> t h w T H W", Axis.axis("t", 4),
                Axis.axis("h", 5), Axis.axis("w", 6), Axis.axis("T", 4), Axis.axis("H", 5), Axis.axis("W", 6));
        var here = corner(scores, 0, 0, 0);
        assertThat(corner(scores, 1, 0, 0).minus(here).abs().max().item()).isLessThan(1e-5);
        assertThat(corner(scores, 0, 1, 0).minus(here).abs().max().item()).isLessThan(1e-5);
        assertThat(corner(scores, 0, 0, 1).minus(here).abs().max().item()).isLessThan(1e-5);
    }

    private static Tensor corner(Tensor scores, int t, int h, int w) {
        return scores.narrow(0, t, 3).narrow(1, h, 4).narrow(2, w, 5).narrow(3, t, 3).narrow(4, h, 4).narrow(5, w, 5);
    }

    /// A picture whose values write nothing leaves the text-to-video model (V12.7).
    @Test
    void imageAttentionWithoutValuesIsTextAttention() {
        var golden = Golden.open("components/wan-transformer-i2v");
        var weights = Weights.fresh(new Rng(5), DType.FLOAT32, Device.CPU);
        var model = new WanTransformer(config(golden), weights);
        weights.tree().forEach((name, parameter) -> {
            if (name.startsWith("proj_out")) {
                parameter.set(new Rng(6).normal(parameter.shape()));
            } else if (name.contains("add_v_proj")) {
                parameter.zeroInPlace();
            }
        });
        var rng = new Rng(7);
        var x = rng.normal(1, 36, 2, 4, 4);
        var t = Tensor.full(400, 1);
        var text = rng.normal(1, 512, 32);
        var one = model.forward(x, t, text, Optional.of(rng.normal(1, 257, 40)));
        var other = model.forward(x, t, text, Optional.of(rng.normal(1, 257, 40)));
        assertThat(one.abs().max().item()).isGreaterThan(0.1);
        assertThat(one.minus(other).abs().max().item()).isLessThan(1e-6);
    }

    /// In bfloat16 the timestep and the modulation still run in float32, or neighbouring steps would be one.
    @Test
    void halfPrecisionStaysNearFloat32() {
        var golden = Golden.open("components/wan-transformer-t2v");
        var config = config(golden);
        var model = Weights.load(golden.folder(), LoadOptions.to(DType.BFLOAT16, Device.CPU), w -> new WanTransformer(config, w));
        var half = model.forward(golden.in("hidden_states").to(DType.BFLOAT16), golden.in("timestep"),
                golden.in("encoder_hidden_states").to(DType.BFLOAT16)).to(DType.FLOAT32);
        var error = half.minus(golden.out("sample")).square().mean().item() / golden.out("sample").square().mean().item();
        assertThat(Math.sqrt(error)).isBetween(1e-5, 0.03);
    }

    @Test
    void sizesThatDoNotFitAreRefused() {
        var golden = Golden.open("components/wan-transformer-t2v");
        var model = load(golden);
        var text = golden.in("encoder_hidden_states").narrow(0, 0, 1);
        var t = Tensor.full(1, 1);
        assertThatThrownBy(() -> model.forward(Tensor.zeros(1, 16, 3, 5, 6), t, text)).isInstanceOf(ShapeException.class)
                .hasMessageContaining("do not split into patches of [1, 2, 2]");
        assertThatThrownBy(() -> model.forward(Tensor.zeros(1, 4, 3, 4, 6), t, text)).hasMessageContaining("[B, 16, T, H, W]");
        assertThatThrownBy(() -> model.forward(Tensor.zeros(1, 16, 33, 2, 2), t, text)).hasMessageContaining("32 positions");
        assertThatThrownBy(() -> model.forward(Tensor.zeros(1, 16, 3, 4, 6), t, text, Optional.of(text)))
                .hasMessageContaining("does not take image features");
    }
}
