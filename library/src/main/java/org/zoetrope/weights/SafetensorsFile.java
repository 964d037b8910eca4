package org.zoetrope.weights;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SequencedSet;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// A safetensors file mapped into memory. Opening reads the header only; a tensor is a view of the mapping, so its
/// bytes are fetched when they are first used and files larger than 2 GB are no special case.
///
/// The mapping is private: changing a tensor in place changes this process's copy and never the file. It belongs to the
/// scope that was open at [#open(Path)] and, as libtorch counts references, lives until the last tensor over it is
/// freed.
public final class SafetensorsFile {
    private final Path path;
    private final SafetensorsHeader header;
    private final Tensor bytes;

    private SafetensorsFile(Path path, SafetensorsHeader header) {
        this.path = path;
        this.header = header;
        try {
            bytes = Tensor.mapFile(path, header.dataStart() + header.dataBytes());
        } catch (RuntimeException e) {
            var reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            throw new WeightsException("cannot map %s (%d bytes) into memory: %s"
                    .formatted(path, header.dataStart() + header.dataBytes(), reason), e);
        }
    }

    /// Checks the header of a file and maps it.
    ///
    /// @throws WeightsException if the file is missing or its header is wrong, with every problem
    public static SafetensorsFile open(Path path) {
        return new SafetensorsFile(path, SafetensorsHeader.read(path));
    }

    static SafetensorsFile open(Path path, SafetensorsHeader checked) {
        return new SafetensorsFile(path, checked);
    }

    public Path path() {
        return path;
    }

    /// What the file says about its tensors.
    public SafetensorsHeader header() {
        return header;
    }

    /// The names of the tensors, in the order of the header.
    public SequencedSet<String> names() {
        return header.entries().sequencedKeySet();
    }

    /// The strings of `__metadata__`.
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /// One tensor, on the CPU and in the type it is stored as. It shares the mapping's memory, except where the file
    /// placed it at an offset its elements cannot be read from; then it is a copy.
    ///
    /// @throws WeightsException if the file has no such tensor
    public Tensor tensor(String name) {
        var entry = header.entries().get(name);
        if (entry == null) {
            throw new WeightsException("no tensor \"%s\" in %s, which holds %s"
                    .formatted(name, path, Names.some(names())));
        }
        var shape = entry.shape().stream().mapToLong(Long::longValue).toArray();
        var dtype = entry.type().dtype();
        if (entry.bytes() == 0) {
            return Tensor.zeros(dtype, Device.CPU, shape);
        }
        return Scope.run(() -> {
            var start = header.dataStart() + entry.begin();
            var raw = bytes.narrow(0, start, entry.bytes());
            if (dtype == DType.BOOL) {
                return raw.to(DType.BOOL).reshape(shape); // any byte but 0 and 1 would be undefined as a truth value
            }
            var aligned = start % entry.type().bytes() == 0;
            return (aligned ? raw : raw.copy()).bitcast(dtype).reshape(shape);
        });
    }

    /// Every tensor by name, in the order of the header.
    public SequencedMap<String, Tensor> tensors() {
        var all = new LinkedHashMap<String, Tensor>();
        names().forEach(name -> all.put(name, tensor(name)));
        return all;
    }
}
