package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.zoetrope.weights.Init.zeros;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

/// The ways releases lay out a component's folder.
@InScope
class CheckpointTest {
    @TempDir
    Path folder;

    private void file(String name, Map<String, Tensor> tensors) {
        SafetensorsWriter.write(folder.resolve(name), tensors);
    }

    private static Map<String, Tensor> tensors(double value, String... names) {
        var tensors = new LinkedHashMap<String, Tensor>();
        for (var name : names) {
            tensors.put(name, Tensor.full(value, 2));
        }
        return tensors;
    }

    private double loaded(LoadOptions options) {
        return Weights.load(folder, options, w -> w.get("a", zeros(), 2)).toDoubles()[0];
    }

    private WeightsException refusal() {
        return catchThrowableOfType(WeightsException.class, () -> loaded(LoadOptions.asStored()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"diffusion_pytorch_model.safetensors", "model.safetensors",
        "diffusion_pytorch_model.fp16.safetensors", "marble.safetensors"})
    void theOnlyWeightsOfAFolderAreFound(String name) {
        file(name, tensors(5, "a"));
        assertThat(loaded(LoadOptions.asStored())).isEqualTo(5);
    }

    @Test
    void aVariantIsReadWhenAskedForAndOnlyThen() {
        file("diffusion_pytorch_model.safetensors", tensors(1, "a"));
        file("diffusion_pytorch_model.fp16.safetensors", tensors(2, "a"));
        assertThat(loaded(LoadOptions.asStored())).isEqualTo(1);
        assertThat(loaded(LoadOptions.asStored().variant("fp16"))).isEqualTo(2);
        assertThatThrownBy(() -> loaded(LoadOptions.asStored().variant("bf16"))).isInstanceOf(WeightsException.class)
                .hasMessageContaining("no weights of variant bf16")
                .hasMessageContaining(
                        "found     diffusion_pytorch_model.fp16.safetensors, diffusion_pytorch_model.safetensors");
    }

    @Test
    void shardsAreReadThroughTheirIndex() throws IOException {
        SafetensorsWriter.writeShards(folder, "model", tensors(3, "a", "b", "c"), Map.of("format", "pt"), 16);
        assertThat(folder.resolve("model-00002-of-00002.safetensors")).exists();
        assertThat(Files.readString(folder.resolve("model.safetensors.index.json"))).contains("\"total_size\" : 24");
        var names = Weights.load(folder, w -> List.of(w.get("a", zeros(), 2), w.get("b", zeros(), 2),
                w.get("c", zeros(), 2)));
        assertThat(names).allMatch(t -> t.toDoubles()[1] == 3);
    }

    @Test
    void theIndexOfAVariantIsFoundToo() throws IOException {
        file("model.fp16-00001-of-00001.safetensors", tensors(4, "a"));
        Files.writeString(folder.resolve("model.safetensors.index.fp16.json"),
                "{\"metadata\":{},\"weight_map\":{\"a\":\"model.fp16-00001-of-00001.safetensors\"}}");
        assertThat(loaded(LoadOptions.asStored().variant("fp16"))).isEqualTo(4);
        assertThat(loaded(LoadOptions.asStored())).isEqualTo(4);
    }

    @Test
    void allThatAnIndexAndItsShardsDisagreeAboutComesTogether() throws IOException {
        file("one.safetensors", tensors(1, "a", "d"));
        file("two.safetensors", tensors(1, "d", "e"));
        Files.write(folder.resolve("broken.safetensors"), new byte[5]);
        Files.writeString(folder.resolve("model.safetensors.index.json"), """
                {"weight_map": {"a": "one.safetensors", "b": "one.safetensors",
                 "d": "two.safetensors", "e": "two.safetensors", "f": "three.safetensors", "g": "../four.safetensors",
                 "h": "broken.safetensors"}}""");
        var problems = refusal().problems();
        assertThat(problems).hasSize(6);
        for (var expected : List.of(
                "shard three.safetensors is missing; it should hold 1 tensors: f",
                "\"../four.safetensors\" is not the name of a safetensors file beside the index",
                "broken.safetensors has 5 bytes",
                "tensor \"b\" is listed for one.safetensors, which does not hold it",
                "tensor \"d\" is in one.safetensors, but model.safetensors.index.json does not list it there",
                "duplicate tensor \"d\": it is both \"d\" in one.safetensors and \"d\" in two.safetensors")) {
            assertThat(problems).anyMatch(p -> p.contains(expected));
        }
    }

    @Test
    void anIndexThatNamesATensorTwiceIsRefused() throws IOException {
        file("one.safetensors", tensors(1, "a"));
        Files.writeString(folder.resolve("model.safetensors.index.json"),
                "{\"weight_map\": {\"a\": \"one.safetensors\", \"a\": \"one.safetensors\"}}");
        assertThat(refusal()).hasMessageContaining("not an index of shards")
                .hasMessageContaining("Duplicate field 'a'");
    }

    @Test
    void twoSetsOfWeightsAreAQuestionForTheUser() {
        file("model.safetensors", tensors(1, "a"));
        file("diffusion_pytorch_model.safetensors", tensors(1, "a"));
        assertThat(refusal()).hasMessageContaining(
                "several sets of weights: diffusion_pytorch_model.safetensors, model.safetensors");
        assertThat(Weights.load(folder.resolve("model.safetensors"), w -> w.get("a", zeros(), 2)).toDoubles())
                .containsOnly(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"pytorch_model.bin", "v1-5.ckpt", "model.pth"})
    void picklesAreRefusedWithTheReasonAndTheWayOut(String name) throws IOException {
        Files.write(folder.resolve(name), new byte[] {(byte) 0x80, 2});
        for (var path : List.of(folder, folder.resolve(name))) {
            assertThatThrownBy(() -> Weights.load(path, w -> w.get("a", zeros(), 2)))
                    .isInstanceOf(WeightsException.class)
                    .hasMessageContaining("is a pickle, a format that can run code when it is read")
                    .hasMessageContaining("torch.load('" + name + "', weights_only=True)")
                    .hasMessageContaining(name.replaceAll("\\.[a-z]+$", ".safetensors"));
        }
    }

    @Test
    void anEmptyFolderSaysWhatWasExpected() {
        assertThat(refusal()).hasMessageContaining("no weights in " + folder).hasMessageContaining("found     nothing")
                .hasMessageContaining("expected diffusion_pytorch_model.safetensors");
        assertThatThrownBy(() -> Weights.load(folder.resolve("gone"), w -> w)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("no file or folder");
    }

    @Test
    void foreignNamesAreTranslatedAndTwoThatMeanTheSameAreRefused() {
        var renames = Renames.none().prefix("model.", "").segment("query", "to_q");
        file("model.safetensors", Map.of("model.a", Tensor.full(6, 2), "mid.query.bias", Tensor.zeros(2)));
        assertThat(Weights.load(folder, LoadOptions.asStored().renames(renames), w -> {
            var _ = w.at("mid.to_q").get("bias", zeros(), 2);
            return w.get("a", zeros(), 2);
        }).toDoubles()).containsOnly(6);
        file("model.safetensors", tensors(1, "a", "model.a"));
        assertThatThrownBy(() -> loaded(LoadOptions.asStored().renames(renames)))
                .hasMessageContaining("duplicate tensor \"a\": it is both \"a\" in model.safetensors and \"model.a\"");
    }
}
