package org.zoetrope.tensor;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;

/// The library of kernels inside libtorch, asked by way of tensors in its own layouts, where it is faster than libtorch.
final class OneDnn {
    // int64_t at::native::data_ptr_from_mkldnn(const at::Tensor&)
    private static final Optional<MethodHandle> DATA = NativeFunction.find("_ZN2at6native20data_ptr_from_mkldnnERKNS_6TensorE",
            FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));

    private static final boolean COMPUTES_BFLOAT16 = DATA.isPresent() && torch.hasMKLDNN() && isAvx512();

    private OneDnn() {}

    /// Whether it has kernels for such numbers on this processor, and not only loops.
    static boolean computes(DType dtype) {
        return dtype == DType.BFLOAT16 && COMPUTES_BFLOAT16;
    }

    private static boolean isAvx512() {
        try (var capability = torch.get_cpu_capability()) {
            return capability.getString().equals("AVX512");
        }
    }

    /// A matrix of zeros on the CPU that only oneDNN's functions take. [#numbers] are what it holds.
    static Tensor matrix(DType dtype, long rows, long columns) {
        return Scope.run(() -> Tensor.own(Tensor.zeros(dtype, Device.CPU, rows, columns).handle().to_mkldnn()));
    }

    /// The numbers of a matrix of oneDNN's, to be read and written where they lie, as long as the matrix is there.
    static Tensor numbers(Tensor matrix) {
        try (var options = Tensor.options(matrix.dtype(), Device.CPU)) {
            var address = (long) DATA.orElseThrow().invokeExact(MemorySegment.ofAddress(matrix.handle().address()));
            return Tensor.own(torch.from_blob(new Place(address), matrix.shape(), options));
        } catch (Throwable e) {
            throw new IllegalStateException("oneDNN did not say where a matrix lies", e);
        }
    }

    private static final class Place extends Pointer {
        Place(long address) {
            this.address = address;
        }
    }
}
