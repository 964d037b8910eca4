package org.zoetrope.weights;

import static com.fasterxml.jackson.core.JsonToken.END_ARRAY;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonParser.NumberType;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The table of contents of a safetensors file: eight bytes of little-endian length, then strict JSON that maps a name
/// to `dtype`, `shape` and `data_offsets`, then the data. Nothing in it is believed before it has been checked against
/// the size of the file; everything found wrong is reported together.
///
/// Memory: parsing allocates at most a fixed amount plus a small multiple of the header's own length
/// (`SafetensorsHeaderFuzzTest` holds it to that), whatever sizes the header claims.
///
/// @param entries   tensors by name, in the order of the header
/// @param metadata  the strings of `__metadata__`
/// @param dataStart where the data begins, in bytes from the start of the file
/// @param dataBytes how many bytes of data follow
public record SafetensorsHeader(
        SequencedMap<String, Entry> entries, Map<String, String> metadata, long dataStart, long dataBytes) {
    /// The longest header that is read, as in the reference implementation.
    public static final long LONGEST = 100_000_000;
    /// The largest number of dimensions of a tensor.
    public static final int HIGHEST_RANK = 32;

    private static final int LENGTH_BYTES = 8;
    private static final int PROBLEMS_KEPT = 100;
    private static final int QUOTED = 120; // characters of a foreign text that we repeat in a message
    private static final JsonFactory JSON = JsonFactory.builder()
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES) // foreign names must not fill a shared symbol table
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(8) // the format needs 3
                    .maxNumberLength(40)
                    .build())
            .build();

    /// One tensor of the file.
    ///
    /// @param type  how its elements are stored
    /// @param shape its dimensions, outermost first
    /// @param begin first byte, from the start of the data
    /// @param end   first byte after it
    public record Entry(StoredType type, List<Long> shape, long begin, long end) {
        /// The size of the tensor in bytes.
        public long bytes() {
            return end - begin;
        }
    }

    public SafetensorsHeader {
        entries = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(entries));
        metadata = Map.copyOf(metadata);
    }

    /// Reads and checks the header of a file; its data is not touched.
    ///
    /// @throws WeightsException if the file cannot be read or its header is wrong, with every problem
    public static SafetensorsHeader read(Path file) {
        try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
            var fileBytes = channel.size();
            var prefix = ByteBuffer.allocate((int) Math.min(LENGTH_BYTES, fileBytes));
            fill(channel, prefix, 0);
            var header = ByteBuffer.allocate(headerLength(file.toString(), prefix.flip(), fileBytes));
            fill(channel, header, LENGTH_BYTES);
            return parseJson(file.toString(), header.array(), fileBytes);
        } catch (NoSuchFileException e) {
            throw new WeightsException("no file " + file, e);
        } catch (IOException e) {
            throw new WeightsException("cannot read %s: %s".formatted(file, e), e);
        }
    }

    /// Checks a header that is already in memory.
    ///
    /// @param file      the name for messages
    /// @param start     the first bytes of the file, from its first byte to the end of the header at least
    /// @param fileBytes the size of the whole file
    /// @throws WeightsException if the header is wrong, with every problem
    public static SafetensorsHeader parse(String file, ByteBuffer start, long fileBytes) {
        var length = headerLength(file, start, fileBytes);
        if (start.remaining() - LENGTH_BYTES < length) {
            throw new WeightsException("%s: the header says it is %d bytes long, %d are there"
                    .formatted(file, length, start.remaining() - LENGTH_BYTES));
        }
        var json = new byte[length];
        start.get(start.position() + LENGTH_BYTES, json);
        return parseJson(file, json, fileBytes);
    }

    private static int headerLength(String file, ByteBuffer prefix, long fileBytes) {
        if (prefix.remaining() < LENGTH_BYTES || fileBytes < LENGTH_BYTES) {
            throw new WeightsException(
                    "%s has %d bytes, too few for a safetensors file (truncated?)".formatted(file, fileBytes));
        }
        var length = prefix.duplicate().order(ByteOrder.LITTLE_ENDIAN).getLong(prefix.position());
        if (length < 2 || length > LONGEST) {
            throw new WeightsException("%s is not a safetensors file: its header length is %s, allowed are 2 to %d"
                    .formatted(file, Long.toUnsignedString(length), LONGEST));
        }
        if (length > fileBytes - LENGTH_BYTES) {
            throw new WeightsException(
                    "%s is truncated: the header alone is %d bytes long, the file has %d bytes; fetch it again"
                            .formatted(file, length, fileBytes));
        }
        return (int) length;
    }

    private static SafetensorsHeader parseJson(String file, byte[] json, long fileBytes) {
        if (json[0] != '{' || json[1] == 0) { // a zero would make the JSON reader guess UTF-16
            throw new WeightsException(
                    "%s is not a safetensors file: its header does not start with {".formatted(file));
        }
        var dataStart = LENGTH_BYTES + (long) json.length;
        var reader = new Reader(fileBytes - dataStart);
        try (var parser = JSON.createParser(json)) {
            parser.nextToken();
            reader.readHeader(parser);
        } catch (JsonProcessingException e) {
            var place = Optional.ofNullable(e.getLocation()).map(l -> " at byte " + l.getByteOffset()).orElse("");
            reader.problem("the header is not valid JSON%s: %s", place, e.getOriginalMessage());
        } catch (IOException e) {
            reader.problem("the header is not valid JSON: %s", String.valueOf(e.getMessage()));
        }
        if (reader.problems.isEmpty()) {
            reader.checkLayout();
        }
        if (!reader.problems.isEmpty()) {
            if (reader.unlisted > 0) {
                reader.problems.add("and %d more".formatted(reader.unlisted));
            }
            throw new WeightsException(file, reader.problems);
        }
        return new SafetensorsHeader(reader.entries, reader.metadata, dataStart, reader.dataBytes);
    }

    private static void fill(FileChannel channel, ByteBuffer buffer, long position) throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, position + buffer.position()) < 0) {
                throw new IOException("the file ends at byte " + (position + buffer.position()));
            }
        }
    }

    private static String quoted(String foreign) {
        var plain = new StringBuilder();
        foreign.codePoints().limit(QUOTED).forEach(c -> {
            if (Character.isISOControl(c)) {
                plain.append("\\u%04x".formatted(c));
            } else {
                plain.appendCodePoint(c);
            }
        });
        return foreign.length() > QUOTED ? plain + "..." : plain.toString();
    }

    /// Walks the JSON once, token by token, so that no tree of foreign values is ever built.
    private static final class Reader {
        private final long dataBytes;
        private final LinkedHashMap<String, Entry> entries = new LinkedHashMap<>();
        private final Map<String, String> metadata = new LinkedHashMap<>();
        private final List<String> problems = new ArrayList<>();
        private final long[] numbers = new long[HIGHEST_RANK]; // of the list being read
        private boolean metadataSeen;
        private int unlisted;

        Reader(long dataBytes) {
            this.dataBytes = dataBytes;
        }

        /// Keeps the first problems and counts the others, whose text is never made: a header of many megabytes could
        /// hold millions of them. Texts from the file are quoted, cut to a length that can be read.
        void problem(String format, Object... values) {
            if (problems.size() < PROBLEMS_KEPT) {
                problems.add(format.formatted(
                        Arrays.stream(values).map(v -> v instanceof String s ? quoted(s) : v).toArray()));
            } else {
                unlisted++;
            }
        }

        int found() {
            return problems.size() + unlisted;
        }

        void readHeader(JsonParser json) throws IOException {
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                var name = json.currentName();
                json.nextToken();
                if (name.equals("__metadata__")) {
                    readMetadata(json);
                } else {
                    readEntry(json, name);
                }
            }
            if (json.nextToken() != null) {
                problem("something follows the header's closing brace");
            }
        }

        private void readMetadata(JsonParser json) throws IOException {
            if (metadataSeen) {
                problem("__metadata__ appears twice");
            }
            metadataSeen = true;
            if (json.currentToken() != JsonToken.START_OBJECT) {
                problem("__metadata__ is not an object of strings");
                json.skipChildren();
                return;
            }
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                var key = json.currentName();
                if (json.nextToken() != JsonToken.VALUE_STRING) {
                    problem("__metadata__ \"%s\" is not a string", key);
                    json.skipChildren();
                } else if (metadata.put(key, json.getText()) != null) {
                    problem("__metadata__ \"%s\" appears twice", key);
                }
            }
        }

        private void readEntry(JsonParser json, String name) throws IOException {
            var known = found();
            if (json.currentToken() != JsonToken.START_OBJECT) {
                entryProblem(name, "is not an object");
                json.skipChildren();
                return;
            }
            Optional<StoredType> type = Optional.empty();
            Optional<long[]> shape = Optional.empty();
            Optional<long[]> offsets = Optional.empty();
            boolean typeSeen = false, shapeSeen = false, offsetsSeen = false;
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                var key = json.currentName();
                json.nextToken();
                var again = switch (key) {
                    case "dtype" -> typeSeen;
                    case "shape" -> shapeSeen;
                    case "data_offsets" -> offsetsSeen;
                    default -> false;
                };
                if (again) {
                    entryProblem(name, "says %s twice", key);
                }
                switch (key) {
                    case "dtype" -> {
                        typeSeen = true;
                        type = readType(json, name);
                    }
                    case "shape" -> {
                        shapeSeen = true;
                        shape = readNumbers(json, name, "shape", HIGHEST_RANK);
                    }
                    case "data_offsets" -> {
                        offsetsSeen = true;
                        offsets = readNumbers(json, name, "data_offsets", 2);
                    }
                    default -> {
                        entryProblem(name, "has the unknown key \"%s\"", key);
                        json.skipChildren();
                    }
                }
            }
            var seen = List.of(typeSeen, shapeSeen, offsetsSeen);
            if (seen.contains(false)) {
                entryProblem(name, "lacks " + Stream.of(typeSeen ? "" : "dtype", shapeSeen ? "" : "shape",
                        offsetsSeen ? "" : "data_offsets").filter(s -> !s.isEmpty()).collect(Collectors.joining(", ")));
            }
            if (found() == known && type.isPresent() && shape.isPresent() && offsets.isPresent()) {
                checkEntry(name, type.get(), shape.get(), offsets.get());
            }
        }

        private void entryProblem(String name, String format, Object... values) {
            if (problems.size() < PROBLEMS_KEPT) {
                problem("tensor \"%s\" " + format, Stream.concat(Stream.of(name), Arrays.stream(values)).toArray());
            } else {
                unlisted++;
            }
        }

        private Optional<StoredType> readType(JsonParser json, String name) throws IOException {
            if (json.currentToken() != JsonToken.VALUE_STRING) {
                entryProblem(name, "has a dtype that is not a string");
                json.skipChildren();
                return Optional.empty();
            }
            var type = StoredType.named(json.getText());
            if (type.isEmpty()) {
                entryProblem(name, "has the unknown dtype \"%s\"; known are %s",
                        json.getText(), StoredType.KNOWN);
            }
            return type;
        }

        private Optional<long[]> readNumbers(JsonParser json, String name, String key, int most) throws IOException {
            if (json.currentToken() != JsonToken.START_ARRAY) {
                entryProblem(name, "has a %s that is not a list", key);
                json.skipChildren();
                return Optional.empty();
            }
            var count = 0;
            var fine = true;
            for (var token = json.nextToken(); token != END_ARRAY && token != null; token = json.nextToken()) {
                var isLong = token == JsonToken.VALUE_NUMBER_INT && json.getNumberType() != NumberType.BIG_INTEGER;
                if (!isLong || json.getLongValue() < 0) {
                    if (fine) {
                        entryProblem(name, "has %s in %s, expected whole numbers from 0",
                                token.isScalarValue() ? json.getText() : "a nested value", key);
                    }
                    fine = false;
                    json.skipChildren();
                } else if (count < most) {
                    numbers[count] = json.getLongValue();
                }
                count = Math.min(count + 1, Integer.MAX_VALUE - 1);
            }
            if (count > most) {
                entryProblem(name, "has %d numbers in %s, at most %d make sense", count, key, most);
                return Optional.empty();
            }
            return fine ? Optional.of(Arrays.copyOf(numbers, count)) : Optional.empty();
        }

        private void checkEntry(String name, StoredType type, long[] shape, long[] offsets) {
            var known = found();
            if (offsets.length != 2) {
                entryProblem(name, "has %d data_offsets, expected begin and end", offsets.length);
                return;
            }
            long begin = offsets[0], end = offsets[1];
            if (begin > end) {
                entryProblem(name, "begins at %d and ends before that, at %d", begin, end);
            } else if (end > dataBytes) {
                entryProblem(name, "ends at byte %d of %d: the file is truncated or its header wrong",
                        end, dataBytes);
            }
            var wanted = bytes(type, shape);
            if (wanted.isEmpty()) {
                entryProblem(name, "has the impossible shape %s: more bytes than 2^63", Arrays.toString(shape));
            } else if (begin <= end && wanted.get() != end - begin) {
                entryProblem(name, "of %s %s needs %d bytes, its offsets %d to %d hold %d",
                        type, Arrays.toString(shape), wanted.get(), begin, end, end - begin);
            }
            var entry = new Entry(type, Arrays.stream(shape).boxed().toList(), begin, end);
            if (found() == known && entries.put(name, entry) != null) {
                entryProblem(name, "appears twice");
            }
        }

        /// The size of the tensor, or nothing where it would not fit a long. A zero among huge dimensions still counts
        /// as impossible when the others overflow: no real tensor has such strides.
        private static Optional<Long> bytes(StoredType type, long[] shape) {
            try {
                long product = type.bytes();
                var empty = false;
                for (var size : shape) {
                    empty |= size == 0;
                    product = Math.multiplyExact(product, Math.max(size, 1));
                }
                return Optional.of(empty ? 0 : product);
            } catch (ArithmeticException _) {
                return Optional.empty();
            }
        }

        /// The data must be covered without overlap, hole or remainder, so that no byte of a file goes unexplained.
        void checkLayout() {
            var byPlace = new ArrayList<>(entries.entrySet());
            byPlace.sort(Comparator.comparingLong((Map.Entry<String, Entry> e) -> e.getValue().begin())
                    .thenComparingLong(e -> e.getValue().end()));
            long covered = 0;
            var last = "";
            for (var e : byPlace) {
                var entry = e.getValue();
                if (entry.begin() < covered) {
                    entryProblem(e.getKey(), "overlaps \"%s\" by %d bytes at byte %d",
                            last, Math.min(covered, entry.end()) - entry.begin(), entry.begin());
                } else if (entry.begin() > covered) {
                    problem("bytes %d to %d before tensor \"%s\" belong to no tensor",
                            covered, entry.begin(), e.getKey());
                }
                if (entry.end() >= covered) {
                    covered = entry.end();
                    last = e.getKey();
                }
            }
            if (covered < dataBytes) {
                problem("the last %d bytes of the file belong to no tensor", dataBytes - covered);
            }
        }
    }
}
