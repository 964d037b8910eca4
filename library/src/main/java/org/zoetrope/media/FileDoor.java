package org.zoetrope.media;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;

/// The checks every file passes before it is decoded, and the words for those that do not.
final class FileDoor {
    private FileDoor() {}

    /// The extension in lower case without its dot, empty if there is none.
    static String extension(Path file) {
        var name = file.getFileName() == null ? "" : file.getFileName().toString();
        var dot = name.lastIndexOf('.');
        return dot < 0 ? "" : name.substring(dot + 1).toLowerCase(Locale.ROOT);
    }

    /// A regular file, readable, not empty, not above the limit. Pipes and devices are refused: they may never end.
    static void readable(Path file, Limits limits) {
        if (!Files.exists(file)) {
            throw new MediaException("no file " + file + "; check the name (the folder is " + folder(file) + ")");
        }
        if (!Files.isRegularFile(file)) {
            throw new MediaException("%s is not a file but %s; give a video file".formatted(
                    file, Files.isDirectory(file) ? "a folder" : "a pipe or a device"));
        }
        if (!Files.isReadable(file)) {
            throw new MediaException("%s may not be read by this user; change its permissions".formatted(file));
        }
        var bytes = bytes(file);
        if (bytes == 0) {
            throw new MediaException(file + " is empty; the program that wrote it did not finish");
        }
        if (bytes > limits.bytes()) {
            throw exceeds(file, "has %d bytes".formatted(bytes), "%d bytes".formatted(limits.bytes()), "withBytes");
        }
    }

    static void size(Path file, int width, int height, Limits limits) {
        if ((long) width * height > limits.pixels()) {
            throw exceeds(file, "has frames of %d x %d = %d pixels".formatted(width, height, (long) width * height),
                    "%d pixels".formatted(limits.pixels()), "withPixels");
        }
    }

    static void frames(Path file, int width, int height, long frames, Limits limits) {
        if (frames > limits.frames()) {
            throw exceeds(file, "has %d frames or more".formatted(frames), "%d frames".formatted(limits.frames()),
                    "withFrames");
        }
        if (frames * width * height * Frames.CHANNELS > limits.decodedBytes()) {
            throw exceeds(file, "takes %d bytes of memory or more".formatted(frames * width * height * Frames.CHANNELS),
                    "%d bytes decoded".formatted(limits.decodedBytes()), "withDecodedBytes");
        }
    }

    static void duration(Path file, double seconds, Limits limits) {
        if (Duration.ofNanos((long) (seconds * 1e9)).compareTo(limits.duration()) > 0) {
            throw exceeds(file, "lasts %.2f seconds".formatted(seconds), limits.duration().toString(), "withDuration");
        }
    }

    private static MediaException exceeds(Path file, String found, String limit, String wither) {
        return new MediaException(("%s %s, the limit is %s"
                + "%n  fix    cut or shrink the file, or raise the limit (Limits.%s)").formatted(
                file, found, limit, wither));
    }

    /// @throws MediaException if this thread was asked to stop; the flag stays set for the caller
    static void notInterrupted(String doing, Path file) {
        if (Thread.currentThread().isInterrupted()) {
            throw new MediaException("interrupted while %s %s; nothing was kept".formatted(doing, file));
        }
    }

    /// The first bytes of a file as one would quote them.
    static String beginning(Path file) {
        try (var in = Files.newInputStream(file)) {
            var text = new String(in.readNBytes(16), StandardCharsets.ISO_8859_1);
            return "\"" + text.replaceAll("[^\\x20-\\x7e]", ".") + "\"";
        } catch (IOException e) {
            return "unreadable bytes (" + e.getMessage() + ")";
        }
    }

    static long bytes(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw new MediaException("cannot tell the size of " + file + ": " + e.getMessage(), e);
        }
    }

    static Path folder(Path file) {
        var parent = file.toAbsolutePath().getParent();
        return parent == null ? file.toAbsolutePath() : parent;
    }
}
