package org.zoetrope.tensor;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// Advice to the operating system about memory pages. Advice never changes contents, and a system that does not know it
/// is left alone.
final class Pages {
    private static final long PAGE = 4096;
    private static final int PAGE_OUT = 21; // MADV_PAGEOUT of Linux 5.4; anonymous memory without swap stays where it is

    private static final Optional<MethodHandle> ADVISE = Linker.nativeLinker().defaultLookup().find("madvise")
            .map(address -> Linker.nativeLinker().downcallHandle(address,
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT)));

    private Pages() {}

    /// Lets the whole pages inside a piece of memory leave resident memory; those of a file are read again when touched.
    static void out(MemorySegment memory) {
        var start = (memory.address() + PAGE - 1) / PAGE * PAGE;
        var end = (memory.address() + memory.byteSize()) / PAGE * PAGE;
        if (ADVISE.isEmpty() || end <= start) {
            return;
        }
        try {
            var _ = (int) ADVISE.get().invokeExact(MemorySegment.ofAddress(start), end - start, PAGE_OUT);
        } catch (Throwable e) {
            throw new IllegalStateException("madvise could not be called", e);
        }
    }
}
