package org.zoetrope.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.zoetrope.media.MediaFile;
import org.zoetrope.pipeline.Recipe;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Torch;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

/// Says what Zoetrope found on this machine, for a look before a long run or in a bug report.
@Command(name = "doctor", mixinStandardHelpOptions = true,
        description = "Say what was found on this machine: Java, libtorch, devices, FFmpeg, bundled models.")
final class DoctorCommand implements Callable<Integer> {
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() {
        var installation = Installation.find();
        say("zoetrope", Recipe.VERSION);
        say("java", "%s (%s), heap up to %s".formatted(Runtime.version(), System.getProperty("java.vendor"),
                Terminal.bytes(Runtime.getRuntime().maxMemory())));
        say("system", "%s %s, %d cores".formatted(System.getProperty("os.name"), System.getProperty("os.arch"),
                Runtime.getRuntime().availableProcessors()));
        say("libtorch", "%s, %d threads, %s kernels, %.0f billion operations a second in float32".formatted(
                Torch.version(), Torch.threads(), Torch.cpuCapability(),
                Speed.measure(DType.FLOAT32, Device.CPU).flopsPerSecond() / 1e9));
        say("cuda", Torch.cudaDevices() == 0 ? "none (the CPU build of libtorch, or no driver)"
                : "%d devices".formatted(Torch.cudaDevices()));
        say("ffmpeg", MediaFile.ffmpeg());
        say("chromium", onPath("chromium").orElse("not found; only a test needs it"));
        say("installed in", installation.home().toAbsolutePath().normalize().toString());
        say("models", installation.models().isEmpty() ? "none bundled" : String.join(", ", installation.models()));
        return 0;
    }

    private static Optional<String> onPath(String program) {
        return Optional.ofNullable(System.getenv("PATH")).stream()
                .flatMap(path -> Arrays.stream(path.split(":")))
                .map(folder -> Path.of(folder, program)).filter(Files::isExecutable)
                .map(Object::toString).findFirst();
    }

    private void say(String what, String found) {
        zoetrope.terminal().result("%-13s %s", what, found);
    }
}
