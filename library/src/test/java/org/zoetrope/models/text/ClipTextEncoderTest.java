package org.zoetrope.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.Golden;
import org.zoetrope.nn.ClipLayer.Activation;
import org.zoetrope.models.text.ClipTextEncoder.Config;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

@InScope
class ClipTextEncoderTest {
    private static final Config TINY = new Config(50, 16, 32, 2, 4, 8, Activation.GELU, 1e-5, 49);

    @TempDir
    Path folder;

    private static ClipTextEncoder fresh(Config config) {
        return new ClipTextEncoder(config, Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU));
    }

    private static Tensor ids(long... ids) {
        return Tensor.of(ids, 1, ids.length);
    }

    @Test
    void featuresMatchTheReference() {
        var golden = Golden.open("text/clip-text");
        var config = ConfigFile.read(golden.folder().resolve("config.json"), Config.class, "CLIPTextModel");
        var encoder = Weights.load(golden.folder(), w -> new ClipTextEncoder(config, w));
        var features = encoder.forward(golden.in("input_ids"));
        golden.assertClose(features.hidden(), "last_hidden_state");
        golden.assertClose(features.pooled(), "pooled");
    }

    @Test
    void aTokenSeesOnlyWhatComesBefore() {
        var encoder = fresh(TINY);
        var one = encoder.forward(ids(1, 5, 9, 13, 49, 49)).hidden().narrow(1, 0, 4);
        var other = encoder.forward(ids(1, 5, 9, 13, 2, 3)).hidden().narrow(1, 0, 4);
        assertThat(one.toFloats()).isEqualTo(other.toFloats());
    }

    @Test
    void thePromptIsSummedUpAtItsFirstEndToken() {
        var encoder = fresh(TINY);
        var features = encoder.forward(ids(1, 5, 49, 49, 49));
        assertThat(features.pooled().toFloats()).isEqualTo(features.hidden().select(1, 2).toFloats());
    }

    /// Files written before transformers 4.30 say that the end token is 2; it is the last of the vocabulary all the
    /// same.
    @Test
    void anOldConfigsEndTokenIsTheHighestId() {
        var encoder = fresh(new Config(50, 16, 32, 2, 4, 8, Activation.QUICK_GELU, 1e-5, 2));
        var features = encoder.forward(ids(1, 2, 49, 49, 2));
        assertThat(features.pooled().toFloats()).isEqualTo(features.hidden().select(1, 2).toFloats());
    }

    @Test
    void everyParameterLearns() {
        var weights = Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU);
        var encoder = new ClipTextEncoder(TINY, weights);
        weights.tree().values().forEach(tensor -> tensor.requireGradient(true));
        encoder.forward(ids(1, 5, 9, 49)).hidden().times(new Rng(8).normal(1, 4, 16)).sum().backward();
        assertThat(weights.tree()).allSatisfy((_, tensor) -> assertThat(tensor.hasGradient()).isTrue());
    }

    @Test
    void aPromptLongerThanThePositionsIsRefused() {
        assertThatThrownBy(() -> fresh(TINY).forward(ids(1, 2, 3, 4, 5, 6, 7, 8, 9))).isInstanceOf(ShapeException.class)
                .hasMessage("a prompt of 9 tokens is longer than the 8 the encoder reads");
    }

    @Test
    void publishedKeysThatChangeNothingAreAcceptedAndOthersNamed() throws IOException {
        var published = """
                {"_name_or_path": "openai/clip-vit-large-patch14", "architectures": ["CLIPTextModel"],
                        "attention_dropout": 0.0,
                 "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 768,
                 "initializer_factor": 1.0, "initializer_range": 0.02, "intermediate_size": 3072,
                         "layer_norm_eps": 1e-05,
                 "max_position_embeddings": 77, "model_type": "clip_text_model", "num_attention_heads": 12,
                 "num_hidden_layers": 12, "pad_token_id": 1, "projection_dim": 768, "torch_dtype": "float32",
                 "transformers_version": "4.22.0.dev0", "vocab_size": 49408}""";
        var file = Files.writeString(folder.resolve("config.json"), published);
        assertThat(ConfigFile.read(file, Config.class, "CLIPTextModel").eosTokenId()).isEqualTo(2);
        Files.writeString(file, published.replace("quick_gelu", "relu").replace("hidden_size", "hiden_size"));
        assertThatThrownBy(() -> ConfigFile.read(file, Config.class)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("\"hidden_act\" is \"relu\", expected \"quick_gelu\" or \"gelu\"")
                .hasMessageContaining("unknown key \"hiden_size\"");
    }
}
