package org.zoetrope.pipeline;

import java.util.Optional;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;

/// How a model is brought into memory and run. What is left open is decided by the size of the model and the machine.
///
/// @param dtype     number type of the networks; by default float32 on the CPU for models whose weights take less than
///                  2 GiB in it, otherwise bfloat16; on processors without units for it the faster of the two, measured
///                  once ([Speeds]), as long as float32 fits into memory
/// @param device    where the networks run
/// @param residency when components are in memory
/// @param tiling    whether the autoencoder cuts pictures
/// @param branches  how the prompted and the unprompted prediction of a step are computed
/// @param matrices  how the matrices of the transformer and the text encoder are kept
/// @param variant   which of several releases in one folder, such as `fp16`
/// @param name      what recipes call the model, if not by its folder
public record OpenOptions(Optional<DType> dtype, Device device, Residency residency, Tiling tiling, Branches branches,
        Matrices matrices, Optional<String> variant, Optional<String> name) {
    /// When components are in memory.
    public enum Residency {
        /// All the time if the weights are small, one at a time otherwise.
        AUTO,
        /// From opening to closing.
        TOGETHER,
        /// Each while it is used: the text encoder is freed before the first step, the transformer before decoding.
        ONE_AT_A_TIME
    }

    /// Whether the autoencoder cuts pictures into overlapping tiles.
    public enum Tiling {
        /// Where one chunk of whole pictures would take more than 2 GiB.
        AUTO,
        /// Wherever pictures are larger than a published tile. Tiles differ from whole pictures in the second digit.
        ALWAYS,
        NEVER
    }

    /// How the two predictions of classifier-free guidance are computed. The results agree to rounding.
    public enum Branches {
        /// Where the activations are small, at the same time: side by side if there is a thread for each and no more, else
        /// together. Apart otherwise, and together where a run remembers what it may take over.
        AUTO,
        /// As one batch of two, which uses the machine better.
        TOGETHER,
        /// At the same time, each on a thread of its own: better still where there are two. In runs that remember what they
        /// may take over, and on other devices than the CPU, as [#TOGETHER].
        SIDE_BY_SIDE,
        /// One after the other, in half the memory.
        APART
    }

    /// How matrices of linear layers are kept. Norms, embeddings, biases and the layers that read the timestep stay as numbers.
    public enum Matrices {
        /// In the number type of the networks.
        AS_NUMBERS,
        /// In eight bits a number with a scale for each row, rounded when they are read from the folder and turned into
        /// numbers layer by layer: half the memory of bfloat16 for a little more time, and results that differ a little.
        INT8
    }

    /// Everything decided by the model and the machine, on the CPU.
    public static OpenOptions defaults() {
        return new OpenOptions(Optional.empty(), Device.CPU, Residency.AUTO, Tiling.AUTO, Branches.AUTO,
                Matrices.AS_NUMBERS, Optional.empty(), Optional.empty());
    }

    public OpenOptions dtype(DType type) {
        return new OpenOptions(Optional.of(type), device, residency, tiling, branches, matrices, variant, name);
    }

    public OpenOptions device(Device where) {
        return new OpenOptions(dtype, where, residency, tiling, branches, matrices, variant, name);
    }

    public OpenOptions residency(Residency when) {
        return new OpenOptions(dtype, device, when, tiling, branches, matrices, variant, name);
    }

    public OpenOptions tiling(Tiling whether) {
        return new OpenOptions(dtype, device, residency, whether, branches, matrices, variant, name);
    }

    public OpenOptions branches(Branches how) {
        return new OpenOptions(dtype, device, residency, tiling, how, matrices, variant, name);
    }

    public OpenOptions matrices(Matrices kept) {
        return new OpenOptions(dtype, device, residency, tiling, branches, kept, variant, name);
    }

    public OpenOptions variant(String release) {
        return new OpenOptions(dtype, device, residency, tiling, branches, matrices, Optional.of(release), name);
    }

    public OpenOptions name(String model) {
        return new OpenOptions(dtype, device, residency, tiling, branches, matrices, variant, Optional.of(model));
    }
}
