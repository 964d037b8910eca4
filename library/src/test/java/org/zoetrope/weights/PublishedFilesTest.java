package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.Golden;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Files written by the reference implementation, as they are.
class PublishedFilesTest {
    static List<Path> files() throws IOException {
        try (Stream<Path> all = Files.walk(Golden.resource("golden"))) {
            return all.filter(f -> f.toString().endsWith(".safetensors")).sorted().toList();
        }
    }

    /// Ours and the reference's writer agree on order, alignment, padding and spelling, so nothing is lost on the way.
    @ParameterizedTest
    @MethodSource("files")
    void writingWhatWasReadGivesTheSameBytes(Path file, @TempDir Path folder) throws IOException {
        try (var _ = Scope.open()) {
            var read = SafetensorsFile.open(file);
            var copy = folder.resolve("copy.safetensors");
            SafetensorsWriter.write(copy, read.tensors(), read.metadata());
            assertThat(Files.mismatch(file, copy)).isEqualTo(-1);
        }
    }

    @Test
    void aPublishedComponentLoadsWhole() {
        try (var _ = Scope.open()) {
            var folder = Golden.resource("golden/components/cogvideox-vae");
            var shapes = SafetensorsHeader.read(folder.resolve("diffusion_pytorch_model.safetensors")).entries();
            var model = Weights.load(folder, w -> {
                var tensors = new LinkedHashMap<String, Tensor>();
                shapes.forEach((name, entry) -> tensors.put(name, w.get(name, Init.zeros(),
                        entry.shape().stream().mapToLong(Long::longValue).toArray())));
                return tensors;
            });
            assertThat(model).hasSize(240);
            assertThat(model.values()).allMatch(Tensor::isFinite);
        }
    }
}
