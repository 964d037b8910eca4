package org.zoetrope.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.zoetrope.tensor.Torch;

/// What this computer offers, as far as it decides how a model is run.
///
/// @param memoryBytes   main memory, or the part of it that this process may use
/// @param bfloat16Units whether the processor multiplies bfloat16 matrices in hardware
public record Machine(long memoryBytes, boolean bfloat16Units) {
    private static final Path MEMORY = Path.of("/proc/meminfo");
    private static final Path LIMIT = Path.of("/sys/fs/cgroup/memory.max");
    private static final Path USED = Path.of("/sys/fs/cgroup/memory.current");
    private static final Path PROCESSOR = Path.of("/proc/cpuinfo");

    /// This computer.
    public static Machine here() {
        var total = memory("MemTotal:");
        var limit = number(text(LIMIT)); // "max" where there is none
        var memory = total == 0 ? Runtime.getRuntime().maxMemory() : limit == 0 ? total : Math.min(total, limit);
        return new Machine(memory, hasBfloat16Units(text(PROCESSOR)));
    }

    /// Bytes of memory that a run may take: what the system and the limits of this process leave, and what the process
    /// holds already; the largest number where the system does not say.
    public static long availableBytes() {
        var available = memory("MemAvailable:");
        if (available == 0) {
            return Long.MAX_VALUE; // another operating system
        }
        var limit = number(text(LIMIT));
        var left = limit == 0 ? available : Math.min(available, Math.max(0, limit - number(text(USED))));
        return left + heldBytes();
    }

    /// Bytes of memory that this process holds.
    public static long heldBytes() {
        return Torch.residentBytes() + Torch.residentFileBytes();
    }

    private static long memory(String field) {
        return number(text(MEMORY).lines().filter(l -> l.startsWith(field)).findFirst().orElse("")) * 1024;
    }

    /// What measured speeds depend on, in words: the processor with what it can do, the kernels, how many threads share
    /// an operation, and the code that was measured.
    static String identity() {
        var processor = text(PROCESSOR);
        return "zoetrope %s, libtorch %s, %s, %s products, %d threads of %d cores, %s, %s".formatted(Recipe.VERSION, Torch.version(),
                Torch.cpuCapability(), Torch.chosenProducts().orElse("own"), Torch.threads(),
                Runtime.getRuntime().availableProcessors(), line(processor, "model name").orElse(System.getProperty("os.arch")),
                line(processor, "flags").or(() -> line(processor, "Features")).orElse("flags unknown"));
    }

    private static Optional<String> line(String cpuinfo, String field) {
        return cpuinfo.lines().filter(l -> l.startsWith(field)).map(l -> l.substring(l.indexOf(':') + 1).strip()).findFirst();
    }

    /// Reads the flags of a `/proc/cpuinfo`. Without the units, bfloat16 products are emulated and float32 is faster.
    static boolean hasBfloat16Units(String cpuinfo) {
        return cpuinfo.lines().filter(l -> l.startsWith("flags") || l.startsWith("Features"))
                .flatMap(l -> Arrays.stream(l.split("\\s+")))
                .anyMatch(f -> f.equals("avx512_bf16") || f.equals("amx_bf16") || f.equals("bf16"));
    }

    private static long number(String line) {
        var digits = line.replaceAll("\\D", "");
        return digits.isEmpty() ? 0 : Long.parseLong(digits);
    }

    private static String text(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException _) {
            return ""; // another operating system
        }
    }
}
