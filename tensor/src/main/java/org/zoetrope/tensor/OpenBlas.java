package org.zoetrope.tensor;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
import java.util.function.Supplier;

/// The library that multiplies float32 on the CPU. It divides a product among threads, and does one such product at a time: where
/// several of libtorch's threads multiply at once, they wait for each other.
final class OpenBlas {
    private static final Optional<MethodHandle> SET = NativeFunction.find("openblas_set_num_threads",
            FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));

    private static int threads = threads();
    private static int alone; // bodies that run now with one thread a product

    private OpenBlas() {}

    /// How many threads a product may use.
    static synchronized void threads(int count) {
        threads = count;
        if (alone == 0) {
            set(count);
        }
    }

    /// Runs an operation whose own threads multiply, each its part, with one thread a product. Products that other threads begin
    /// meanwhile have one as well.
    static <T> T onOneThread(Supplier<T> body) {
        enter();
        try {
            return body.get();
        } finally {
            leave();
        }
    }

    /// One thread a product until [#leave].
    static synchronized void enter() {
        if (alone++ == 0) {
            set(1);
        }
    }

    static synchronized void leave() {
        if (--alone == 0) {
            set(threads);
        }
    }

    /// How many threads a product begun now may use.
    static int threads() {
        return NativeFunction.find("openblas_get_num_threads", FunctionDescriptor.of(ValueLayout.JAVA_INT)).map(function -> {
            try {
                return (int) function.invokeExact();
            } catch (Throwable e) {
                throw new IllegalStateException("OpenBLAS did not say how many threads it has", e);
            }
        }).orElse(1);
    }

    private static void set(int count) {
        SET.ifPresent(function -> {
            try {
                function.invokeExact(count);
            } catch (Throwable e) {
                throw new IllegalStateException("OpenBLAS did not take a number of threads", e);
            }
        });
    }
}
