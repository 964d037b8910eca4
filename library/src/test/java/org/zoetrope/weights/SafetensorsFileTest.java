package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

@InScope
class SafetensorsFileTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(DType.class)
    void everyTypeComesBackBitForBit(DType dtype) {
        var tensor = new Rng(1).normal(5, 3).times(40).to(dtype);
        var file = folder.resolve("t.safetensors");
        SafetensorsWriter.write(file,
                Map.of("t", tensor, "none", Tensor.zeros(0, 4).to(dtype), "one", tensor.select(0, 1).select(0, 1)));
        var read = SafetensorsFile.open(file);
        assertThat(read.tensor("t").dtype()).isEqualTo(dtype);
        assertThat(read.tensor("t").shape()).containsExactly(5, 3);
        assertThat(read.tensor("t").memory().mismatch(tensor.contiguous().memory())).isEqualTo(-1);
        assertThat(read.tensor("none").shape()).containsExactly(0, 4);
        assertThat(read.tensor("one").shape()).isEmpty();
    }

    @Test
    void tensorsShareTheMappingUnlessTheyAreMisaligned() {
        // The data starts at a multiple of eight, so five bytes later no float can be read in place.
        var json = """
                {"even":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},\
                "byte":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},\
                "odd":{"dtype":"F32","shape":[1],"data_offsets":[5,9]}}""";
        var padded = json + " ".repeat((8 - json.length() % 8) % 8);
        var bytes = SafetensorsBytes.of(padded, 9);
        ByteBuffer.wrap(bytes.data()).order(ByteOrder.LITTLE_ENDIAN).putFloat(0, 1.5f).putFloat(5, -2.5f);
        var read = SafetensorsFile.open(bytes.writeTo(folder.resolve("odd.safetensors")));
        var even = read.tensor("even");
        var odd = read.tensor("odd");
        assertThat(even.item()).isEqualTo(1.5);
        assertThat(odd.item()).isEqualTo(-2.5);
        even.zeroInPlace();
        odd.zeroInPlace();
        assertThat(read.tensor("even").item()).as("a view").isEqualTo(0);
        assertThat(read.tensor("odd").item()).as("a copy").isEqualTo(-2.5);
    }

    @Test
    void truthValuesOtherThanZeroAndOneAreRead() {
        var bytes = SafetensorsBytes.of("{\"b\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3);
        bytes.data()[1] = 1;
        bytes.data()[2] = (byte) 0xff;
        assertThat(SafetensorsFile.open(bytes.writeTo(folder.resolve("b"))).tensor("b").toLongs())
                .containsExactly(0, 1, 1);
    }

    /// A file of 5 GB of which only the first and last page exist.
    @Test
    void aFileBeyondTwoGigabytesIsNoSpecialCase() throws IOException {
        var count = 5L << 28;
        var json = """
                {"hole":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]},
                 "end":{"dtype":"F32","shape":[2],"data_offsets":[%d,%d]}}"""
                .formatted(count, 4 * count, 4 * count, 4 * count + 8);
        var bytes = SafetensorsBytes.of(json + " ".repeat((8 - json.length() % 8) % 8), 0).bytes();
        var file = folder.resolve("large.safetensors");
        try (var large = new RandomAccessFile(file.toFile(), "rw")) {
            large.write(bytes);
            large.setLength(bytes.length + 4 * count + 8);
            large.seek(bytes.length + 4 * count + 4);
            large.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(0.25f).array());
        }
        var read = SafetensorsFile.open(file);
        assertThat(read.tensor("end").toFloats()).containsExactly(0, 0.25f);
        assertThat(read.tensor("hole").count()).isEqualTo(count);
        assertThat(read.tensor("hole").narrow(0, count - 3, 3).toFloats()).containsOnly(0);
        Files.delete(file);
    }

    @Test
    void anUnknownNameIsAnsweredWithTheKnownOnes() {
        var file = folder.resolve("t.safetensors");
        SafetensorsWriter.write(file, Map.of("in.x", Tensor.zeros(1)));
        assertThatThrownBy(() -> SafetensorsFile.open(file).tensor("x")).isInstanceOf(WeightsException.class)
                .hasMessageContaining("no tensor \"x\" in").hasMessageContaining("which holds in.x");
    }

    // ---------------------------------------------------------------- writing

    @Test
    void dataIsAlignedWhateverTheMixOfTypes() {
        var tensors = new LinkedHashMap<String, Tensor>();
        for (var dtype : DType.values()) {
            tensors.put(dtype.name().toLowerCase(java.util.Locale.ROOT), Tensor.ones(3).to(dtype));
        }
        var file = folder.resolve("mixed.safetensors");
        SafetensorsWriter.write(file, tensors, Map.of("note", "Grüße, 你好 \"quoted\""));
        var header = SafetensorsHeader.read(file);
        assertThat(header.dataStart() % 8).isZero();
        assertThat(header.entries().values()).allMatch(e -> e.begin() % e.type().bytes() == 0);
        assertThat(header.metadata()).containsEntry("note", "Grüße, 你好 \"quoted\"");
    }

    @Test
    void aViewIsWrittenInTheOrderOfItsShape() {
        var file = folder.resolve("t.safetensors");
        SafetensorsWriter.write(file, Map.of("t", Tensor.range(6).reshape(2, 3).transpose(0, 1)));
        assertThat(SafetensorsFile.open(file).tensor("t").toLongs()).containsExactly(0, 3, 1, 4, 2, 5);
    }

    @Test
    void aWriteThatFailsLeavesTheOldFileAndNothingElse() throws IOException {
        var file = folder.resolve("t.safetensors");
        SafetensorsWriter.write(file, Map.of("t", Tensor.ones(2)));
        var before = Files.readAllBytes(file);
        var freed = Tensor.ones(2);
        freed.close();
        assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of("t", freed, "m", Tensor.meta(DType.FLOAT32, 2))))
                .isInstanceOf(WeightsException.class).hasMessageContaining("\"t\" has no memory")
                .hasMessageContaining("\"m\" has no memory");
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void aFileMayBeReplacedWhileItsTensorsAreInUse() {
        var file = folder.resolve("t.safetensors");
        SafetensorsWriter.write(file, Map.of("t", Tensor.full(1, 5000)));
        var old = SafetensorsFile.open(file).tensor("t");
        SafetensorsWriter.write(file, Map.of("t", Tensor.full(2, 3)));
        assertThat(old.sum().item()).isEqualTo(5000);
        assertThat(SafetensorsFile.open(file).tensor("t").toFloats()).containsExactly(2, 2, 2);
    }

    @Test
    void shardsNextToASingleFileWouldBeAmbiguousAndAreRefused() {
        var tensors = Map.of("a", Tensor.zeros(100), "b", Tensor.zeros(100));
        SafetensorsWriter.writeShards(folder, "model", tensors, Map.of(), 1 << 20);
        assertThat(folder.resolve("model.safetensors")).exists();
        assertThatThrownBy(() -> SafetensorsWriter.writeShards(folder, "model", tensors, Map.of(), 400))
                .isInstanceOf(WeightsException.class).hasMessageContaining("model.safetensors is in the way");
    }
}
