package org.zoetrope.weights;

import java.util.Optional;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;

/// How a checkpoint is brought into memory.
///
/// @param dtype   the type floating-point tensors are converted to; empty keeps each as it is stored
/// @param device  where the tensors go; on the CPU, unconverted tensors are views of the mapped file
/// @param variant which of several releases in one folder, such as `fp16` for `model.fp16.safetensors`
/// @param renames names of this file that differ from those the model asks for
/// @param int8    whether matrices of linear layers are kept in eight bits a number, see [Matrix]
public record LoadOptions(Optional<DType> dtype, Device device, Optional<String> variant, Renames renames,
        boolean int8) {
    /// As stored, on the CPU, under the names in the file.
    public static LoadOptions asStored() {
        return new LoadOptions(Optional.empty(), Device.CPU, Optional.empty(), Renames.none(), false);
    }

    public static LoadOptions to(DType dtype, Device device) {
        return asStored().dtype(dtype).device(device);
    }

    public LoadOptions dtype(DType changed) {
        return new LoadOptions(Optional.of(changed), device, variant, renames, int8);
    }

    public LoadOptions device(Device changed) {
        return new LoadOptions(dtype, changed, variant, renames, int8);
    }

    public LoadOptions variant(String changed) {
        return new LoadOptions(dtype, device, Optional.of(changed), renames, int8);
    }

    public LoadOptions renames(Renames changed) {
        return new LoadOptions(dtype, device, variant, changed, int8);
    }

    public LoadOptions int8(boolean changed) {
        return new LoadOptions(dtype, device, variant, renames, changed);
    }
}
