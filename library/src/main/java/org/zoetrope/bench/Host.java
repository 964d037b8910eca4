package org.zoetrope.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.zoetrope.tensor.Torch;

/// The machine of a report, and the best it did during the run.
///
/// @param processor name of the processor, as the system says it
/// @param cores     that this process may use
/// @param threads   of one operation
/// @param kernels   vector instructions of libtorch's own kernels
/// @param libtorch  its version
/// @param float32   best speed of a product of matrices in float32, in GFLOP/s
/// @param bfloat16  the same in bfloat16
/// @param copy      best speed of a copy, in GB/s read or written
public record Host(String processor, int cores, int threads, String kernels, String libtorch, double float32,
        double bfloat16, double copy) {
    static Host of(double float32, double bfloat16, double copy) {
        return new Host(nameOfProcessor(), Runtime.getRuntime().availableProcessors(), Torch.threads(),
                Torch.cpuCapability(), Torch.version(), float32, bfloat16, copy);
    }

    private static String nameOfProcessor() {
        try {
            return Files.readString(Path.of("/proc/cpuinfo")).lines().filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip()).findFirst()
                    .orElse(System.getProperty("os.arch"));
        } catch (IOException _) {
            return System.getProperty("os.arch"); // another operating system
        }
    }
}
