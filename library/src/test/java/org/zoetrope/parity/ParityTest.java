package org.zoetrope.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.Golden;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;

class ParityTest {
    /// Every fixture on the CPU, and on the first CUDA device where there is one.
    static Stream<Arguments> fixtures() {
        var root = Golden.resource("golden");
        var devices = Torch.cudaDevices() > 0 ? List.of(Device.CPU, Device.parse("cuda:0")) : List.of(Device.CPU);
        return devices.stream().flatMap(device -> Parity.find(root).stream()
                .map(folder -> Arguments.of(root.relativize(folder).toString(), device)));
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void everyFixtureIsWithinItsTolerance(String name, Device device) {
        var result = Parity.run(Golden.resource("golden/" + name), device);
        assertThat(result).isInstanceOf(ParityResult.Compared.class);
        assertThat(((ParityResult.Compared) result).comparisons()).isNotEmpty().allMatch(Comparison::isWithin);
    }

    @Test
    void aDifferentReferenceIsSeen(@TempDir Path temporary) throws IOException {
        var folder = copy("components/cogvideox-vae", temporary);
        var file = folder.resolve("reference.safetensors");
        Scope.run(() -> {
            var tensors = SafetensorsFile.open(file).tensors();
            tensors.compute("out.decoded", (_, x) -> x.plus(0.001));
            SafetensorsWriter.write(file, tensors);
        });
        var result = (ParityResult.Compared) Parity.run(folder);
        assertThat(result.isWithin()).isFalse();
        assertThat(result.comparisons()).filteredOn(c -> !c.isWithin()).extracting(Comparison::output)
                .containsExactly("decoded");
    }

    @Test
    void anOutputThatNobodyComputesIsOutside(@TempDir Path temporary) throws IOException {
        var folder = copy("components/cogvideox-transformer-2b", temporary);
        var file = folder.resolve("reference.safetensors");
        Scope.run(() -> {
            var tensors = SafetensorsFile.open(file).tensors();
            tensors.put("out.attention", tensors.firstEntry().getValue());
            SafetensorsWriter.write(file, tensors);
        });
        var result = (ParityResult.Compared) Parity.run(folder);
        assertThat(result.isWithin()).isFalse();
        assertThat(result.comparisons().getLast().remark()).isEqualTo("not computed");
    }

    @Test
    void aClassWeDoNotHaveIsSaidToBeUnsupported(@TempDir Path temporary) throws IOException {
        var folder = copy("components/cogvideox-vae", temporary);
        for (var name : new String[] {"case.json", "config.json"}) {
            var text = Files.readString(folder.resolve(name));
            Files.writeString(folder.resolve(name), text.replace("AutoencoderKLCogVideoX", "AutoencoderKLMarble"));
        }
        assertThat(Parity.run(folder)).isInstanceOf(ParityResult.Unsupported.class)
                .extracting(ParityResult::className).isEqualTo("AutoencoderKLMarble");
    }

    @Test
    void aDamagedFixtureFailsWithItsReason(@TempDir Path temporary) throws IOException {
        var folder = copy("components/cogvideox-vae", temporary);
        Files.write(folder.resolve("diffusion_pytorch_model.safetensors"), new byte[100]);
        assertThat(Parity.run(folder)).isInstanceOfSatisfying(ParityResult.Failed.class,
                failed -> assertThat(failed.cause()).hasMessageContaining("diffusion_pytorch_model.safetensors"));
    }

    @Test
    void aFolderWithoutACaseIsNoFixture(@TempDir Path temporary) {
        assertThatThrownBy(() -> Parity.run(temporary)).hasMessageContaining("is no fixture");
        assertThatThrownBy(() -> Parity.find(temporary)).hasMessageContaining("no fixtures below");
    }

    private static Path copy(String name, Path temporary) throws IOException {
        var from = Golden.resource("golden/" + name);
        var to = Files.createDirectories(temporary.resolve(from.getFileName().toString()));
        try (var files = Files.list(from)) {
            for (var file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName().toString()));
            }
        }
        return to;
    }
}
