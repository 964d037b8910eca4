package org.zoetrope.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Writes tensors as safetensors, laid out as the reference implementation does: largest elements first, so that each
/// tensor is aligned, then by name; the header padded with spaces to eight bytes. Types are kept as they are. A file is
/// replaced at once or not at all, and is on the disk when the call returns.
public final class SafetensorsWriter {
    private static final int ALIGNMENT = 8;
    private static final long PIECE = 1 << 30; // a Java buffer ends at 2 GB

    private SafetensorsWriter() {}

    /// Writes tensors without metadata, as [#write(Path, Map, Map)].
    public static void write(Path file, Map<String, Tensor> tensors) {
        write(file, tensors, Map.of());
    }

    /// Writes all tensors into one file.
    ///
    /// @param metadata strings kept in the header, such as `format` = `pt`
    /// @throws WeightsException if a tensor has no memory, or the file cannot be written
    public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) {
        refusePlaceholders(file, tensors);
        var ordered = ordered(tensors);
        try {
            AtomicFile.write(file, channel -> {
                put(channel, header(ordered, metadata));
                for (var tensor : ordered.values()) {
                    putElements(channel, tensor);
                }
            });
        } catch (IOException e) {
            throw new WeightsException("cannot write %s: %s".formatted(file, e), e);
        }
    }

    /// Writes tensors into a folder, as one file or, where they are larger than a shard may be, as several and an
    /// index. Shards are filled in the order of the map; the index comes last, so a reader finds all of them or none.
    ///
    /// @param base      the first part of the names, such as `diffusion_pytorch_model`
    /// @param shardBytes the most data in one shard; a single larger tensor gets a shard of its own
    /// @throws WeightsException if the folder already holds these weights in the other layout, or cannot be written
    public static void writeShards(
            Path folder, String base, Map<String, Tensor> tensors, Map<String, String> metadata, long shardBytes) {
        var single = folder.resolve(base + ".safetensors");
        var index = folder.resolve(base + ".safetensors.index.json");
        var shards = shards(tensors, shardBytes);
        var other = shards.size() == 1 ? index : single;
        if (Files.exists(other)) {
            throw new WeightsException("""
                    %s is in the way: next to it, the new weights would be ambiguous
                      fix       remove it first, or write into an empty folder""".formatted(other));
        }
        if (shards.size() == 1) {
            write(single, tensors, metadata);
            return;
        }
        var weightMap = Json.object();
        for (var i = 0; i < shards.size(); i++) {
            var name = "%s-%05d-of-%05d.safetensors".formatted(base, i + 1, shards.size());
            write(folder.resolve(name), shards.get(i), metadata);
            shards.get(i).keySet().forEach(tensor -> weightMap.put(tensor, name));
        }
        var json = Json.object();
        var total = tensors.values().stream().mapToLong(SafetensorsWriter::bytes).sum();
        json.putObject("metadata").put("total_size", total);
        json.set("weight_map", weightMap);
        try {
            AtomicFile.write(index, channel -> put(channel, StandardCharsets.UTF_8.encode(Json.print(json))));
        } catch (IOException e) {
            throw new WeightsException("cannot write %s: %s".formatted(index, e), e);
        }
    }

    private static List<Map<String, Tensor>> shards(Map<String, Tensor> tensors, long shardBytes) {
        var shards = new ArrayList<Map<String, Tensor>>(List.of(new LinkedHashMap<>()));
        var filled = 0L;
        for (var entry : tensors.entrySet()) {
            if (filled > 0 && filled + bytes(entry.getValue()) > shardBytes) {
                shards.add(new LinkedHashMap<>());
                filled = 0;
            }
            shards.getLast().put(entry.getKey(), entry.getValue());
            filled += bytes(entry.getValue());
        }
        return shards;
    }

    private static void refusePlaceholders(Path file, Map<String, Tensor> tensors) {
        var problems = new ArrayList<String>();
        tensors.forEach((name, tensor) -> {
            if (name.equals("__metadata__")) {
                problems.add("a tensor cannot be called __metadata__");
            }
            if (tensor.isClosed() || tensor.isMeta()) {
                problems.add("tensor \"%s\" has no memory to write: %s".formatted(name, tensor));
            }
        });
        if (!problems.isEmpty()) {
            throw new WeightsException("cannot write " + file, problems);
        }
    }

    private static SequencedMap<String, Tensor> ordered(Map<String, Tensor> tensors) {
        var ordered = new LinkedHashMap<String, Tensor>();
        tensors.entrySet().stream()
                .sorted(Comparator.comparingInt((Map.Entry<String, Tensor> e) -> -e.getValue().dtype().bytes())
                        .thenComparing(e -> e.getValue().dtype()).thenComparing(Map.Entry::getKey))
                .forEach(e -> ordered.put(e.getKey(), e.getValue()));
        return ordered;
    }

    private static ByteBuffer header(SequencedMap<String, Tensor> tensors, Map<String, String> metadata) {
        var json = Json.object();
        if (!metadata.isEmpty()) {
            var strings = json.putObject("__metadata__");
            new TreeMap<>(metadata).forEach(strings::put);
        }
        var begin = 0L;
        for (var entry : tensors.entrySet()) {
            var tensor = entry.getValue();
            var about = json.putObject(entry.getKey()).put("dtype", StoredType.of(tensor.dtype()).name());
            Arrays.stream(tensor.shape()).forEach(about.putArray("shape")::add);
            about.putArray("data_offsets").add(begin).add(begin += bytes(tensor));
        }
        var text = json.toString().getBytes(StandardCharsets.UTF_8);
        var padded = (text.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        var header = ByteBuffer.allocate(ALIGNMENT + padded).order(ByteOrder.LITTLE_ENDIAN).putLong(padded).put(text);
        while (header.hasRemaining()) {
            header.put((byte) ' ');
        }
        return header.flip();
    }

    private static long bytes(Tensor tensor) {
        return tensor.count() * tensor.dtype().bytes();
    }

    private static void putElements(FileChannel channel, Tensor tensor) throws IOException {
        if (tensor.count() == 0) {
            return;
        }
        try (var _ = Scope.open()) {
            var memory = tensor.to(Device.CPU).contiguous().memory();
            for (var at = 0L; at < memory.byteSize(); at += PIECE) {
                put(channel, memory.asSlice(at, Math.min(PIECE, memory.byteSize() - at)).asByteBuffer());
            }
        }
    }

    private static void put(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}
