package org.zoetrope.pipeline;

import java.util.Locale;
import java.util.function.Supplier;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;

/// The number type that networks run in, and what decided it.
///
/// @param why in the words that follow the name of the type, such as `its weights take less than 2 GiB`
public record NumberType(DType dtype, String why) {
    private static final long SMALL = 2L << 30; // weights below this run in float32 on the CPU
    private static final double SHARE_OF_MEMORY = 0.7; // of main memory, for weights
    private static final double SHARE_OF_ATTENTION = 0.5; // of a network's operations; 0.1 to 0.6 between short and long clips

    /// Somebody asked for this one.
    static NumberType asked(DType dtype) {
        return new NumberType(dtype, "as asked");
    }

    /// For a model whose user has no wish. Speeds are measured only where nothing else decides.
    ///
    /// @param parameters of all components
    /// @param largest    parameters of the largest component
    static NumberType choose(long parameters, long largest, Device device, Machine machine,
            Supplier<Speeds> measured) {
        if (device.kind() == Device.Kind.CUDA) {
            return new NumberType(DType.BFLOAT16, "fastest on such devices");
        }
        if (parameters * DType.FLOAT32.bytes() < SMALL) {
            return new NumberType(DType.FLOAT32, "a small model");
        }
        if (machine.bfloat16Units()) {
            return new NumberType(DType.BFLOAT16, "the processor has units for it");
        }
        if (largest * DType.FLOAT32.bytes() >= SHARE_OF_MEMORY * machine.memoryBytes()) {
            return new NumberType(DType.BFLOAT16, "float32 does not fit into memory");
        }
        var speeds = measured.get();
        return faster(secondsPerFlop(speeds, DType.FLOAT32), secondsPerFlop(speeds, DType.BFLOAT16));
    }

    /// For a model too large for [#SMALL] that fits into memory in either type, on this machine.
    public static NumberType ofLargeModels(Device device) {
        return choose(SMALL, 0, device, Machine.here(), Speeds::here);
    }

    private static double secondsPerFlop(Speeds speeds, DType dtype) {
        return (1 - SHARE_OF_ATTENTION) / speeds.of(Speeds.Kind.LAYERS, dtype, Device.CPU, Speeds.LARGE)
                + SHARE_OF_ATTENTION / speeds.of(Speeds.Kind.ATTENTION, dtype, Device.CPU, Speeds.LARGE);
    }

    /// The type in which the same work takes less time; float32, which is more exact, where they are even.
    static NumberType faster(double float32Seconds, double bfloat16Seconds) {
        var isFloat32 = float32Seconds <= bfloat16Seconds;
        var ratio = isFloat32 ? bfloat16Seconds / float32Seconds : float32Seconds / bfloat16Seconds;
        return new NumberType(isFloat32 ? DType.FLOAT32 : DType.BFLOAT16, String.format(Locale.ROOT,
                "measured on this processor: %.1f times as fast as %s", ratio, isFloat32 ? "bfloat16" : "float32"));
    }

    /// Such as `float32 (a small model)`.
    @Override
    public String toString() {
        return "%s (%s)".formatted(dtype.name().toLowerCase(Locale.ROOT), why);
    }
}
