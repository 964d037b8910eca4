package org.zoetrope.tensor;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// The C library's memory, from which libtorch takes that of its tensors. An allocator that does not know the advice is left
/// alone, and so is one whose environment says what it should do.
final class Allocator {
    private static final int TRIM_THRESHOLD = -1, MMAP_THRESHOLD = -3; // M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc
    private static final int LARGEST_KEPT = 32 << 20; // the most that glibc takes; larger pieces come and go one by one
    private static final int NEVER_TRIM = 1 << 30;

    private static final Optional<MethodHandle> ADVISE = find("mallopt",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final Optional<MethodHandle> TRIM = find("malloc_trim", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));

    private Allocator() {}

    /// Keeps what tensors leave for the tensors to come. Otherwise glibc hands it back as soon as some megabytes are free, and
    /// a page that comes anew is filled with zeros first: attention can take three times as long.
    ///
    /// @return whether the allocator does so
    static boolean keepFreedMemory() {
        return !isSetByUser() && advise(MMAP_THRESHOLD, LARGEST_KEPT) && advise(TRIM_THRESHOLD, NEVER_TRIM);
    }

    /// Hands everything that is free back to the system, wherever it lies.
    static void giveBack() {
        if (TRIM.isEmpty()) {
            return;
        }
        try {
            var _ = (int) TRIM.get().invokeExact(0L);
        } catch (Throwable e) {
            throw new IllegalStateException("malloc_trim could not be called", e);
        }
    }

    private static Optional<MethodHandle> find(String name, FunctionDescriptor type) {
        return Linker.nativeLinker().defaultLookup().find(name).map(address -> Linker.nativeLinker().downcallHandle(address, type));
    }

    static boolean isSetByUser() {
        return System.getenv().keySet().stream().anyMatch(name -> name.startsWith("MALLOC_"))
                || System.getenv().getOrDefault("GLIBC_TUNABLES", "").contains("glibc.malloc.");
    }

    private static boolean advise(int what, int value) {
        if (ADVISE.isEmpty()) {
            return false;
        }
        try {
            return (int) ADVISE.get().invokeExact(what, value) == 1;
        } catch (Throwable e) {
            throw new IllegalStateException("mallopt could not be called", e);
        }
    }
}
