package org.zoetrope.tensor;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// The processor time of this process. Java's own answer counts in hundredths of a second; libc's `clock` in millionths.
final class ProcessorClock {
    private static final double TICKS_PER_SECOND = 1e6; // fixed by POSIX, whatever the resolution is

    private static final Optional<MethodHandle> CLOCK = Linker.nativeLinker().defaultLookup().find("clock")
            .map(address -> Linker.nativeLinker().downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_LONG)));

    private ProcessorClock() {}

    static double seconds() {
        if (CLOCK.isEmpty()) {
            return Double.NaN;
        }
        try {
            return (long) CLOCK.get().invokeExact() / TICKS_PER_SECOND;
        } catch (Throwable e) {
            throw new IllegalStateException("clock could not be called", e);
        }
    }
}
