package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.zoetrope.weights.Init.linear;
import static org.zoetrope.weights.Init.normal;
import static org.zoetrope.weights.Init.ones;
import static org.zoetrope.weights.Init.zeros;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

@InScope
class WeightsTest {
    /// A small model in the manner of the published ones.
    private record Marble(Tensor patches, List<Block> blocks) {
        Marble(Weights w, int depth) {
            this(w.at("patches").get("weight", linear(), 4, 3), w.at("blocks").each(depth, Block::new));
        }

        private record Block(Tensor gates, Tensor q, Tensor k) {
            Block(Weights w) {
                this(w.get("gates", zeros(), 4), w.at("space.q").get("weight", normal(0.02), 4, 4),
                     w.at("space.k").get("weight", normal(0.02), 4, 4));
            }
        }
    }

    @TempDir
    Path folder;

    private Map<String, Tensor> marble(int depth) {
        var fresh = Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU);
        var _ = new Marble(fresh, depth);
        return new LinkedHashMap<>(fresh.tree());
    }

    private static Map<String, List<Double>> numbers(Map<String, Tensor> tensors) {
        var numbers = new TreeMap<String, List<Double>>();
        tensors.forEach((name, tensor) -> numbers.put(name, Arrays.stream(tensor.toDoubles()).boxed().toList()));
        return numbers;
    }

    private Path store(Map<String, Tensor> tensors) {
        var file = folder.resolve("marble.safetensors");
        SafetensorsWriter.write(file, tensors);
        return file;
    }

    // ---------------------------------------------------------------- what fits

    @Test
    void savingAndLoadingChangesNothing() {
        var saved = marble(2);
        var loaded = Weights.loadTree(store(saved), LoadOptions.asStored(), w -> new Marble(w, 2)).tree();
        assertThat(loaded.keySet()).containsExactlyElementsOf(saved.keySet());
        assertThat(numbers(loaded)).isEqualTo(numbers(saved));
    }

    @Test
    void theTreeNamesTensorsInTheOrderOfAsking() {
        assertThat(marble(1).keySet()).containsExactly(
                "patches.weight", "blocks.0.gates", "blocks.0.space.q.weight", "blocks.0.space.k.weight");
        var fresh = Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU);
        var _ = new Marble(fresh, 2);
        assertThat(fresh.at("blocks.1.space").tree().keySet())
                .containsExactly("blocks.1.space.q.weight", "blocks.1.space.k.weight");
    }

    @Test
    void aLoadedTensorIsAViewOfTheFileAndWritingToItNeverReachesTheFile() throws Exception {
        var file = store(marble(1));
        var before = Files.readAllBytes(file);
        var model = Weights.load(file, w -> new Marble(w, 1));
        model.patches.zeroInPlace();
        assertThat(model.patches.toFloats()).containsOnly(0);
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    @Test
    void tensorsBelongToTheScopeAroundLoadAndNothingElseStays() {
        var file = store(marble(2));
        try (var inner = Scope.open()) {
            var loaded = Weights.loadTree(file, LoadOptions.asStored(), w -> new Marble(w, 2));
            assertThat(inner.size()).isEqualTo(loaded.tree().size() + 1); // the mapping itself
            inner.close();
            assertThat(loaded.tree().values()).allMatch(Tensor::isClosed);
        }
    }

    @Test
    void aTensorOutlivesTheMappingsOwnHandle() {
        var file = store(marble(1));
        var expected = numbers(marble(1)).get("patches.weight");
        Tensor kept;
        try (var inner = Scope.open()) {
            kept = inner.keep(Weights.load(file, w -> new Marble(w, 1)).patches);
        }
        assertThat(numbers(Map.of("patches.weight", kept)).get("patches.weight")).isEqualTo(expected);
    }

    @Test
    void typesAreConvertedOnRequestExceptWhereABranchHasItsOwn() {
        var model = Weights.load(store(marble(1)), LoadOptions.to(DType.BFLOAT16, Device.CPU),
                w -> List.of(w.at("patches").get("weight", zeros(), 4, 3),
                        w.as(DType.FLOAT32).get("blocks.0.gates", zeros(), 4),
                        w.ignore("blocks.0.space.*")));
        assertThat(((Tensor) model.get(0)).dtype()).isEqualTo(DType.BFLOAT16);
        assertThat(((Tensor) model.get(1)).dtype()).isEqualTo(DType.FLOAT32);
    }

    @Test
    void askingTwiceTiesTwoLayers() {
        var fresh = Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU);
        assertThat(fresh.get("shared", normal(1), 3)).isSameAs(fresh.get("shared", zeros(), 3));
        assertThatThrownBy(() -> fresh.get("shared", zeros(), 4)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("\"shared\" was asked for as [3] and again, by WeightsTest, as [4]");
    }

    @Test
    void aFreshTreeIsFixedByItsSeed() {
        var numbers = numbers(marble(2));
        assertThat(numbers(marble(2))).isEqualTo(numbers);
        assertThat(numbers.get("blocks.0.space.q.weight")).isNotEqualTo(numbers.get("blocks.1.space.q.weight"));
    }

    @Test
    void aBlueprintKnowsNamesAndShapesOfAModelTooLargeForThisMachine() {
        var plan = Weights.blueprint();
        var table = plan.get("table", normal(1), 1L << 40, 1L << 10);
        assertThat(table.isMeta()).isTrue();
        assertThat(plan.tree()).containsOnlyKeys("table").containsValue(table);
        assertThat(table.shape()).containsExactly(1L << 40, 1L << 10);
    }

    @Test
    void hasFindsTensorsAndBranches() {
        var found = Weights.load(store(marble(1)), w -> {
            var _ = new Marble(w, 1);
            return List.of(w.has("patches.weight"), w.has("patches"), w.at("blocks.0").has("space"),
                    w.has("patch"), w.has("blocks.1"));
        });
        assertThat(found).containsExactly(true, true, true, false, false);
    }

    @Test
    void tensorsInMemoryAreLoadedAsStrictlyAsAFile() {
        var tensors = marble(1);
        assertThat(Weights.load(tensors, w -> new Marble(w, 1)).patches).isSameAs(tensors.get("patches.weight"));
        tensors.remove("patches.weight");
        assertThatThrownBy(() -> Weights.load(tensors, w -> new Marble(w, 1)))
                .hasMessageContaining("no tensor \"patches.weight\" in the given tensors (3 tensors)");
    }

    // ---------------------------------------------------------------- what does not

    @Test
    void aMissingTensorIsReportedWithItsNeighbours() {
        var tensors = marble(2);
        tensors.put("blocks.1.spice.q.weight", tensors.remove("blocks.1.space.q.weight"));
        tensors.put("blocks.1.spice.k.weight", tensors.remove("blocks.1.space.k.weight"));
        var file = store(tensors);
        var refusal = catchThrowableOfType(WeightsException.class, () -> Weights.load(file, w -> new Marble(w, 2)));
        assertThat(refusal).hasMessage("""
                2 problems in %1$s
                - no branch "blocks.1.space" in %1$s (7 tensors)
                    asked by  WeightsTest.Marble.Block, expecting blocks.1.space.q.weight [4, 4]
                              blocks.1.space.k.weight [4, 4]
                    found     "blocks.1" with gates, spice
                    fix       correct at("space") (did you mean "spice"?), or add the name to WeightsTest.RENAMES
                - unexpected branch "blocks.1.spice" in %1$s: nobody asked for its 2 tensors
                    found     blocks.1.spice.k.weight [4, 4]
                              blocks.1.spice.q.weight [4, 4]
                    fix       compare config.json with the checkpoint; if releases carry it without use, \
                the model says so with ignore("blocks.1.spice.*")""".formatted(file));
    }

    @Test
    void everythingWrongIsReportedAtOnce() {
        var tensors = marble(2);
        tensors.remove("patches.weight");
        tensors.put("blocks.0.gates", Tensor.zeros(5));
        tensors.put("blocks.1.gates", Tensor.of(new long[] {1, 2, 3, 4}, 4));
        tensors.put("extra.bias", Tensor.zeros(2));
        var refusal = catchThrowableOfType(WeightsException.class,
                () -> Weights.load(store(tensors), w -> new Marble(w, 2)));
        assertThat(refusal.problems()).hasSize(4);
        assertThat(refusal.problems().get(0)).startsWith("no tensor \"patches.weight\"").contains("expecting [4, 3]")
                .contains("found     the top with blocks, extra");
        assertThat(refusal.problems().get(1)).startsWith("tensor \"blocks.0.gates\" has the wrong shape")
                .contains("asked by  WeightsTest.Marble.Block, expecting [4]").contains("found     [5]");
        assertThat(refusal.problems().get(2)).startsWith("tensor \"blocks.1.gates\" holds INT64");
        assertThat(refusal.problems().get(3)).startsWith("unexpected tensor \"extra.bias\"").contains("extra.bias [2]");
    }

    @Test
    void aConstructorThatStumblesOverAPlaceholderReportsTheMissingTensor() {
        var file = store(Map.of("other", Tensor.zeros(1)));
        assertThatThrownBy(() -> Weights.load(file, w -> w.get("scale", ones()).item()))
                .isInstanceOf(WeightsException.class).hasMessageContaining("no tensor \"scale\"")
                .hasCauseInstanceOf(RuntimeException.class);
    }

    @Test
    void aConstructorsOwnRefusalPassesThrough() {
        var file = store(marble(1));
        assertThatThrownBy(() -> Weights.load(file, _ -> {
            throw new ConfigException("width 7 is odd");
        })).isInstanceOf(ConfigException.class).hasMessage("width 7 is odd");
    }

    @Test
    void onlyTensorsTheModelDeclaresMayGoUnused() {
        var tensors = marble(2);
        tensors.put("encoder.embed_tokens.weight", Tensor.zeros(1));
        tensors.put("blocks.0.attn.bias", Tensor.zeros(1));
        tensors.put("blocks.1.attn.bias", Tensor.zeros(1));
        var file = store(tensors);
        assertThat(Weights.load(file, w -> new Marble(w.ignore("encoder.embed_tokens.weight", "blocks.*.attn.bias"), 2))
                .blocks).hasSize(2);
        assertThatThrownBy(() -> Weights.load(file, w -> new Marble(w.ignore("encoder.*", "blocks.0.attn.*"), 2)))
                .isInstanceOf(WeightsException.class).hasMessageContaining("unexpected tensor \"blocks.1.attn.bias\"");
    }

    @Test
    void aDeeperConfigThanTheCheckpointIsNamedOnce() {
        var refusal = catchThrowableOfType(WeightsException.class,
                () -> Weights.load(store(marble(4)), w -> new Marble(w, 6)));
        assertThat(refusal.problems()).hasSize(2);
        assertThat(refusal).hasMessageContaining("no branch \"blocks.4\"")
                .hasMessageContaining("found     \"blocks\" with 0 to 3");
    }

    @Test
    void aTensorAskedForAfterLoadingIsRefused() {
        var file = store(marble(1));
        var late = Weights.load(file, w -> {
            var _ = new Marble(w, 1);
            return w;
        });
        assertThatThrownBy(() -> late.get("more", zeros(), 1)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("\"more\" was asked for by WeightsTest after loading had ended");
    }

    @Test
    void eightBitFloatsMustBeConverted() {
        var file = store(Map.of("a", Tensor.ones(3).to(DType.FLOAT8_E4M3)));
        assertThatThrownBy(() -> Weights.load(file, w -> w.get("a", zeros(), 3)))
                .isInstanceOf(WeightsException.class).hasMessageContaining("stored as FLOAT8_E4M3");
        assertThat(Weights.load(file, LoadOptions.to(DType.BFLOAT16, Device.CPU), w -> w.get("a", zeros(), 3))
                .toFloats())
                .containsExactly(1, 1, 1);
    }

    // ---------------------------------------------------------------- stored and fresh together

    @Test
    void anAdapterMayStartFreshOnStoredWeights() {
        var half = new LinkedHashMap<String, Tensor>();
        marble(1).forEach((name, tensor) -> half.put(name, tensor.to(DType.FLOAT16)));
        var loaded = Weights.loadTree(store(half), LoadOptions.asStored(), w -> {
            var _ = new Marble(w, 1);
            return w.at("lora").orFresh(new Rng(3)).get("down", normal(1), 2, 4);
        });
        assertThat(loaded.model().dtype()).isEqualTo(DType.FLOAT16);
        assertThat(loaded.tree()).containsKey("lora.down");
    }

    @Test
    void aStoredAdapterIsReadAndAHalfStoredOneRefused() {
        var tensors = marble(1);
        tensors.put("lora.down", Tensor.full(3, 2, 4));
        var file = store(tensors);
        assertThat(Weights.load(file, w -> {
            var _ = new Marble(w, 1);
            return w.at("lora").orFresh(new Rng(3)).get("down", normal(1), 2, 4);
        }).toFloats()).containsOnly(3);
        assertThatThrownBy(() -> Weights.load(file, w -> {
            var _ = new Marble(w, 1);
            var lora = w.at("lora").orFresh(new Rng(3));
            return List.of(lora.get("down", normal(1), 2, 4), lora.get("up", zeros(), 4, 2));
        })).isInstanceOf(WeightsException.class).hasMessageContaining("no tensor \"lora.up\"");
    }

    @Test
    void aFreshTreeIsAlreadyFresh() {
        var fresh = Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU);
        assertThat(fresh.at("lora").orFresh(new Rng(2)).get("up", ones(), 1).item()).isEqualTo(1);
    }

    @Test
    void aMisspeltPathFailsInsteadOfStartingFromNoise() {
        var file = store(marble(1));
        assertThatThrownBy(() -> Weights.load(file, w -> w.at("patchs").get("weight", normal(1), 4, 3)))
                .isInstanceOf(WeightsException.class).hasMessageContaining("did you mean \"patches\"?");
    }
}
