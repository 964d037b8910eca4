package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.zoetrope.media.MediaInfo;
import org.zoetrope.media.VideoWriter;
import picocli.CommandLine.Option;

/// How the result of a long run becomes a file. Its latents stay on the disk until the file is there, so that nothing
/// long is done twice.
final class Writing {
    @Option(names = "--quality", paramLabel = "1..100", defaultValue = "90",
            description = "Quality of lossy formats (default: 90).")
    private int quality;
    @Option(names = "--no-metadata",
            description = "Do not store the recipe (prompts, seed, settings) in the file.")
    private boolean anonymous;
    @Option(names = "--latents", paramLabel = "FILE",
            description = "Keep the latents here (default: beside the output, until they are decoded).")
    private Optional<Path> latents;
    @Option(names = "--resume",
            description = "Decode the latents that an earlier run has left, instead of making them again.")
    private boolean resume;
    @Option(names = {"-q", "--quiet"},
            description = "Print the name of the written file and nothing else.")
    private boolean quiet;

    /// What is asked now and was not asked when latents were made.
    static final class Differences {
        private final List<String> found = new ArrayList<>();

        /// @param now what is asked, if anything is
        <T> Differences add(String what, Optional<T> now, T then) {
            now.filter(value -> !value.equals(then)).ifPresent(value -> found.add(
                    "%s %s now, %s then".formatted(what, value, then)));
            return this;
        }

        boolean none() {
            return found.isEmpty();
        }

        /// @param what was made, such as `edit`
        UsageException refused(String what, Path kept) {
            return new UsageException(
                    "%s is of another %s:%n  %s%n  fix    leave these options out, or run without --resume",
                    kept, what, String.join("\n  ", found));
        }
    }

    /// @throws UsageException if an option is out of its range
    void check() {
        if (quality < 1 || quality > 100) {
            throw new UsageException("a quality of %d; give 1 (smallest file) to 100", quality);
        }
    }

    boolean resumes() {
        return resume;
    }

    boolean isQuiet() {
        return quiet;
    }

    /// Where the latents are until they are decoded, or for good.
    Path latents(Path target) {
        return latents.orElse(Path.of(target + ".latents.safetensors"));
    }

    /// How to write a video of this recipe.
    VideoWriter.Options options(String recipe) {
        var how = VideoWriter.Options.defaults().withQuality(quality);
        return anonymous ? how : how.withComment(recipe);
    }

    /// @throws UsageException if an earlier run has left nothing
    static void requireThere(Path kept) {
        if (!Files.isRegularFile(kept)) {
            throw new UsageException("nothing to resume: there is no %s%n"
                    + "  fix    give the output (-o) of the run that was stopped, or run without --resume", kept);
        }
    }

    /// Decodes and writes. Afterwards the latents go, unless a place for them was given; after a failure they stay.
    ///
    /// @param what the latents are, such as `edited`
    MediaInfo written(String what, Path kept, Stages stages, Zoetrope zoetrope, Supplier<MediaInfo> write)
            throws IOException {
        try {
            var info = write.get();
            stages.close();
            if (latents.isEmpty()) {
                Files.deleteIfExists(kept);
            }
            return info;
        } catch (RuntimeException e) {
            stages.close();
            if (!quiet) {
                zoetrope.terminal().tell(
                        "note      the %s latents are in %s; the same command with --resume goes on from there", what,
                        kept);
            }
            throw e;
        } finally {
            zoetrope.interruption().disposable(true);
        }
    }
}
