package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.zoetrope.Golden;

/// Headers that an attacker, a broken disk or a cut download could have made.
class SafetensorsHeaderFuzzTest {
    private static final int CASES = 120_000;
    private static final int WARM_UP = 1000;
    /// What one parse may allocate, whatever the header claims: fixed buffers, plus names, entries and messages.
    private static final long FIXED_BYTES = 256 << 10;
    private static final long BYTES_PER_HEADER_BYTE = 32;

    private static final Pattern NUMBER = Pattern.compile("\\d+");
    private static final Pattern STRING = Pattern.compile("\"[^\"]*\"");
    private static final List<String> NUMBERS = List.of("0", "-1", "-0", "1e400", "4.0", "2147483648",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551615",
            "9".repeat(39), "9".repeat(5000), "null", "true", "NaN", "0x10", "1e9", "[1]", "{}", "\"4\"");
    private static final List<String> PIECES = List.of("{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\0", "\n",
            "__metadata__", "\"__metadata__\":{", "\"dtype\":\"F32\",", "\"shape\":[0,0],", "\"data_offsets\":[0,0],",
            "\ud83d\ude00", "/*", "[".repeat(3000), "{\"a\":".repeat(3000));

    private final Random random = new Random(20);

    /// No crash, no hang, no memory beyond the bound; what is accepted really fits into the file.
    @Test
    void hostileHeadersEndInAMessageWithinAFixedAmountOfMemory() throws IOException {
        var originals = originals();
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int accepted = 0;
        long worst = Long.MIN_VALUE, slowest = 0;
        for (var i = 0; i < CASES; i++) {
            var original = originals.get(random.nextInt(originals.size()));
            var bytes = mutate(original);
            var fileBytes = random.nextInt(8) == 0 ? random.nextLong(1L << random.nextInt(1, 63)) : bytes.length;
            var time = threads.getCurrentThreadCpuTime(); // a busy machine must not fail the test
            var before = threads.getCurrentThreadAllocatedBytes();
            Optional<SafetensorsHeader> header = Optional.empty();
            Optional<WeightsException> refusal = Optional.empty();
            try {
                header = Optional.of(SafetensorsHeader.parse("fuzzed", ByteBuffer.wrap(bytes), fileBytes));
            } catch (WeightsException e) {
                refusal = Optional.of(e);
            }
            var allocated = threads.getCurrentThreadAllocatedBytes() - before;
            slowest = Math.max(slowest, threads.getCurrentThreadCpuTime() - time);
            if (i >= WARM_UP) { // loading classes allocates too
                worst = Math.max(worst, allocated - BYTES_PER_HEADER_BYTE * bytes.length);
            }
            if (header.isPresent()) {
                assertFits(header.get(), fileBytes);
                accepted++;
            } else {
                assertThat(refusal.orElseThrow().problems()).isNotEmpty();
                assertThat(refusal.orElseThrow().toString()).hasSizeLessThan(60_000);
            }
        }
        assertThat(worst).as("bytes allocated beyond %d per header byte", BYTES_PER_HEADER_BYTE)
                .isLessThan(FIXED_BYTES);
        assertThat(slowest).as("slowest parse in ns of this thread").isLessThan(2_000_000_000L);
        assertThat(accepted).as("mutants that are valid still load").isBetween(CASES / 1000, CASES / 2);
    }

    @Test
    void aHeaderOfManyMegabytesStaysWithinTheBoundToo() {
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        for (var entry : List.of("\"t%d\":0,", "\"t%d\":{\"dtype\":\"F8\",\"shape\":[-1,-1],\"x\":1},",
                "\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},")) {
            var json = IntStream.range(0, 100_000).mapToObj(entry::formatted)
                    .collect(Collectors.joining("", "{", "\"z\":0}"));
            var bytes = SafetensorsBytes.of(json, 0).bytes();
            var before = threads.getCurrentThreadAllocatedBytes();
            assertThatThrownBy(() -> SafetensorsHeader.parse("large", ByteBuffer.wrap(bytes), bytes.length))
                    .isInstanceOf(WeightsException.class);
            assertThat(threads.getCurrentThreadAllocatedBytes() - before)
                    .isLessThan((1 << 20) + BYTES_PER_HEADER_BYTE * bytes.length);
        }
    }

