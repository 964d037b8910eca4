package org.zoetrope.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The C library's memory, from which libtorch takes that of its tensors. An allocator that does not know the advice is left
/// alone, and so is one whose environment says what it should do.
final class Allocator {
    private static final int TRIM_THRESHOLD = -1, MMAP_THRESHOLD = -3; // M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc
    private static final int LARGEST_KEPT = 32 << 20; // the most that glibc takes; larger pieces come and go one by one
    private static final int NEVER_TRIM = 1 << 30;

    private static final Optional<MethodHandle> ADVISE = find("mallopt",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final Optional<MethodHandle> TRIM = find("malloc_trim", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));

    private static final String HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"; // of libtorch
    private static final Path KERNEL = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

    private static final Optional<MethodHandle> SET_VARIABLE = find("setenv", FunctionDescriptor.of(ValueLayout.JAVA_INT,
            ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));

    private Allocator() {}

    /// Lets libtorch ask for huge pages for tensors of two megabytes and more, unless the environment says whether it should. It reads
    /// its variable when it makes its first tensor. Tensors above [#LARGEST_KEPT] have new pages each time, whose zeros can cost
    /// more than what is computed: with pages of four kilobytes a decoder takes more than twice as long.
    static void takeHugePages() {
        if (SET_VARIABLE.isEmpty()) {
            return;
        }
        try (var arena = Arena.ofConfined()) {
            var _ = (int) SET_VARIABLE.get().invokeExact(arena.allocateFrom(HUGE_PAGES), arena.allocateFrom("1"), 0);
        } catch (Throwable e) {
            throw new IllegalStateException("setenv could not be called", e);
        }
    }

    static Optional<String> whySmallPages() {
        try {
            return whySmallPages(System.getenv(HUGE_PAGES), Files.exists(KERNEL) ? Files.readString(KERNEL) : "");
        } catch (IOException _) {
            return Optional.empty(); // a system that does not say it
        }
    }

    /// @param variable what the user says, or absent
    /// @param kernel   what the kernel's file says, such as `always [madvise] never`
    static Optional<String> whySmallPages(@Nullable String variable, String kernel) {
        return variable != null && !variable.equals("1") ? Optional.of("%s is \"%s\"".formatted(HUGE_PAGES, variable))
                : kernel.contains("[never]") ? Optional.of(KERNEL + " says never")
                : Optional.empty();
    }

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
