package org.zoetrope.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.zoetrope.media.MediaException;
import org.zoetrope.media.MediaInfo;
import org.zoetrope.media.VideoWriter;
import org.zoetrope.tensor.Torch;

/// A file that a long run will write.
final class OutputFile {
    private static final int NAME_LENGTH = 48;

    private OutputFile() {}

    /// Says before a long run what would stop its result from being written.
    static void requireWritable(Path target, int width, int height, double fps) {
        try {
            VideoWriter.check(target, width, height, fps);
        } catch (MediaException e) {
            throw new UsageException(e);
        }
        requireWritable(target);
    }

    /// Permissions promise much that a file system then refuses; writing something is the only proof.
    static void requireWritable(Path file) {
        var folder = Optional.ofNullable(file.toAbsolutePath().getParent()).orElse(file.toAbsolutePath());
        try {
            Files.createDirectories(folder);
            Files.delete(Files.createTempFile(folder, ".zoetrope", ".tmp"));
        } catch (IOException e) {
            throw new UsageException("cannot write to %s (%s)%n  fix    choose a folder you may write to, with -o",
                    folder, e.getClass().getSimpleName().replace("Exception", ""));
        }
    }

    /// What was written, in words, how long it took since `start` (`System.nanoTime`), and with how much memory.
    static String report(Path target, MediaInfo info, long start) {
        return "wrote %s in %s, with at most %s of memory".formatted(described(target, info),
                Terminal.duration((System.nanoTime() - start) / 1e9), Terminal.bytes(Torch.peakResidentBytes()));
    }

    private static String described(Path target, MediaInfo info) {
        var file = target.resolveSibling(String.valueOf(info.path().getFileName()));
        if (info.frameCount() == 1) {
            return "%s: a picture of %d x %d, %s".formatted(file, info.width(), info.height(), size(info.path()));
        }
        var frames = String.format(Locale.ROOT, "%d frames of %d x %d, %.1f s", info.frameCount(), info.width(),
                info.height(), info.frameCount() / info.fps());
        return file.equals(target) ? "%s: %s, %s".formatted(file, frames, size(file))
                : "%s and the %d after it: %s".formatted(file, info.frameCount() - 1, frames);
    }

    private static String size(Path file) {
        try {
            return Terminal.bytes(Files.size(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The prompt's words as the name of a file that is not there yet.
    static Path unusedName(Path folder, String prompt) {
        var slug = prompt.toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N}]+", "-").replaceAll("^-|-$", "");
        var name = slug.isEmpty() ? "video" : slug.substring(0, Math.min(slug.length(), NAME_LENGTH));
        var file = folder.resolve(name + ".mp4");
        for (var i = 2; Files.exists(file); i++) {
            file = folder.resolve("%s-%d.mp4".formatted(name, i));
        }
        return file;
    }

    /// A name beside a file: `clip.mp4` becomes `clip-compare.mp4`.
    static Path beside(Path file, String addition, String extension) {
        var name = String.valueOf(file.getFileName());
        var dot = name.lastIndexOf('.');
        return file.resolveSibling((dot < 0 ? name : name.substring(0, dot)) + addition + extension);
    }
}
