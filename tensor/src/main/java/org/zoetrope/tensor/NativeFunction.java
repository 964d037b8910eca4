package org.zoetrope.tensor;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// Functions of libtorch, and of the libraries that came with it, that the binding does not name.
final class NativeFunction {
    private NativeFunction() {}

    /// The function of this name, if this build of the libraries has it.
    static Optional<MethodHandle> find(String name, FunctionDescriptor type) {
        Torch.load();
        return SymbolLookup.loaderLookup().find(name).map(address -> Linker.nativeLinker().downcallHandle(address, type));
    }
}
