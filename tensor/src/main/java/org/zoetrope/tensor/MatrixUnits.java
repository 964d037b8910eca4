package org.zoetrope.tensor;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/// What libtorch's fused kernels on the CPU can do with the processor's units for matrices. They ask themselves before they
/// compute, so we ask with the same function; without the units they are scalar loops.
final class MatrixUnits {
    /// `at::native::cpublas::could_pack(c10::ScalarType)`, which no header of the binding names.
    private static final String COULD_PACK = "_ZN2at6native7cpublas10could_packEN3c1010ScalarTypeE";

    private static final Optional<Boolean> BFLOAT16 = couldPack(DType.BFLOAT16);

    private MatrixUnits() {}

    /// Whether fused attention multiplies bfloat16 in these units.
    static boolean takeBfloat16() {
        return BFLOAT16.orElse(false);
    }

    /// Whether libtorch could be asked.
    static boolean areKnown() {
        return BFLOAT16.isPresent();
    }

    private static Optional<Boolean> couldPack(DType dtype) {
        return NativeFunction.find(COULD_PACK, FunctionDescriptor.of(ValueLayout.JAVA_BOOLEAN, ValueLayout.JAVA_BYTE)).map(ask -> {
            try {
                return (boolean) ask.invokeExact(dtype.scalar.value);
            } catch (Throwable e) {
                throw new IllegalStateException("libtorch could not be asked for units for matrices", e);
            }
        });
    }
}
