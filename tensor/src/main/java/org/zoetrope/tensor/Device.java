package org.zoetrope.tensor;

import org.bytedeco.pytorch.global.torch.DeviceType;

/// Where a tensor's elements live.
///
/// @param kind  the family of device
/// @param index which one of the family; 0 for `CPU` and `META`
public record Device(Kind kind, int index) {
    /// Families of devices. `META` holds shapes without memory and is used to lay out a model before loading it.
    public enum Kind {
        CPU,
        CUDA,
        META
    }

    public static final Device CPU = new Device(Kind.CPU, 0);
    public static final Device META = new Device(Kind.META, 0);

    /// Reads `auto`, `cpu`, `cuda` or `cuda:1` as a user types them. `auto` is CUDA where libtorch finds it, else the CPU.
    ///
    /// @throws IllegalArgumentException if the name is unknown, or names a device that this machine does not have
    public static Device parse(String name) {
        var parts = name.trim().toLowerCase(java.util.Locale.ROOT).split(":", 2);
        var known = parts[0].equals("cuda") || (parts.length == 1 && (parts[0].equals("cpu") || parts[0].equals("auto")));
        if (!known || (parts.length == 2 && !parts[1].matches("\\d{1,3}"))) {
            throw new IllegalArgumentException("unknown device \"" + name + "\"; use auto, cpu, cuda or cuda:N");
        }
        var index = parts.length == 2 ? Integer.parseInt(parts[1]) : 0;
        return switch (parts[0]) {
            case "cpu" -> CPU;
            case "auto" -> Torch.cudaDevices() > 0 ? new Device(Kind.CUDA, 0) : CPU;
            default -> {
                if (index >= Torch.cudaDevices()) {
                    throw new IllegalArgumentException("device \"" + name + "\" is not available: libtorch sees "
                            + Torch.cudaDevices() + " CUDA devices (see docs/cuda.md: it takes ZOETROPE_PROFILE=cuda and a driver)");
                }
                yield new Device(Kind.CUDA, index);
            }
        };
    }

    org.bytedeco.pytorch.Device handle() {
        return switch (kind) {
            case CPU -> new org.bytedeco.pytorch.Device(DeviceType.CPU);
            case META -> new org.bytedeco.pytorch.Device(DeviceType.Meta);
            case CUDA -> new org.bytedeco.pytorch.Device(DeviceType.CUDA, (byte) index);
        };
    }

    static Device of(org.bytedeco.pytorch.Device device) {
        if (device.is_cpu()) {
            return CPU;
        }
        if (device.is_meta()) {
            return META;
        }
        return new Device(Kind.CUDA, Math.max(0, device.index()));
    }

    @Override
    public String toString() {
        return kind == Kind.CUDA ? "cuda:" + index : kind.name().toLowerCase(java.util.Locale.ROOT);
    }
}
