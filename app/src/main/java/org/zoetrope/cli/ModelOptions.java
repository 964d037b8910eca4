package org.zoetrope.cli;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Torch;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// Where and how a model runs.
final class ModelOptions {
    /// Number types that networks run in.
    static final class NumberType implements ITypeConverter<DType> {
        private static final DType[] TYPES = {DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16};

        @Override
        public DType convert(String text) {
            return Stream.of(TYPES).filter(type -> type.name().equalsIgnoreCase(text)).findFirst().orElseThrow(
                    () -> new TypeConversionException("networks do not run in \"%s\"; choose %s".formatted(text,
                            Arrays.stream(TYPES).map(type -> type.name().toLowerCase(Locale.ROOT))
                                    .collect(Collectors.joining(", ")))));
        }
    }

    /// Devices as libtorch names them.
    static final class DeviceName implements ITypeConverter<Device> {
        @Override
        public Device convert(String text) {
            try {
                return Device.parse(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }

    @Option(names = "--dtype", paramLabel = "TYPE", converter = NumberType.class,
            description = "float32, bfloat16 or float16; by default what suits the model and the machine "
                    + "(doctor says it).")
    private Optional<DType> dtype;
    @Option(names = "--device", paramLabel = "DEVICE", converter = DeviceName.class, defaultValue = "auto",
            description = "auto, cpu, cuda or cuda:N (default: auto, CUDA where there is one).")
    private Device device;
    @Option(names = "--threads", paramLabel = "N",
            description = "Threads of one operation (default: one a core).")
    private Optional<Integer> threads;

    VideoModel open(Installation installation, String model) {
        return VideoModel.open(installation.model(model), options());
    }

    /// How to open a model; sets the number of threads, which all models of a process share.
    OpenOptions options() {
        useThreads(threads);
        var options = OpenOptions.defaults().device(device);
        return dtype.map(options::dtype).orElse(options);
    }

    static void useThreads(Optional<Integer> wanted) {
        wanted.ifPresent(count -> {
            if (count < 1 || count > 1024) {
                throw new UsageException("%d threads; give 1 to 1024", count);
            }
            Torch.threads(count);
        });
    }

    /// The decision in words, such as `float32 on cpu, 2 threads, AVX512`.
    String decision(VideoModel model) {
        var where = device.kind() == Device.Kind.CPU
                ? "cpu, %d %s, %s".formatted(Torch.threads(), Torch.threads() == 1 ? "thread" : "threads",
                        Torch.cpuCapability())
                : device.toString();
        return "%s on %s".formatted(model.dtype().name().toLowerCase(Locale.ROOT), where);
    }

    /// The decision with its reason, such as `float32 on cpu, 2 threads, AVX512 (a small model)`.
    String reasoned(VideoModel model) {
        return "%s (%s)".formatted(decision(model), model.numberType().why());
    }

    Device device() {
        return device;
    }
}
