package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
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
import org.zoetrope.tensor.Torch;
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
    @Option(names = "--quality", paramLabel = "1..100", defaultValue = "90",
            description = "Quality of lossy formats (default: 90).")
    private int quality;
    @Option(names = "--no-metadata",
            description = "Do not store the recipe (prompt, seed, settings) in the file.")
    private boolean anonymous;
    @Option(names = "--latents", paramLabel = "FILE",
            description = "Keep the result of denoising here (default: beside the output, until it is decoded).")
    private Optional<Path> latentsFile;
    @Option(names = "--resume",
            description = "Decode what an earlier run denoised, instead of denoising again.")
    private boolean resume;
    @Option(names = {"-q", "--quiet"},
            description = "Print the name of the written file and nothing else.")
    private boolean quiet;
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() throws IOException {
        var prompt = String.join(" ", words);
        if (words.isEmpty() && !resume) {
            throw new UsageException(
                    "no prompt given; say what to show: zoetrope generate \"a red circle moves right\"");
        }
        if (quality < 1 || quality > 100) {
            throw new UsageException("a quality of %d; give 1 (smallest file) to 100", quality);
        }
        var start = System.nanoTime();
        var target = output.orElseGet(() -> OutputFile.unusedName(Path.of(""), prompt));
        var kept = latentsFile.orElse(Path.of(target + ".latents.safetensors"));
        try (var opened = VideoModel.open(Installation.find().model(model), speed.on(options.options()));
                var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), quiet)) {
            tell("model     %s, %s", opened.name(), options.reasoned(opened));
            try (var latents = resume ? resumed(opened, kept) : denoised(opened, prompt, target, kept, stages)) {
                var info = finished(opened, latents, target, kept, stages);
                zoetrope.terminal().result(quiet ? "%s" : "wrote %s: %s in %s, with at most %s of memory", target,
                        OutputFile.described(info), Terminal.duration((System.nanoTime() - start) / 1e9),
                        Terminal.bytes(Torch.peakResidentBytes()));
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
        if (quiet) {
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
        if (!Files.isRegularFile(kept)) {
            throw new UsageException("nothing to resume: there is no %s%n"
                    + "  fix    give the output (-o) of the run that was stopped, or run without --resume", kept);
        }
        var latents = Latents.load(kept);
        var differences = differences(opened, latents.recipe());
        if (!differences.isEmpty()) {
            latents.close();
            throw new UsageException(
                    "%s is of another request:%n  %s%n  fix    leave these options out, or run without "
                            + "--resume",
                    kept, String.join("\n  ", differences));
        }
        tell("resume    \"%s\", seed %d, from %s", latents.recipe().prompt(), latents.recipe().seed(), kept);
        return fps.isEmpty() ? latents
                : new Latents(latents.values(), latents.recipe().fps(fps.get()), latents.notices());
    }

    private List<String> differences(VideoModel opened, Recipe then) {
        var wanted = speed.on(request.on(Request.of(String.join(" ", words))), opened.defaults().guidanceScale());
        var differences = new ArrayList<String>();
        differs(differences, "model", Optional.of(opened.name()), then.model());
        differs(differences, "prompt", words.isEmpty() ? Optional.empty() : Optional.of(wanted.prompt()),
                then.prompt());
        differs(differences, "seed", seed, then.seed());
        differs(differences, "width", wanted.width(), then.width());
        differs(differences, "height", wanted.height(), then.height());
        differs(differences, "frames", wanted.frames(), then.frames());
        differs(differences, "steps", wanted.steps(), then.steps());
        differs(differences, "guidance", wanted.guidance().map(Object::toString), then.guidance());
        return differences;
    }

    private static <T> void differs(List<String> differences, String what, Optional<T> now, T then) {
        now.filter(value -> !value.equals(then)).ifPresent(value -> differences.add(
                "%s %s now, %s then".formatted(what, value, then)));
    }

    /// Decodes and writes. The latents stay on the disk until the file is there, so that nothing long is done twice.
    private MediaInfo finished(VideoModel opened, Latents latents, Path target, Path kept, Stages stages)
            throws IOException {
        var recipe = latents.recipe();
        OutputFile.requireWritable(target, recipe.width(), recipe.height(), recipe.fps());
        if (!resume) {
            latents.save(kept);
        }
        try {
            var video = opened.decode(latents, stages);
            stages.enter("write", String.valueOf(target.getFileName()));
            zoetrope.interruption().disposable(false);
            var how = VideoWriter.Options.defaults().withQuality(quality);
            var info = VideoWriter.write(video.frames(), target,
                    anonymous ? how : how.withComment(video.recipe().toJson()));
            stages.close();
            if (latentsFile.isEmpty()) {
                Files.deleteIfExists(kept);
            }
            return info;
        } catch (RuntimeException e) {
            stages.close();
            tell("note      the denoised latents are in %s; the same command with --resume goes on from there", kept);
            throw e;
        } finally {
            zoetrope.interruption().disposable(true);
        }
    }

    private void tell(String format, Object... values) {
        if (!quiet) {
            zoetrope.terminal().tell(format, values);
        }
    }
}
