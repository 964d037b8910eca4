package org.zoetrope.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.zoetrope.media.MediaFile;
import org.zoetrope.pipeline.NumberType;
import org.zoetrope.pipeline.Recipe;
import org.zoetrope.pipeline.Speeds;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Torch;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

/// Says what Zoetrope found on this machine, for a look before a long run or in a bug report.
@Command(name = "doctor", mixinStandardHelpOptions = true,
        description = "Say what was found on this machine: Java, libtorch and its speed, devices, FFmpeg, bundled "
                + "models.")
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
        say("libtorch",
                "%s, %d threads, %s kernels".formatted(Torch.version(), Torch.threads(), Torch.cpuCapability()));
        Torch.chosenProducts().ifPresent(kernels -> say("openblas", "float32 products by the kernels for "
                + kernels + ", since OPENBLAS_CORETYPE says so; unset, they may be faster"));
        Torch.whySmallPages().ifPresent(why -> say("memory", "pages of 4 KB for large tensors, since " + why
                + "; with huge pages decoders may be twice as fast"));
        speeds();
        say("cuda", Torch.cudaDevices() == 0 ? "none (the CPU build of libtorch, or no driver)"
                : "%d devices".formatted(Torch.cudaDevices()));
        say("ffmpeg", MediaFile.ffmpeg());
        say("chromium", onPath("chromium").orElse("not found; only a test needs it"));
        say("installed in", installation.home().toAbsolutePath().normalize().toString());
        say("models", installation.models().isEmpty() ? "none bundled" : String.join(", ", installation.models()));
        return 0;
    }

    /// Measured again, so that this is the command to run after something about the machine has changed.
    private void speeds() {
        var speeds = Speeds.here();
        for (var dtype : new DType[] {DType.FLOAT32, DType.BFLOAT16}) {
            var found = speeds.again(dtype, Device.CPU);
            say(dtype.name().toLowerCase(Locale.ROOT), "%s billion operations a second".formatted(
                    found.entrySet().stream()
                            .map(entry -> "%s %.0f".formatted(words(entry.getKey()), entry.getValue() / 1e9))
                            .collect(Collectors.joining(", "))));
        }
        say("remembered in", speeds.place());
        say("large models", "run in " + NumberType.ofLargeModels(Device.CPU));
    }

    private static String words(Speeds.Kind kind) {
        return kind.name().toLowerCase(Locale.ROOT).replace('_', ' ');
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
