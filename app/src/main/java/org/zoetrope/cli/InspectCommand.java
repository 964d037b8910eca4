package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.zoetrope.media.Frames;
import org.zoetrope.media.MediaFile;
import org.zoetrope.media.MediaInfo;
import org.zoetrope.pipeline.Estimate;
import org.zoetrope.pipeline.Given;
import org.zoetrope.pipeline.Machine;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.Speeds;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.SafetensorsFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// Says what a folder or file holds, before or after a run.
@Command(name = "inspect", mixinStandardHelpOptions = true, sortOptions = false,
        description = {
                "Say what a model folder, a video or a safetensors file holds:",
                "a model folder (components, parameters, number types, memory and time of a request), a video "
                        + "(format, length, the recipe it was made with), or a safetensors file (its tensors)."},
        footer = {"",
                "Examples:",
                "  zoetrope inspect mini",
                "  zoetrope inspect CogVideoX-2b --frames 17 --size 256x256 --steps 20",
                "  zoetrope inspect circle.mp4",
                "  zoetrope inspect CogVideoX-2b/vae/diffusion_pytorch_model.safetensors"})
final class InspectCommand implements Callable<Integer> {
    @Parameters(paramLabel = "WHAT",
            description = "A model folder, a bundled model, a video or a safetensors file.")
    private String what;
    @Mixin private RequestOptions request;
    @Mixin private ModelOptions options;
    @Option(names = "--json",
            description = "For a video, print the recipe alone, as it is stored.")
    private boolean json;
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() throws IOException {
        var path = Path.of(what);
        if (Files.isRegularFile(path)) {
            if (what.endsWith(".safetensors")) {
                tensors(path);
            } else {
                video(MediaFile.inspect(path));
            }
        } else {
            try (var model = options.open(Installation.find(), what)) {
                model(model);
            }
        }
        return 0;
    }

    // ---------------------------------------------------------------- a model

    private void model(VideoModel model) throws IOException {
        var d = model.defaults();
        var estimate = estimate(model);
        say("%s, a %s in %s", model.name(), model.folder().kind().published(), model.folder().path());
        say("%-14s %-32s %11s  %-24s %9s", "component", "class", "parameters", "stored as", "files");
        var parts = estimate.parts().stream().collect(Collectors.toMap(Estimate.Part::name, part -> part));
        for (var component : model.folder().components().values()) {
            var part = parts.get(component.name());
            say("%-14s %-32s %11s  %-24s %9s", component.name(), component.className(),
                    part == null ? "" : Terminal.count(part.parameters()), part == null ? "" : stored(part.stored()),
                    Terminal.bytes(bytes(component.folder())));
        }
        say("defaults       %d frames of %d x %d at %s fps, %d steps, guidance %s", d.frames(), d.width(), d.height(),
                number(d.fps()), d.steps(), number(d.guidanceScale()));
        var wanted = request.on(Request.of(""));
        var seconds = estimate.seconds(Speeds.here());
        say("a request      of %d frames, %d x %d, %d steps: %s tokens in %s", wanted.frames().orElse(d.frames()),
                wanted.width().orElse(d.width()), wanted.height().orElse(d.height()),
                wanted.steps().orElse(d.steps()), estimate.tokens(), options.reasoned(model));
        say("memory         about %s at the widest moment, weights %s in all",
                Terminal.bytes(Machine.heldBytes() + estimate.peakBytes()),
                Terminal.bytes(estimate.parts().stream().mapToLong(Estimate.Part::bytes).sum()));
        say("time           about %s here (%s operations)", Terminal.duration(seconds),
                Terminal.count(estimate.flops()));
        if (!readsWords(model)) {
            say("note           the folder has no text encoder, so it cannot read prompts by itself");
        }
    }

    private static boolean readsWords(VideoModel model) {
        return model.folder().has("text_encoder") && model.folder().has("tokenizer");
    }

    /// What the request in the options takes. Where no words can be read, or a picture to start from is needed,
    /// stand-ins take their place: the work does not depend on what they show.
    private Estimate estimate(VideoModel model) {
        return Scope.run(() -> {
            var wanted = request.on(Request.of("a prompt")).seed(0);
            var d = model.defaults();
            if (model.folder().kind().takesImage()) {
                wanted = wanted.initImage(Frames.paint(wanted.width().orElse(d.width()),
                        wanted.height().orElse(d.height()), d.fps(), 1, (_, _, _) -> 0));
            }
            var shape = model.textShape();
            var given = readsWords(model) ? Given.nothing()
                    : Given.nothing().prompt(Tensor.zeros(shape)).negativePrompt(Tensor.zeros(shape));
            return model.estimate(wanted, given);
        });
    }

    private static String stored(Map<?, Long> types) {
        return types.keySet().stream().map(type -> type.toString().toLowerCase(Locale.ROOT)).sorted()
                .collect(Collectors.joining(", "));
    }

    private static long bytes(Path folder) throws IOException {
        try (var files = Files.walk(folder)) {
            var total = 0L;
            for (var file : files.filter(Files::isRegularFile).toList()) {
                total += Files.size(file);
            }
            return total;
        }
    }

    // ---------------------------------------------------------------- a video

    private void video(MediaInfo info) {
        if (json) {
            say("%s", info.comment().orElseThrow(() -> new UsageException("%s holds no recipe", info.path())));
            return;
        }
        say("%s: %s, %s, %d x %d, %d frames at %s fps", info.path(), info.container(), info.codec(), info.width(),
                info.height(), info.frameCount(), number(info.fps()));
        info.comment().ifPresentOrElse(text -> say("recipe%n%s", text.strip().indent(2).stripTrailing()),
                () -> say("it holds no recipe"));
    }

    // ---------------------------------------------------------------- a safetensors file

    private void tensors(Path path) {
        var file = SafetensorsFile.open(path);
        var totals = new TreeMap<String, Long>();
        file.header().entries().forEach((name, entry) -> {
            totals.merge(entry.type().name(), entry.shape().stream().reduce(1L, (a, b) -> a * b), Long::sum);
            say("%-80s %-5s %s", name, entry.type().name(), entry.shape());
        });
        file.metadata().forEach((key, value) -> say("metadata %s: %.500s", key, value));
        say("%d tensors, %s", file.names().size(), totals.entrySet().stream()
                .map(total -> "%s in %s".formatted(Terminal.count(total.getValue()), total.getKey()))
                .collect(Collectors.joining(", ")));
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : String.format(Locale.ROOT, "%.3f", value);
    }

    private void say(String format, Object... values) {
        zoetrope.terminal().result(format, values);
    }
}
