package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import org.zoetrope.edit.EditRequest;
import org.zoetrope.edit.EditedLatents;
import org.zoetrope.edit.VideoEditor;
import org.zoetrope.media.Frames;
import org.zoetrope.media.Limits;
import org.zoetrope.media.MediaException;
import org.zoetrope.media.MediaFile;
import org.zoetrope.media.MediaInfo;
import org.zoetrope.media.Resize;
import org.zoetrope.media.SideBySide;
import org.zoetrope.media.SoundTrack;
import org.zoetrope.media.VideoReader;
import org.zoetrope.media.VideoWriter;
import org.zoetrope.pipeline.Machine;
import org.zoetrope.pipeline.Speeds;
import org.zoetrope.pipeline.VideoModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// Words change a video.
@Command(name = "edit", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = false,
        description = {"Change what words name in a video and leave the rest alone.",
                "The result has the size, length and frame rate of the video."},
        footer = {"", "Examples:",
                "  zoetrope edit in.mp4 --from \"a red circle moves right\" --to \"a blue square moves right\"",
                "  zoetrope edit in.mp4 --from \"a red circle\" --to \"a blue circle\" -o out.mp4 --compare",
                "  zoetrope edit in.gif --from \"a red circle\" --to \"a red star\" --box 10,20,32,32",
                "  zoetrope edit in.mp4 --from \"a boat\" --to \"a paper boat\" --method flowdirector --without dag"})
