package org.zoetrope.weights;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.zoetrope.tensor.DType;

/// The element types of safetensors, under the names that stand in the file.
public enum StoredType {
    F64(DType.FLOAT64),
    F32(DType.FLOAT32),
    F16(DType.FLOAT16),
    BF16(DType.BFLOAT16),
    F8_E4M3(DType.FLOAT8_E4M3),
    F8_E5M2(DType.FLOAT8_E5M2),
    I64(DType.INT64),
    I32(DType.INT32),
    I16(DType.INT16),
    I8(DType.INT8),
    U8(DType.UINT8),
    BOOL(DType.BOOL);

    /// All names, for messages.
    static final String KNOWN = Arrays.stream(values()).map(Enum::name).collect(Collectors.joining(", "));
    private static final Map<String, StoredType> BY_NAME =
            Arrays.stream(values()).collect(Collectors.toUnmodifiableMap(Enum::name, t -> t));

    private final DType dtype;

    StoredType(DType dtype) {
        this.dtype = dtype;
    }

    /// The type such elements have in memory.
    public DType dtype() {
        return dtype;
    }

    /// The size of one element in bytes.
    public int bytes() {
        return dtype.bytes();
    }

    /// The type that elements of a tensor are stored as.
    public static StoredType of(DType dtype) {
        return Arrays.stream(values()).filter(t -> t.dtype == dtype).findFirst().orElseThrow();
    }

    static Optional<StoredType> named(String name) {
        return Optional.ofNullable(BY_NAME.get(name));
    }
}
