package org.zoetrope.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.Golden;
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
import org.zoetrope.weights.WeightsException;

@InScope
class T5EncoderTest {
    private static final T5Encoder.Config TINY = T5Encoder.Config.of(50, 16, 4, 24, 2, 4);

    @TempDir
    Path folder;

    private static T5Encoder.Config config(Golden golden) {
        return ConfigFile.read(golden.folder().resolve("config.json"), T5Encoder.Config.class, "T5EncoderModel",
                "UMT5EncoderModel");
    }

    private static T5Encoder load(Golden golden, LoadOptions options) {
        return Weights.load(golden.folder(), options, w -> new T5Encoder(config(golden), w));
    }

    /// Padded positions mean nothing: only the tokens of the prompts are compared.
    private static Tensor seen(Tensor features, Tensor mask) {
        return features.times(mask.to(features.dtype()).unsqueeze(2));
    }

    @ParameterizedTest
    @ValueSource(strings = {"t5-encoder", "umt5-encoder"})
    void featuresMatchTheReference(String name) {
        var golden = Golden.open("text/" + name);
        var encoder = load(golden, LoadOptions.asStored());
        Tensor ids = golden.in("input_ids"), mask = golden.in("attention_mask");
        golden.assertClose(encoder.forward(ids), "last_hidden_state_unmasked");
        var expected = seen(golden.out("last_hidden_state"), mask);
        Golden.assertClose(seen(encoder.forward(ids, mask), mask), expected, "masked", 1e-4, 1e-5);
    }

    /// UMT5 read as T5 leaves the biases of the later layers over, and is refused for it.
    @Test
    void theModelTypeDecidesWhoOwnsThePositions() {
        var golden = Golden.open("text/umt5-encoder");
        var t5 = config(Golden.open("text/t5-encoder"));
        assertThatThrownBy(() -> Weights.load(golden.folder(), w -> new T5Encoder(t5, w)))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight");
    }

