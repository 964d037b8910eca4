package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsHeaderTest {
    @Test
    void itSaysWhereEveryTensorIs() {
        var header = SafetensorsBytes.of("""
                {"__metadata__":{"format":"pt"},
                 "b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},
                 "a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}   """, 20).parse();
        assertThat(header.entries()).containsExactly(
                Map.entry("b", new SafetensorsHeader.Entry(StoredType.BF16, List.of(2L, 3L), 8, 20)),
                Map.entry("a", new SafetensorsHeader.Entry(StoredType.I64, List.of(), 0, 8)));
        assertThat(header.metadata()).containsExactly(Map.entry("format", "pt"));
        assertThat(header.dataBytes()).isEqualTo(20);
    }

    @ParameterizedTest
    @EnumSource(StoredType.class)
    void everyPublishedTypeIsKnown(StoredType type) {
        var header = SafetensorsBytes.of("{\"a\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%d]}}"
                .formatted(type, 3 * type.bytes()), 3 * type.bytes()).parse();
        assertThat(header.entries()).hasEntrySatisfying("a", entry -> assertThat(entry.type()).isEqualTo(type));
        assertThat(StoredType.of(type.dtype())).isEqualTo(type);
    }

    @Test
    void aFileMayHoldNoTensorsAndATensorNoElements() {
        assertThat(SafetensorsBytes.of("{}", 0).parse().entries()).isEmpty();
        assertThat(SafetensorsBytes.of("""
                {"a":{"dtype":"F32","shape":[2,0],"data_offsets":[4,4]},
                 "b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4).parse().entries()).hasSize(2);
    }

    static Stream<Arguments> wrongHeaders() {
        return Stream.of(
                    arguments("{'a':3}", "tensor \"a\" is not an object"),
                    arguments("{'a':{'dtype':'F32','shape':[1]}}", "tensor \"a\" lacks data_offsets"),
                    arguments("{'a':{'dtype':'F31','shape':[1],'data_offsets':[0,4]}}",
                            "unknown dtype \"F31\"; known are F64, F32"),
                    arguments("{'a':{'dtype':7,'shape':[1],'data_offsets':[0,4]}}", "a dtype that is not a string"),
                    arguments("{'a':{'dtype':'F32','shape':[-1],'data_offsets':[0,4]}}",
                            "\"a\" has -1 in shape, expected whole"),
                    arguments("{'a':{'dtype':'F32','shape':[1.0],'data_offsets':[0,4]}}", "\"a\" has 1.0 in shape"),
                    arguments("{'a':{'dtype':'F32','shape':[[1]],'data_offsets':[0,4]}}",
                            "\"a\" has a nested value in shape"),
                    arguments("{'a':{'dtype':'F32','shape':[null],'data_offsets':[0,4]}}", "\"a\" has null in shape"),
                    arguments("{'a':{'dtype':'F32','shape':'1','data_offsets':[0,4]}}",
                            "\"a\" has a shape that is not a list"),
                    arguments("{'a':{'dtype':'F32','shape':[99999999999999999999],'data_offsets':[0,4]}}",
                            "\"a\" has 99999999999999999999 in shape"),
                    arguments("{'a':{'dtype':'F32','shape':[4294967296,4294967296],'data_offsets':[0,4]}}",
                            "impossible shape [4294967296, 4294967296]"),
                    arguments("{'a':{'dtype':'F32','shape':[9223372036854775807,0],'data_offsets':[0,0]}}",
                            "impossible shape"),
                    arguments("{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}}",
                            "needs 8 bytes, its offsets 0 to 4 hold 4"),
                    arguments("{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,0]}}",
                            "\"a\" begins at 4 and ends before that, at 0"),
                    arguments("{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}",
                            "ends at byte 8 of 4: the file is truncated"),
                    arguments("{'a':{'dtype':'F32','shape':[1],'data_offsets':[0]}}",
                            "\"a\" has 1 data_offsets, expected begin and end"),
                    arguments("{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4,8]}}",
                            "\"a\" has 3 numbers in data_offsets"),
                    arguments("{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4],'x':{'y':[]}}}",
                            "\"a\" has the unknown key \"x\""),
                    arguments("{'a':{'dtype':'F32','dtype':'F32','shape':[1],'data_offsets':[0,4]}}",
                            "\"a\" says dtype twice"),
                    arguments("{'__metadata__':[],'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}",
                            "__metadata__ is not an object of strings"),
                    arguments("{'__metadata__':{'k':1},'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}",
                            "__metadata__ \"k\" is not a string"),
                    arguments("{'__metadata__':{'k':'1','k':'2'}}", "__metadata__ \"k\" appears twice"),
                    arguments("{}", "the last 4 bytes of the file belong to no tensor"),
                    arguments("{'a':{'dtype':'U8','shape':[1],'data_offsets':[3,4]}}",
                            "bytes 0 to 3 before tensor \"a\" belong to no tensor"),
                    arguments("{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},"
                            + "'b':{'dtype':'U8','shape':[2],'data_offsets':[1,3]}}",
                            "\"b\" overlaps \"a\" by 2 bytes at byte 1"),
                    arguments("{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} {}",
                            "something follows the header's closing brace"),
                    arguments("{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}", "is not valid JSON"),
                    arguments("[1]", "its header does not start with {"));
    }

    @ParameterizedTest
    @MethodSource("wrongHeaders")
    void aWrongHeaderIsRefusedWithTheReason(String json, String reason) {
        assertThatThrownBy(() -> SafetensorsBytes.of(json.replace('\'', '"'), 4).parse())
                .isInstanceOf(WeightsException.class).hasMessageContaining(reason)
                .hasMessageContaining("x.safetensors");
    }

    @Test
    void allProblemsOfAFileComeTogether() {
        var json = """
                {"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]},
                 "b":{"dtype":"F32","shape":[-3],"data_offsets":[0,4]},
                 "c":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},
                 "c":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""";
        var refusal = catchThrowableOfType(WeightsException.class, () -> SafetensorsBytes.of(json, 8).parse());
        assertThat(refusal.problems()).hasSize(3);
        assertThat(refusal).hasMessageStartingWith("3 problems in x.safetensors\n- tensor \"a\" has the unknown dtype")
                .hasMessageContaining("\n- tensor \"b\" has -3 in shape")
                .hasMessageContaining("\n- tensor \"c\" appears twice");
    }

    @Test
    void thousandsOfProblemsStayReadable() {
        var json = IntStream.range(0, 5000).mapToObj("\"t%d\":0"::formatted).collect(Collectors.joining(",", "{", "}"));
        var refusal = catchThrowableOfType(WeightsException.class, () -> SafetensorsBytes.of(json, 0).parse());
        assertThat(refusal.problems()).hasSize(101).last().isEqualTo("and 4900 more");
        assertThat(refusal.toString()).hasSizeLessThan(4500);
    }

    @Test
    void aRankBeyondThirtyTwoIsRefused() {
        var shape = "1,".repeat(32) + "1";
        assertThatThrownBy(() -> SafetensorsBytes.of(
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[%s],\"data_offsets\":[0,1]}}".formatted(shape), 1).parse())
                .hasMessageContaining("has 33 numbers in shape, at most 32 make sense");
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE, 0, 1, 100_000_001, Long.MAX_VALUE})
    void anImpossibleHeaderLengthIsRefusedBeforeAnythingIsRead(long length) {
        var start = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN).putLong(length).putLong(0).flip();
        assertThatThrownBy(() -> SafetensorsHeader.parse("x", start, 1L << 40)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("its header length is " + Long.toUnsignedString(length));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 8, 9, 40})
    void aTruncatedFileIsRefused(int bytes, @TempDir Path folder) throws Exception {
        var whole = SafetensorsBytes.of("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4).bytes();
        var file = java.nio.file.Files.write(folder.resolve("cut.safetensors"), java.util.Arrays.copyOf(whole, bytes));
        assertThatThrownBy(() -> SafetensorsHeader.read(file)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("trunc").hasMessageContaining("cut.safetensors");
    }

    @Test
    void deepNestingAndOtherEncodingsEndInAMessage() {
        assertThatThrownBy(() -> SafetensorsBytes.of("{\"a\":" + "[".repeat(100_000), 0).parse())
                .isInstanceOf(WeightsException.class).hasMessageContaining("not valid JSON");
        assertThatThrownBy(() -> new SafetensorsBytes("{}".getBytes(StandardCharsets.UTF_16LE), new byte[0]).parse())
                .isInstanceOf(WeightsException.class).hasMessageContaining("does not start with {");
    }

    @Test
    void aMissingFileIsNamed(@TempDir Path folder) {
        assertThatThrownBy(() -> SafetensorsHeader.read(folder.resolve("none.safetensors")))
                .isInstanceOf(WeightsException.class).hasMessageContaining("no file")
                .hasMessageContaining("none.safetensors");
    }
}