final class EditCommand implements Callable<Integer> {
    @Parameters(paramLabel = "VIDEO", arity = "1",
            description = "The video to change: mp4, mov, webm, mkv, gif, webp or numbered PNG pictures.")
    private Path video;
    @Option(names = "--from", paramLabel = "TEXT",
            description = "What the video shows.")
    private Optional<String> from;
    @Option(names = "--to", paramLabel = "TEXT",
            description = "What it should show instead.")
    private Optional<String> to;
    @Option(names = {"-o", "--output"}, paramLabel = "FILE",
            description = "Where to write: .mp4, .webm, .mkv, .gif, .webp or .png (default: the video's name with "
                    + "-edited, .mp4).")
    private Optional<Path> output;
    @Option(names = {"-m", "--model"}, paramLabel = "DIR", defaultValue = "mini-flow",
            description = "A model folder as published, or the name of a bundled one (default: mini-flow).")
    private String model;
    @Option(names = "--negative", paramLabel = "TEXT", defaultValue = "",
            description = "What both sides stay away from.")
    private String negative;
    @Option(names = "--seed", paramLabel = "N",
            description = "The same seed and request give the same video.")
    private Optional<Long> seed;
    @Option(names = "--steps", paramLabel = "N",
            description = "Steps of the run (default: the model's).")
    private Optional<Integer> steps;
    @Option(names = "--size", paramLabel = "WxH", converter = PictureSize.Converter.class,
            description = "Pixels to work at (default: about the model's area, in the shape of the video).")
    private Optional<PictureSize> size;
    @Mixin private EditOptions edit;
    @Mixin private TierOptions speed;
    @Option(names = "--compare",
            description = "Also write NAME-compare, the video and its edit side by side.")
    private boolean compare;
    @Option(names = "--keep-audio",
            description = "Carry the sound of the video over to the edit.")
    private boolean keepAudio;
    @Mixin private ModelOptions options;
    @Mixin private Writing writing;
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() throws IOException {
        if (!writing.resumes() && (from.isEmpty() || to.isEmpty())) {
            throw new UsageException("say what the video shows with --from, and what it should show with --to");
        }
        writing.check();
        var start = System.nanoTime();
        var target = output.orElseGet(() -> OutputFile.beside(Path.of(String.valueOf(video.getFileName())), "-edited",
                ".mp4"));
        var kept = writing.latents(target);
        var source = fitting(read(video), target);
        tellRate(source);
        requireWritable(source, target, kept);
        var sound = heard(target);
        try (var opened = VideoModel.open(Installation.find().model(model), speed.tiers().on(options.options()));
                var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), writing.isQuiet())) {
            tell("model     %s, %s", opened.name(), options.reasoned(opened));
            var editor = new VideoEditor(opened);
            try (var latents = writing.resumes() ? resumed(opened, kept)
                    : edited(opened, editor, source, target, stages)) {
                if (!writing.resumes()) {
                    latents.save(kept);
                }
                var info = finished(editor, latents, source, target, kept, sound, stages);
                zoetrope.terminal().result("%s", writing.isQuiet() ? target : OutputFile.report(target, info, start));
            }
        }
        return 0;
    }

    // ---------------------------------------------------------------- the video

    private static Frames read(Path file) {
        try {
            return VideoReader.read(file, Limits.ofEdits());
        } catch (MediaException e) {
            throw new UsageException(e);
        }
    }

    private void tellRate(Frames source) {
        if (MediaFile.inspect(video, Limits.ofEdits()).variableRate()) {
            tell("note      the frames of the video are shown for different times; they are edited and written at "
                    + "their average rate, %.2f a second", source.fps());
        }
    }

    /// H.264 holds even sizes alone; what is cut is said.
    private Frames fitting(Frames clip, Path target) {
        if (!String.valueOf(target.getFileName()).endsWith(".mp4")) {
            return clip;
        }
        var even = Resize.even(clip);
        even.changes().forEach(change -> tell("note      the video was %s, since .mp4 holds even sizes; "
                + "write .mkv, .webm, .gif or .webp to keep every pixel", change));
        return even.frames();
    }

    /// Whether sound is carried over; says so where a video has sound and it is not.
    private boolean heard(Path target) {
        var sound = SoundTrack.isIn(video);
        if (keepAudio && sound) {
            try {
                SoundTrack.check(target);
            } catch (MediaException e) {
                throw new UsageException(e);
            }
        } else if (keepAudio) {
            tell("note      the video has no sound to keep");
        } else if (sound) {
            tell("note      the sound of the video is left out; --keep-audio keeps it");
        }
        return keepAudio && sound;
    }

    private void requireWritable(Frames source, Path target, Path kept) {
        OutputFile.requireWritable(target, source.width(), source.height(), source.fps());
        OutputFile.requireWritable(kept);
        if (compare) {
            OutputFile.requireWritable(comparison(target), 2 * source.width(), source.height(), source.fps());
        }
    }

    private static Path comparison(Path target) {
        var name = String.valueOf(target.getFileName());
        return OutputFile.beside(target, "-compare", name.substring(name.lastIndexOf('.')));
    }

    // ---------------------------------------------------------------- from the video to latents

    private EditedLatents edited(VideoModel opened, VideoEditor editor, Frames source, Path target,
            Stages stages) {
        var wanted = EditRequest.of(from.orElseThrow(), to.orElseThrow()).negativePrompt(negative)
                .editor(edit.editor(opened.defaults().edits()))
                .mask(edit.mask(source, file -> fitting(read(file), target)))
                .composite(edit.composite())
                .seed(seed.orElseGet(() -> (long) ThreadLocalRandom.current().nextInt(1_000_000_000)));
        if (steps.isPresent()) {
            wanted = wanted.steps(steps.get());
        }
        if (size.isPresent()) {
            wanted = wanted.size(size.get().width(), size.get().height());
        }
        var prepared = editor.prepare(source, speed.tiers().reuse().map(wanted::reuse).orElse(wanted));
        announce(opened, prepared);
        return editor.run(prepared, stages);
    }

    private void announce(VideoModel opened, VideoEditor.Prepared prepared) {
        if (writing.isQuiet()) {
            return;
        }
        var recipe = prepared.recipe();
        tell("edit      %d frames of %d x %d, %d steps, seed %d", recipe.frames(), recipe.width(), recipe.height(),
                recipe.steps(), recipe.seed());
        tell("method    %s", recipe.method());
        tell("mask      %s", recipe.mask());
        var estimate = prepared.estimate();
        tell("cost      at most %d evaluations of the network%s%s%s%s; about %s of memory and %s",
                prepared.evaluations(),
                prepared.forMask() > 0 ? " and %d for the mask".formatted(prepared.forMask()) : "",
                prepared.forPrompt() > 0 ? " and %d to see whether the source prompt describes the video"
                        .formatted(prepared.forPrompt()) : "",
                prepared.gradients() > 0 ? " and at most %d gradients through it".formatted(prepared.gradients()) : "",
                prepared.windows().count() > 1 ? ", %d windows included".formatted(prepared.windows().count()) : "",
                Terminal.bytes(Machine.heldBytes() + estimate.peakBytes()),
                Terminal.duration(prepared.seconds(Speeds.here())));
    }

    // ---------------------------------------------------------------- from latents to the file

    /// Latents of an earlier run, if what is asked now is what was asked then.
    private EditedLatents resumed(VideoModel opened, Path kept) {
        Writing.requireThere(kept);
        var latents = EditedLatents.load(kept);
        var then = latents.recipe();
        var differences = new Writing.Differences().add("model", Optional.of(opened.name()), then.model())
                .add("from", from, then.from()).add("to", to, then.to()).add("seed", seed, then.seed())
                .add("steps", steps, then.steps())
                .add("method", edit.method().map(_ -> edit.editor(opened.defaults().edits()).toString()),
                        then.method());
        if (!differences.none()) {
            latents.close();
            throw differences.refused("edit", kept);
        }
        tell("resume    \"%s\" to \"%s\", seed %d, from %s", then.from(), then.to(), then.seed(), kept);
        return latents;
    }

    private MediaInfo finished(VideoEditor editor, EditedLatents latents, Frames source, Path target, Path kept,
            boolean sound, Stages stages) throws IOException {
        return writing.written("edited", kept, stages, zoetrope, () -> {
            var result = editor.finish(latents, source, stages);
            stages.enter("write", String.valueOf(target.getFileName()));
            zoetrope.interruption().disposable(false);
            var how = writing.options(result.recipe().toJson());
            var info = VideoWriter.write(result.frames(), target, how);
            if (compare) {
                VideoWriter.write(SideBySide.of(source, result.frames()), comparison(target), how);
            }
            if (sound) {
                SoundTrack.carry(video, target);
            }
            return info;
        });
    }

    private void tell(String format, Object... values) {
        if (!writing.isQuiet()) {
            zoetrope.terminal().tell(format, values);
        }
    }
}
