package org.zoetrope.tensor;

import org.bytedeco.pytorch.global.torch;

/// The library of kernels inside libtorch, asked by way of tensors in its own layouts, where it is faster than libtorch.
final class OneDnn {
    private static final boolean COMPUTES_BFLOAT16 = torch.hasMKLDNN() && isAvx512();

    private OneDnn() {}

    /// Whether it has kernels for such numbers on this processor, and not only loops.
    static boolean computes(Tensor x) {
        return x.dtype() == DType.BFLOAT16 && COMPUTES_BFLOAT16;
    }

    private static boolean isAvx512() {
        try (var capability = torch.get_cpu_capability()) {
            return capability.getString().equals("AVX512");
        }
    }

    /// The softmax of each row of a matrix on the CPU; its exponentials, sums and largest values are float32. Gradients do not
    /// flow through it.
    static Tensor softmax(Tensor scores) {
        org.bytedeco.pytorch.Tensor shares;
        try (var given = scores.handle().to_mkldnn()) {
            shares = given.softmax(-1);
        }
        try (shares) { // the memory of what was given is free for the result
            return Tensor.own(shares.to_dense());
        }
    }
}
