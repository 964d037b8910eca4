package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import org.zoetrope.media.Frames;
import org.zoetrope.media.MediaException;
import org.zoetrope.media.MediaInfo;
import org.zoetrope.media.VideoReader;
import org.zoetrope.media.VideoWriter;
import org.zoetrope.pipeline.Estimate;
import org.zoetrope.pipeline.Latents;
import org.zoetrope.pipeline.Machine;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.Recipe;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.Smaller;
import org.zoetrope.pipeline.Speeds;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.DType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// A prompt becomes a video.
@Command(name = "generate", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = false,
        description = "Make a video that shows what a prompt says.",
        footer = {"", "Examples:",
                "  zoetrope generate \"a red circle moves right\"",
                "  zoetrope generate \"a blue square grows\" -o square.gif --seed 7",
                "  zoetrope generate \"a paper boat\" --model CogVideoX-2b --frames 17 --size 480x320 --steps 20",
                "  zoetrope generate \"a paper boat\" --model CogVideoX-2b --speed cached,int8",
                "  zoetrope generate \"waves\" --model CogVideoX-5b-I2V --init-image boat.png"})
final class GenerateCommand implements Callable<Integer> {
    @Parameters(paramLabel = "PROMPT", arity = "0..*",
            description = "What to show.")
    private List<String> words = new ArrayList<>();
    @Option(names = {"-o", "--output"}, paramLabel = "FILE",
            description = "Where to write: .mp4, .webm, .mkv, .gif, .webp or .png (default: the prompt's words, .mp4).")
    private Optional<Path> output;
    @Option(names = {"-m", "--model"}, paramLabel = "DIR", defaultValue = "mini",
            description = "A model folder as published, or the name of a bundled one (default: mini).")
    private String model;
    @Option(names = "--negative", paramLabel = "TEXT", defaultValue = "",
            description = "What to stay away from.")
    private String negative;
    @Option(names = "--seed", paramLabel = "N",
            description = "The same seed and request give the same video.")
    private Optional<Long> seed;
    @Mixin private RequestOptions request;
    @Mixin private SpeedOptions speed;
    @Option(names = "--fps", paramLabel = "N",
            description = "Frames per second of the file (default: the model's).")
    private Optional<Double> fps;
    @Option(names = "--init-image", paramLabel = "FILE",
            description = "The first frame, for image-to-video models.")
    private Optional<Path> initImage;
    @Option(names = "--init-video", paramLabel = "FILE",
            description = "A clip to start from.")
    private Optional<Path> initVideo;
    @Option(names = "--strength", paramLabel = "0..1",
            description = "How much of the clip to start from is given up (default: 0.8).")
    private Optional<Double> strength;
    @Option(names = "--strict",
            description = "Refuse a prompt that is longer than the model reads.")
    private boolean strict;
    @Mixin private ModelOptions options;
    @Mixin private Writing writing;
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() throws IOException {
        var prompt = String.join(" ", words);
        if (words.isEmpty() && !writing.resumes()) {
            throw new UsageException(
                    "no prompt given; say what to show: zoetrope generate \"a red circle moves right\"");
        }
        writing.check();
        var start = System.nanoTime();
        var target = output.orElseGet(() -> OutputFile.unusedName(Path.of(""), prompt));
        var kept = writing.latents(target);
        try (var opened = VideoModel.open(Installation.find().model(model), speed.on(options.options()));
                var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), writing.isQuiet())) {
            tell("model     %s, %s", opened.name(), options.reasoned(opened));
            try (var latents = writing.resumes() ? resumed(opened, kept)
                    : denoised(opened, prompt, target, kept, stages)) {
                var info = finished(opened, latents, target, kept, stages);
                zoetrope.terminal().result("%s", writing.isQuiet() ? target : OutputFile.report(target, info, start));
            }
        }
        return 0;
    }

    // ---------------------------------------------------------------- from the words to the latents

    private Latents denoised(VideoModel opened, String prompt, Path target, Path kept, Stages stages)
            throws IOException {
        var wanted = requested(prompt, opened.defaults().guidanceScale());
        var estimate = opened.estimate(wanted);
        var defaults = opened.defaults();
        OutputFile.requireWritable(target, wanted.width().orElse(defaults.width()),
                wanted.height().orElse(defaults.height()),
                wanted.fps().or(() -> wanted.initVideo().map(Frames::fps)).orElse(defaults.fps()));
        OutputFile.requireWritable(kept);
        announce(opened, wanted, estimate);
        return opened.denoise(wanted, stages);
    }

    private Request requested(String prompt, double usualGuidance) {
        var wanted = speed.on(request.on(Request.of(prompt)), usualGuidance).negativePrompt(negative).strict(strict)
                .seed(seed.orElseGet(() -> (long) ThreadLocalRandom.current().nextInt(1_000_000_000)));
        if (fps.isPresent()) {
            wanted = wanted.fps(fps.get());
        }
        if (initImage.isPresent()) {
            wanted = wanted.initImage(given(initImage.get()));
        }
        if (initVideo.isPresent()) {
            wanted = wanted.initVideo(given(initVideo.get()));
        }
        return strength.isPresent() ? wanted.strength(strength.get()) : wanted;
    }

    private static Frames given(Path file) {
        try {
            return VideoReader.read(file);
        } catch (MediaException e) {
            throw new UsageException(e);
        }
    }

    private void announce(VideoModel opened, Request wanted, Estimate estimate) throws IOException {
        if (writing.isQuiet()) {
            return;
        }
        var d = opened.defaults();
        tell("request   %d frames of %d x %d, %d steps, seed %d; about %s of memory and %s%s",
                wanted.frames().orElse(d.frames()), wanted.width().orElse(d.width()),
                wanted.height().orElse(d.height()), wanted.steps().orElse(d.steps()), wanted.seed().orElseThrow(),
                Terminal.bytes(Machine.heldBytes() + estimate.peakBytes()),
                wanted.reuse().map(_ -> "without reuse ").orElse(""),
                Terminal.duration(estimate.seconds(Speeds.here())));
        var available = Machine.availableBytes();
        if (Machine.heldBytes() + estimate.peakBytes() > available) {
            tell("memory    %s are available, which may not be enough; %s", Terminal.bytes(available),
                    String.join("; ", offers(opened, wanted, available - Machine.heldBytes())));
        }
    }

    /// What would fit: the same in fewer bytes a number, or less of it.
    private List<String> offers(VideoModel opened, Request wanted, long bytes) throws IOException {
        var offers = new ArrayList<String>();
        var folder = Installation.find().model(model);
        var halved = options.options().dtype(DType.BFLOAT16);
        if (opened.dtype() == DType.FLOAT32 && fits(folder, speed.on(halved), wanted, bytes)) {
            offers.add("--dtype bfloat16 fits");
        }
        if (fits(folder, speed.on(options.options().dtype(opened.dtype())).matrices(OpenOptions.Matrices.INT8), wanted,
                bytes)) {
            offers.add("--speed int8 fits");
        }
        var smaller = Smaller.fitting(opened, wanted, bytes);
        offers.add(smaller.isEmpty() ? "nothing smaller fits: the weights alone are too large"
                : "what fits: " + smaller.stream().map(Smaller::toString).collect(Collectors.joining(", ")));
        return offers;
    }

    private static boolean fits(Path folder, OpenOptions options, Request wanted, long bytes) {
        try (var other = VideoModel.open(folder, options)) {
            return other.estimate(wanted).peakBytes() <= bytes;
        }
    }

    // ---------------------------------------------------------------- from the latents to the file

    /// Latents of an earlier run, if what is asked now is what was asked then.
    private Latents resumed(VideoModel opened, Path kept) {
        Writing.requireThere(kept);
        var latents = Latents.load(kept);
        var differences = differences(opened, latents.recipe());
        if (!differences.none()) {
            latents.close();
            throw differences.refused("request", kept);
        }
        tell("resume    \"%s\", seed %d, from %s", latents.recipe().prompt(), latents.recipe().seed(), kept);
        return fps.isEmpty() ? latents
                : new Latents(latents.values(), latents.recipe().fps(fps.get()), latents.notices());
    }

    private Writing.Differences differences(VideoModel opened, Recipe then) {
        var wanted = speed.on(request.on(Request.of(String.join(" ", words))), opened.defaults().guidanceScale());
        return new Writing.Differences().add("model", Optional.of(opened.name()), then.model())
                .add("prompt", words.isEmpty() ? Optional.empty() : Optional.of(wanted.prompt()), then.prompt())
                .add("seed", seed, then.seed()).add("width", wanted.width(), then.width())
                .add("height", wanted.height(), then.height()).add("frames", wanted.frames(), then.frames())
                .add("steps", wanted.steps(), then.steps())
                .add("guidance", wanted.guidance().map(Object::toString), then.guidance());
    }

    private MediaInfo finished(VideoModel opened, Latents latents, Path target, Path kept, Stages stages)
            throws IOException {
        var recipe = latents.recipe();
        OutputFile.requireWritable(target, recipe.width(), recipe.height(), recipe.fps());
        if (!writing.resumes()) {
            latents.save(kept);
        }
        return writing.written("denoised", kept, stages, zoetrope, () -> {
            var video = opened.decode(latents, stages);
            stages.enter("write", String.valueOf(target.getFileName()));
            zoetrope.interruption().disposable(false);
            return VideoWriter.write(video.frames(), target, writing.options(video.recipe().toJson()));
        });
    }

    private void tell(String format, Object... values) {
        if (!writing.isQuiet()) {
            zoetrope.terminal().tell(format, values);
        }
    }
}
