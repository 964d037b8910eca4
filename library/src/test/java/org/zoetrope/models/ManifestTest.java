package org.zoetrope.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.Golden;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

/// Every published checkpoint that we hold a list of is built in full size, without memory, and its names and shapes
/// are compared with that list. A new list needs one line in [#BUILDERS] if its class is new, and none otherwise.
class ManifestTest {
    private interface Builder {
        Object build(String subject, String config, Weights w);
    }

    /// Published class to ours.
    private static final Map<String, Builder> BUILDERS = Map.of(
            "CogVideoXTransformer3DModel",
            of(CogVideoXTransformer.Config.class, c -> w -> new CogVideoXTransformer(c, w)),
            "AutoencoderKLCogVideoX", of(CogVideoXVae.Config.class, c -> w -> new CogVideoXVae(c, w)),
            "WanTransformer3DModel", of(WanTransformer.Config.class, c -> w -> new WanTransformer(c, w)),
            "AutoencoderKLWan", of(WanVae.Config.class, c -> w -> new WanVae(c, w)));

    private static <C extends Record> Builder of(Class<C> config, Function<C, Function<Weights, Object>> model) {
        return (subject, json, w) -> model.apply(ConfigFile.parse(subject, json, config)).apply(w);
    }

    static Stream<String> manifests() throws IOException {
        try (var files = Files.list(Golden.resource("manifests"))) {
            return files.map(f -> f.getFileName().toString()).filter(f -> f.endsWith(".json")).sorted().toList()
                    .stream();
        }
    }

    @ParameterizedTest
    @MethodSource("manifests")
    void aPublishedCheckpointHasExactlyTheTensorsThatItsModelAsksFor(String name) throws IOException {
        var manifest = read(Golden.resource("manifests").resolve(name));
        var published = manifest.path("class").asText();
        var builder = BUILDERS.get(published);
        if (builder == null) {
            fail("%s lists a %s; add the class that builds it to BUILDERS".formatted(name, published));
        }
        try (var _ = Scope.open()) {
            var weights = Weights.blueprint();
            Objects.requireNonNull(builder).build(name, manifest.path("config").toString(), weights);
            var ours = new TreeMap<String, String>();
            weights.tree().forEach((tensor, value) -> ours.put(tensor, Arrays.toString(value.shape())));
            var theirs = new TreeMap<String, String>();
            manifest.path("tensors").properties().forEach(t -> theirs.put(t.getKey(), shape(t.getValue())));
            assertThat(differences(theirs, ours)).isEmpty();
            assertThat(weights.tree().values().stream().mapToLong(Tensor::count).sum())
                    .isEqualTo(manifest.path("parameters").asLong());
        }
    }

    private static JsonNode read(Path file) throws IOException {
        return new ObjectMapper().readTree(Files.readString(file));
    }

    private static String shape(JsonNode sizes) {
        return Arrays.toString(sizes.valueStream().mapToLong(JsonNode::asLong).toArray());
    }

    private static List<String> differences(Map<String, String> theirs, Map<String, String> ours) {
        var differences = new ArrayList<String>();
        theirs.forEach((name, shape) -> {
            if (!shape.equals(ours.get(name))) {
                differences.add("published %s %s, ours %s".formatted(name, shape, ours.get(name)));
            }
        });
        ours.forEach((name, shape) -> {
            if (!theirs.containsKey(name)) {
                differences.add("%s %s is not published".formatted(name, shape));
            }
        });
        return differences;
    }
}
