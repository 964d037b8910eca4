package org.zoetrope.tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.global.torch;

/// The native library as a whole: start, threads, autograd mode, mixed precision, memory.
public final class Torch {
    private Torch() {}

    /// Loads the native library. Every entry point of this package does so by itself; calling it early moves the wait.
    public static void load() {
        Native.load();
    }

    /// Its static initialiser runs once, however many threads come first.
    private static final class Native {
        static {
            var _ = Allocator.keepFreedMemory();
            Allocator.takeHugePages();
            Loader.load(torch.class);
            BlasJobs.join();
            Cores.threads().ifPresent(Torch::threads);
            // Where it does not know the processor it says so at every convolution, into what users read.
            torch.globalContext().setUserEnabledNNPACK(false);
            if (torch.hasCUDA()) {
                // Convolutions would keep ten bits of a float32 otherwise; who wants that asks for bfloat16.
                torch.globalContext().setAllowTF32CuDNN(false);
            }
        }

        static void load() {}
    }

    /// The version of libtorch and of the binding it came with, such as `2.10.0-1.5.13`.
    public static String version() {
        try {
            return String.valueOf(Loader.getVersion("org.bytedeco", "pytorch"));
        } catch (IOException _) {
            return "unknown";
        }
    }

    /// The number of CUDA devices that libtorch can use.
    public static int cudaDevices() {
        load();
        return torch.hasCUDA() ? (int) torch.getNumGPUs() : 0;
    }

    /// How many threads one operation may use: one a core, unless told otherwise here or by `OMP_NUM_THREADS`. Applies to the whole
    /// process.
    public static void threads(int count) {
        load();
        torch.set_num_threads(count);
        OpenBlas.threads(count);
    }

    public static int threads() {
        load();
        return torch.get_num_threads();
    }

    /// The vector instructions that libtorch's own kernels use on this processor, such as `AVX512`.
    public static String cpuCapability() {
        load();
        return torch.get_cpu_capability().getString();
    }

    /// The kernels that `OPENBLAS_CORETYPE` makes OpenBLAS take for products in float32, such as `Haswell`, if it is set. Without
    /// it OpenBLAS goes by the processor, which is faster as a rule.
    public static Optional<String> chosenProducts() {
        return Optional.ofNullable(System.getenv("OPENBLAS_CORETYPE")).filter(kernels -> !kernels.isBlank());
    }

    /// Why large tensors have pages of four kilobytes and not huge ones, if that is so and the system says it. It makes work
    /// with large tensors slower.
    public static Optional<String> whySmallPages() {
        return Allocator.whySmallPages();
    }

    /// Runs the body without recording gradients.
    public static <T> T withoutGradients(Supplier<T> body) {
        load();
        try (var _ = new NoGradGuard()) {
            return body.get();
        }
    }

    /// Computes several tensors at the same time, as many as there are [#threads()], each in a thread of its own: operations of a
    /// body have one thread, so that none waits for another. Small networks gain by it. The results belong to the scope of the
    /// caller; gradients are not recorded. Returns, or throws what a body threw, when all bodies are done.
    ///
    /// @param bodies computed in any order; what they use together they may only read
    public static List<Tensor> sideBySide(List<Supplier<Tensor>> bodies) {
        load();
        return Team.compute(bodies);
    }

    /// Runs the body recording gradients, inside [#withoutGradients].
    public static <T> T withGradients(Supplier<T> body) {
        load();
        try (var _ = new AutoGradMode(true)) {
            return body.get();
        }
    }

    /// Runs the body with matrix products and convolutions in bfloat16 (automatic mixed precision); parameters stay in
    /// their own type. Applies to this thread.
    public static <T> T mixedPrecision(Device device, Supplier<T> body) {
        load();
        var type = typeOf(device);
        var before = torch.is_autocast_enabled(type);
        torch.set_autocast_enabled(type, true);
        torch.set_autocast_dtype(type, torch.ScalarType.BFloat16);
        torch.increment_nesting();
        try {
            return body.get();
        } finally {
            if (torch.decrement_nesting() == 0) {
                torch.clear_cache();
            }
            torch.set_autocast_enabled(type, before);
        }
    }

    /// Runs the body as if it were not inside [#mixedPrecision].
    static <T> T inOwnPrecision(Device device, Supplier<T> body) {
        var type = typeOf(device);
        var before = torch.is_autocast_enabled(type);
        torch.set_autocast_enabled(type, false);
        try {
            return body.get();
        } finally {
            torch.set_autocast_enabled(type, before);
        }
    }

    /// Whether this thread is inside [#mixedPrecision] for a device.
    static boolean isMixedPrecision(Device device) {
        return torch.is_autocast_enabled(typeOf(device));
    }

    private static torch.DeviceType typeOf(Device device) {
        return device.kind() == Device.Kind.CUDA ? torch.DeviceType.CUDA : torch.DeviceType.CPU;
    }

    /// Native objects that Java holds right now; equal counts before and after mean that nothing leaked.
    public static long liveObjects() {
        return Pointer.totalCount();
    }

    /// Anonymous resident memory of this process in bytes: what it allocated, without mapped weight files.
    public static long residentBytes() {
        return statusBytes("RssAnon:");
    }

    /// Resident memory of this process in bytes that belongs to mapped files, such as weights.
    public static long residentFileBytes() {
        return statusBytes("RssFile:");
    }

    /// Hands memory that tensors have left back to the system. It is kept for the tensors to come otherwise; call this where
    /// none come for a while, or others.
    public static void giveBackMemory() {
        load();
        Allocator.giveBack();
    }

    /// The largest resident memory of this process in bytes since it began, or since [#forgetPeak()]; mapped weight
    /// files are included.
    public static long peakResidentBytes() {
        return statusBytes("VmHWM:");
    }

    /// Lets [#peakResidentBytes()] begin anew with what is resident now, where the system can; elsewhere the peak remains
    /// that of the whole process.
    public static void forgetPeak() {
        try {
            Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        } catch (IOException notLinux) {
            return;
        }
    }

    /// Processor time of all threads of this process in seconds, since it began; not a number where libc has no `clock`.
    public static double processorSeconds() {
        return ProcessorClock.seconds();
    }

    private static long statusBytes(String field) {
        try {
            for (var line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith(field)) {
                    return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
                }
            }
        } catch (IOException notLinux) {
            return Pointer.physicalBytes();
        }
        return Pointer.physicalBytes();
    }
}