    @Test
    void whatIsWrittenBehindTheEndOfAMaskedPromptDoesNotMatter() {
        var encoder = new T5Encoder(TINY, Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU));
        var mask = Tensor.of(new long[] {1, 1, 1, 1, 0, 0}, 1, 6);
        var one = encoder.forward(Tensor.of(new long[] {5, 9, 13, 1, 0, 0}, 1, 6), mask).narrow(1, 0, 4);
        var other = encoder.forward(Tensor.of(new long[] {5, 9, 13, 1, 40, 41}, 1, 6), mask).narrow(1, 0, 4);
        assertThat(one.toFloats()).isEqualTo(other.toFloats());
        var alone = encoder.forward(Tensor.of(new long[] {5, 9, 13, 1}, 1, 4));
        Golden.assertClose(one, alone, "masked and unpadded", 1e-5, 1e-6);
    }

    @Test
    void orderMatters() {
        var encoder = new T5Encoder(TINY, Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU));
        var forth = encoder.forward(Tensor.of(new long[] {5, 9, 13, 1}, 1, 4)).select(1, 3);
        var back = encoder.forward(Tensor.of(new long[] {13, 9, 5, 1}, 1, 4)).select(1, 3);
        assertThat(forth.minus(back).abs().max().item()).isGreaterThan(1e-3);
    }

    /// Distances are key minus query.
    @ParameterizedTest
    @CsvSource({"-200, 15", "-128, 15", "-64, 14", "-20, 10", "-9, 8", "-8, 8", "-7, 7", "-1, 1", "0, 0", "1, 17",
            "7, 23", "8, 24",
            "9, 24", "20, 26", "64, 30", "127, 31", "200, 31"})
    void distancesFallIntoThePublishedBuckets(int distance, int bucket) {
        var length = 256;
        var buckets = T5Encoder.buckets(length, TINY);
        var query = distance < 0 ? length - 1 : 0;
        assertThat(buckets[query * length + query + distance]).isEqualTo(bucket);
    }

    /// The residual stream of the published models leaves the range of float16; what is added up must be wider.
    @Test
    void halfPrecisionSurvivesActivationsBeyondItsRange() {
        var golden = Golden.open("text/t5-encoder");
        var ids = golden.in("input_ids");
        var loaded = Weights.loadTree(golden.folder(), LoadOptions.to(DType.FLOAT16, Device.CPU),
                w -> new T5Encoder(config(golden), w));
        var tree = loaded.tree();
        assertThat(type(tree, "encoder.block.0.layer.1.DenseReluDense.wo.weight")).isEqualTo(DType.FLOAT32);
        assertThat(type(tree, "encoder.block.0.layer.1.DenseReluDense.wi_0.weight")).isEqualTo(DType.FLOAT16);
        Golden.assertClose(loaded.model().forward(ids), golden.out("last_hidden_state_unmasked"), "half", 0.05, 0.01);
        tree.forEach((name, tensor) -> tensor.timesInPlace(name.endsWith("wo.weight") ? 1e5 : 1));
        assertThat(loaded.model().forward(ids).isFinite()).isTrue();
    }

    private static DType type(Map<String, Tensor> tree, String name) {
        return Objects.requireNonNull(tree.get(name), name).dtype();
    }

    @Test
    void everyParameterLearns() {
        var weights = Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU);
        var encoder = new T5Encoder(TINY, weights);
        weights.tree().values().forEach(tensor -> tensor.requireGradient(true));
        var features = encoder.forward(Tensor.of(new long[] {5, 9, 13, 1}, 1, 4),
                Tensor.of(new long[] {1, 1, 1, 1}, 1, 4));
        features.times(new Rng(8).normal(1, 4, 16)).sum().backward();
        assertThat(weights.tree()).allSatisfy((_, tensor) -> {
            assertThat(tensor.hasGradient()).isTrue();
            assertThat(tensor.gradient().abs().max().item()).isPositive();
        });
    }

    @Test
    void aFreshEncoderBeginsAsPublished() {
        var weights = Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU);
        var encoder = new T5Encoder(T5Encoder.Config.of(400, 64, 16, 256, 1, 8), weights);
        assertThat(encoder.config().dFf()).isEqualTo(256);
        var stds = new LinkedHashMap<String, Double>();
        weights.tree()
                .forEach((name, tensor) ->
                stds.put(name.replaceAll("^.*(SelfAttention|DenseReluDense)\\.", ""),
                Math.sqrt(tensor.square().mean().item())));
        var expected = Map.of("shared.weight", 1.0, "q.weight", Math.pow(64 * 16, -0.5), "k.weight", 0.125, "v.weight",
                0.125,
                "o.weight", Math.pow(8 * 16, -0.5), "relative_attention_bias.weight", 0.125, "wi_0.weight", 0.125,
                        "wi_1.weight", 0.125,
                "wo.weight", 1 / 16.0, "encoder.final_layer_norm.weight", 1.0);
        assertThat(stds).containsKeys(expected.keySet().toArray(String[]::new));
        expected.forEach((name, std) -> assertThat(stds.get(name)).as(name).isBetween(0.9 * std, 1.1 * std));
    }

    @Test
    void aPlainReluNeedsOneProjection() throws IOException {
        var relu = config("\"feed_forward_proj\": \"relu\"");
        var weights = Weights.blueprint();
        new T5Encoder(relu, weights);
        assertThat(weights.tree()).containsKey("encoder.block.0.layer.1.DenseReluDense.wi.weight")
                .doesNotContainKey("encoder.block.0.layer.1.DenseReluDense.wi_0.weight");
    }

    private T5Encoder.Config config(String more) throws IOException {
        var file = Files.writeString(folder.resolve("config.json"), """
                {"architectures": ["T5EncoderModel"], "model_type": "t5", "d_model": 16, "d_kv": 4, "d_ff": 24,
                        "num_heads": 4,
                 "num_layers": 2, "vocab_size": 50, "torch_dtype": "bfloat16", "use_cache": true,
                         %s}""".formatted(more));
        return ConfigFile.read(file, T5Encoder.Config.class, "T5EncoderModel");
    }

    @Test
    void publishedKeysThatChangeNothingAreAcceptedAndOthersNamed() throws IOException {
        assertThat(config("\"dropout_rate\": 0.1, \"is_gated_act\": false, \"dense_act_fn\": \"relu\"").numHeads())
                .isEqualTo(4);
        assertThatThrownBy(() -> config("\"num_head\": 4")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("unknown key \"num_head\"");
        assertThatThrownBy(() -> config("\"feed_forward_proj\": \"gated-tanh\"")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("feed_forward_proj gated-tanh is not among");
        assertThatThrownBy(() -> config("\"feed_forward_proj\": \"gated-gelu\", \"is_gated_act\": false"))
                .isInstanceOf(ConfigException.class).hasMessageContaining("is_gated_act true");
        assertThatThrownBy(() -> config("\"relative_attention_num_buckets\": 6")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("relative_attention_num_buckets 6 is not a multiple of 4");
    }

    @Test
    void aConfigSurvivesWriting() {
        ConfigFile.write(folder.resolve("config.json"), "T5EncoderModel", TINY);
        assertThat(ConfigFile.read(folder.resolve("config.json"), T5Encoder.Config.class, "T5EncoderModel"))
                .isEqualTo(TINY);
    }

    @Test
    void idsAndMaskOfDifferentShapesAreRefused() {
        var encoder = new T5Encoder(TINY, Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU));
        assertThatThrownBy(() -> encoder.forward(Tensor.of(new long[] {1, 2}, 1, 2), Tensor.of(new long[] {1}, 1, 1)))
                .isInstanceOf(ShapeException.class).hasMessageContaining("must both be [B, L]");
    }

    @Test
    void promptsBecomeOneBatch() throws IOException {
        Tokenizers.write(folder, List.of("a", "red", "circle"), 8);
        var tokenizer = Tokenizers.read(folder);
        var prompts = List.of(tokenizer.fit("a red circle"), tokenizer.fit("a circle"));
        assertThat(TokenizedPrompt.ids(prompts).toLongs())
                .containsExactly(3, 4, 5, 1, 0, 0, 0, 0, 3, 5, 1, 0, 0, 0, 0, 0);
        assertThat(TokenizedPrompt.masks(prompts).toLongs())
                .containsExactly(1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0);
        assertThatThrownBy(() -> TokenizedPrompt.ids(List.of(tokenizer.fit("a", 4), tokenizer.fit("a", 5))))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("lengths [4, 5]");
    }
}
