package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.pipeline.Speeds.Kind;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;

class SpeedsTest {
    private static final double LARGE = Speeds.LARGE, SMALL = Speeds.SMALL;
    private static final String MACHINE = "a processor, 2 threads";

    private final AtomicInteger measurements = new AtomicInteger();

    /// A file in a folder that cannot be made, since its parent is a file.
    static SpeedFile nowhere() {
        return SpeedFile.in(Path.of("/dev/null/cache"), MACHINE);
    }

    private Speeds speeds(SpeedFile file) {
        return new Speeds(file, (_, dtype, _, large) -> {
            measurements.incrementAndGet();
            return new Speeds.Reading((dtype == DType.FLOAT32 ? 1e9 : 2e9) * (large ? 4 : 1), true);
        });
    }

    @Test
    void whatOneProcessMeasuredTheNextOneReads(@TempDir Path folder) {
        var file = SpeedFile.in(folder.resolve("new"), MACHINE);
        var first = speeds(file).of(Kind.LAYERS, DType.BFLOAT16, Device.CPU, LARGE);
        assertThat(speeds(file).of(Kind.LAYERS, DType.BFLOAT16, Device.CPU, LARGE)).isEqualTo(first).isEqualTo(8e9);
        assertThat(measurements).hasValue(1);
        assertThat(speeds(file).of(Kind.LAYERS, DType.FLOAT32, Device.CPU, LARGE)).isEqualTo(4e9);
        assertThat(file.read()).containsOnlyKeys("layers bfloat16 large cpu", "layers float32 large cpu");
    }

    @Test
    void aBrokenFileIsMeasuredAnewAndReplaced(@TempDir Path folder) throws IOException {
        var file = SpeedFile.in(folder, MACHINE);
        for (var broken : new String[] {"", "{", "[1, 2]", "\0\0\0", "{\"machine\": 7, \"flops_per_second\": []}"}) {
            Files.writeString(file.path(), broken);
            assertThat(file.read()).isEmpty();
        }
        speeds(file).of(Kind.LAYERS, DType.FLOAT32, Device.CPU, LARGE);
        assertThat(file.read()).containsEntry("layers float32 large cpu", 4e9);
    }

    @Test
    void numbersThatAreNoSpeedsAreLeftOut(@TempDir Path folder) throws IOException {
        var file = SpeedFile.in(folder, MACHINE);
        Files.writeString(file.path(), """
                {"machine": "%s", "flops_per_second": {"a": -1, "b": "fast", "c": 1e999, "d": 0, "e": 5e9}}"""
                .formatted(MACHINE));
        assertThat(file.read()).isEqualTo(Map.of("e", 5e9));
    }

    /// Two machines with one home each have a file; one that was copied over by hand is not believed.
    @Test
    void theNumbersOfAnotherMachineAreNotBelieved(@TempDir Path folder) throws IOException {
        SpeedFile mine = SpeedFile.in(folder, MACHINE), other = SpeedFile.in(folder, "another processor, 2 threads");
        assertThat(other.path()).isNotEqualTo(mine.path());
        speeds(other).of(Kind.LAYERS, DType.FLOAT32, Device.CPU, LARGE);
        assertThat(mine.read()).isEmpty();
        Files.copy(other.path(), mine.path());
        assertThat(mine.read()).isEmpty();
    }

    @Test
    void withoutAFolderToWriteInNumbersLiveAsLongAsTheProcess() {
        var speeds = speeds(nowhere());
        assertThat(speeds.of(Kind.COGVIDEOX_DECODER, DType.FLOAT32, Device.CPU, LARGE)).isEqualTo(4e9);
        assertThat(speeds.of(Kind.COGVIDEOX_DECODER, DType.FLOAT32, Device.CPU, LARGE)).isEqualTo(4e9);
        assertThat(measurements).hasValue(1);
    }

    /// A number from a moment when other programs ran would be wrong for every run after it.
    @Test
    void whatABusyMachineSaysIsNotRemembered(@TempDir Path folder) {
        var file = SpeedFile.in(folder, MACHINE);
        var busy = new Speeds(file, (_, _, _, _) -> new Speeds.Reading(1e8, false));
        assertThat(busy.of(Kind.LAYERS, DType.FLOAT32, Device.CPU, LARGE)).isEqualTo(1e8);
        assertThat(file.read()).isEmpty();
        assertThat(speeds(file).of(Kind.LAYERS, DType.FLOAT32, Device.CPU, LARGE)).isEqualTo(4e9);
    }

    @Test
    void aMachineIsCalmIfTheThreadsHadIt() {
        assertThat(SpeedProbe.isCalm(1.8, 1, 2)).isTrue();
        assertThat(SpeedProbe.isCalm(1.0, 1, 2)).isFalse();
        assertThat(SpeedProbe.isCalm(0.9, 1, 1)).isTrue();
        assertThat(SpeedProbe.isCalm(0.2, 1, 1)).isFalse();
        assertThat(SpeedProbe.isCalm(4, 1, 16)).isTrue();
        assertThat(SpeedProbe.isCalm(Double.NaN, 1, 2)).isTrue();
    }

    @Test
    void nothingIsLeftBesideTheFile(@TempDir Path folder) throws IOException {
        speeds(SpeedFile.in(folder, MACHINE)).of(Kind.LAYERS, DType.FLOAT32, Device.CPU, 0);
        try (var files = Files.list(folder)) {
            assertThat(files).hasSize(1);
        }
    }

    @Test
    void speedGrowsWithSizeBetweenTheTwoMeasurements() {
        var speeds = speeds(nowhere());
        var least = speeds.of(Kind.LAYERS, DType.FLOAT32, Device.CPU, SMALL);
        var between = speeds.of(Kind.LAYERS, DType.FLOAT32, Device.CPU, Math.sqrt(
                SpeedProbe.size(Kind.LAYERS, false) * SpeedProbe.size(Kind.LAYERS, true)));
        assertThat(least).isEqualTo(1e9);
        assertThat(between).isCloseTo(2e9, Percentage.withPercentage(1e-6));
        assertThat(measurements).hasValue(2);
    }

    @Test
    void measuringAgainReplacesWhatWasKept(@TempDir Path folder) {
        var file = SpeedFile.in(folder, MACHINE);
        file.write(Map.of("layers float32 large cpu", 1.0, "layers bfloat16 large cpu", 3.0));
        assertThat(speeds(file).again(DType.FLOAT32, Device.CPU)).containsEntry(Kind.LAYERS, 4e9).hasSize(Kind.values().length);
        assertThat(file.read()).containsEntry("layers float32 large cpu", 4e9)
                .containsEntry("layers bfloat16 large cpu", 3.0);
    }

    /// The probes are our own networks; here they only have to run.
    @Test
    void everyKindOfWorkIsMeasuredInBothTypes() {
        for (var kind : Kind.values()) {
            for (var dtype : new DType[] {DType.FLOAT32, DType.BFLOAT16}) {
                assertThat(SpeedProbe.measure(kind, dtype, Device.CPU, false).flopsPerSecond())
                        .as("%s %s", kind, dtype).isBetween(1e6, 1e15);
            }
            assertThat(SpeedProbe.size(kind, true)).isGreaterThanOrEqualTo(SpeedProbe.size(kind, false));
        }
    }
}
