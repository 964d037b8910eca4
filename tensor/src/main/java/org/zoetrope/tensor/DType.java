package org.zoetrope.tensor;

import org.bytedeco.pytorch.global.torch.ScalarType;

/// Element types a tensor can hold. The floating types of eight bits are storage formats: convert before computing.
public enum DType {
    FLOAT64(ScalarType.Double, 8, true),
    FLOAT32(ScalarType.Float, 4, true),
    FLOAT16(ScalarType.Half, 2, true),
    BFLOAT16(ScalarType.BFloat16, 2, true),
    FLOAT8_E4M3(ScalarType.Float8_e4m3fn, 1, true),
    FLOAT8_E5M2(ScalarType.Float8_e5m2, 1, true),
    INT64(ScalarType.Long, 8, false),
    INT32(ScalarType.Int, 4, false),
    INT16(ScalarType.Short, 2, false),
    INT8(ScalarType.Char, 1, false),
    UINT8(ScalarType.Byte, 1, false),
    BOOL(ScalarType.Bool, 1, false);

    final ScalarType scalar;
    private final int bytes;
    private final boolean floating;

    DType(ScalarType scalar, int bytes, boolean floating) {
        this.scalar = scalar;
        this.bytes = bytes;
        this.floating = floating;
    }

    /// The size of one element in bytes.
    public int bytes() {
        return bytes;
    }

    /// Whether elements are real numbers rather than integers or truth values.
    public boolean isFloating() {
        return floating;
    }

    static DType of(ScalarType scalar) {
        var interned = scalar.intern();
        for (var type : values()) {
            if (type.scalar == interned) {
                return type;
            }
        }
        throw new IllegalArgumentException("libtorch element type " + scalar + " has no DType");
    }
}