    /// Independent of the parser's own bookkeeping: sizes agree, and the tensors tile the data exactly.
    private static void assertFits(SafetensorsHeader header, long fileBytes) {
        assertThat(header.dataStart() + header.dataBytes()).isEqualTo(fileBytes);
        var next = 0L;
        for (var entry : header.entries().values().stream()
                .sorted(Comparator.comparingLong(SafetensorsHeader.Entry::begin).thenComparingLong(e -> e.end()))
                .toList()) {
            var bytes = entry.shape().stream().mapToDouble(Long::doubleValue)
                    .reduce(entry.type().bytes(), (a, b) -> a * b);
            assertThat((double) (entry.end() - entry.begin())).isEqualTo(bytes);
            assertThat(entry.begin()).isEqualTo(next);
            assertThat(entry.shape()).hasSizeLessThanOrEqualTo(SafetensorsHeader.HIGHEST_RANK);
            next = entry.end();
        }
        assertThat(next).isEqualTo(header.dataBytes());
    }

    private static List<byte[]> originals() throws IOException {
        var originals = new ArrayList<byte[]>();
        for (var name : List.of("schedulers/ddim-sd15/reference", "components/cogvideox-vae/reference",
                "text/t5-encoder/reference", "text/clip-text/model")) {
            originals.add(Files.readAllBytes(Golden.resource("golden/" + name + ".safetensors")));
        }
        originals.replaceAll(file -> {
            // The data does not matter to the header; a short stand-in keeps 120 000 copies cheap.
            var length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
            return file.length < 20_000 ? file : Arrays.copyOf(file, 8 + length);
        });
        originals.add(SafetensorsBytes.of("{\"a\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]}}", 12)
                .bytes());
        originals.add(SafetensorsBytes.of("{}", 0).bytes());
        return originals;
    }

    private byte[] mutate(byte[] file) {
        var length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        var json = Arrays.copyOfRange(file, 8, 8 + length);
        var data = Arrays.copyOfRange(file, 8 + length, file.length);
        return switch (random.nextInt(9)) {
            case 0 -> flip(file.clone(), 1 + random.nextInt(8));
            case 1 -> Arrays.copyOf(file, random.nextInt(file.length));
            case 2 -> Arrays.copyOf(file, file.length + 1 + random.nextInt(64));
            case 3 -> {
                var claimed = file.clone();
                ByteBuffer.wrap(claimed).order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(random.nextBoolean() ? random.nextLong() : length + random.nextInt(-9, 10));
                yield claimed;
            }
            case 4 -> new SafetensorsBytes(flip(json, 1 + random.nextInt(4)), data).bytes();
            case 5, 6 -> new SafetensorsBytes(replace(json, NUMBER, NUMBERS), data).bytes();
            case 7 -> new SafetensorsBytes(replace(json, STRING,
                    List.of("\"\"", "3", "\"__metadata__\"", "\"F64\"", "\"dtype\"",
                    "\"I8\"", "\"BOOL\"", "\"" + "x".repeat(60_000) + "\"", "\"shape\"")), data).bytes();
            default -> {
                var text = new StringBuilder(new String(json, StandardCharsets.UTF_8));
                for (var i = random.nextInt(3); i >= 0; i--) {
                    var at = random.nextInt(text.length() + 1);
                    if (random.nextBoolean()) {
                        text.insert(at, PIECES.get(random.nextInt(PIECES.size())));
                    } else {
                        text.delete(at, Math.min(text.length(), at + 1 + random.nextInt(12)));
                    }
                }
                yield new SafetensorsBytes(text.toString().getBytes(StandardCharsets.UTF_8), data).bytes();
            }
        };
    }

    private byte[] flip(byte[] bytes, int times) {
        for (var i = 0; i < times; i++) {
            bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return bytes;
    }

    private byte[] replace(byte[] json, Pattern what, List<String> by) {
        var text = new String(json, StandardCharsets.UTF_8);
        var places = what.matcher(text).results().toList();
        if (places.isEmpty()) {
            return json;
        }
        var place = places.get(random.nextInt(places.size()));
        return (text.substring(0, place.start()) + by.get(random.nextInt(by.size())) + text.substring(place.end()))
                .getBytes(StandardCharsets.UTF_8);
    }
}
