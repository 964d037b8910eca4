package org.zoetrope.tensor;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/// How many threads an operation has by itself: one a core that the process may use. libtorch counts cores as well, but not those
/// that a container may use, and in some virtual machines it finds fewer than there are.
final class Cores {
    private static final Path LINUX = Path.of("/sys/devices/system/cpu");
    private static final Pattern PROCESSOR = Pattern.compile("cpu\\d+");

    private Cores() {}

    /// Absent where the environment says it to libtorch, or where the system does not say what its cores are.
    static OptionalInt threads() {
        return threads(System.getenv(), LINUX, Runtime.getRuntime().availableProcessors());
    }

    /// @param processors the folder with one of each processor; those of a core name the same siblings
    /// @param available  processors that the process may use
    static OptionalInt threads(Map<String, String> environment, Path processors, int available) {
        if (environment.containsKey("OMP_NUM_THREADS") || environment.containsKey("MKL_NUM_THREADS")) {
            return OptionalInt.empty();
        }
        var cores = new HashSet<String>();
        try (var all = Files.newDirectoryStream(processors, path -> PROCESSOR.matcher(path.getFileName().toString()).matches())) {
            for (var processor : all) {
                var siblings = processor.resolve("topology/thread_siblings_list");
                if (Files.exists(siblings)) { // not of one that is switched off
                    cores.add(Files.readString(siblings).strip());
                }
            }
        } catch (IOException | DirectoryIteratorException _) {
            return OptionalInt.empty();
        }
        return cores.isEmpty() ? OptionalInt.empty() : OptionalInt.of(Math.min(cores.size(), available));
    }
}
