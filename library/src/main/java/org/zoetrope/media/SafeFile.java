package org.zoetrope.media;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import java.util.function.Consumer;

/// Writes a file so that it is there whole or not at all: a hidden sibling is written, brought to the disk, checked and
/// renamed. Whatever fails or interrupts on the way, the sibling is deleted and an older file of the name stays as it
/// was.
final class SafeFile {
    private SafeFile() {}

    /// @param body  writes the sibling
    /// @param check reads it back; throws if it is not what was meant
    /// @throws MediaException naming the target, the reason, and what to do
    static void write(Path target, Consumer<Path> body, Consumer<Path> check) {
        var folder = folder(target);
        var part = folder.resolve(".%s.part.%s".formatted(UUID.randomUUID(), FileDoor.extension(target)));
        try {
            body.accept(part);
            flush(part);
            check.accept(part);
            FileDoor.notInterrupted("writing", target);
            move(part, target);
        } catch (MediaException | IOException e) {
            throw failed(target, e);
        } finally {
            delete(part);
        }
    }

    /// The folder a file goes to, created if it is missing.
    static Path folder(Path target) {
        var folder = FileDoor.folder(target);
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new MediaException(("cannot create the folder %s for %s: %s"
                    + "%n  fix    choose a folder you may write to").formatted(
                    folder, target.getFileName(), reason(e)), e);
        }
        if (Files.isDirectory(target)) {
            throw new MediaException(target + " is a folder; give the name of a file in it");
        }
        return folder;
    }

    static void write(Path file, byte[] bytes) {
        try {
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new MediaException(reason(e), e);
        }
    }

    static void flush(Path file) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }

    static void move(Path from, Path to) throws IOException {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING); // some network folders
        }
    }

    private static void delete(Path part) {
        try {
            Files.deleteIfExists(part);
        } catch (IOException e) {
            // The folder itself went away; what stopped the writing is already on its way to the caller.
        }
    }

    static MediaException failed(Path target, Exception e) {
        var reason = reason(e);
        var advice = reason.contains("  fix    ") ? "" : "%n  fix    ".formatted() + advice(target);
        return new MediaException("cannot write %s: %s%s; nothing was left behind".formatted(target, reason, advice), e);
    }

    private static String advice(Path target) {
        try {
            return "check the permissions of %s and the space there (%d MB free)".formatted(FileDoor.folder(target),
                    Files.getFileStore(FileDoor.folder(target)).getUsableSpace() >> 20);
        } catch (IOException e) {
            return "choose another folder";
        }
    }

    /// Java's file exceptions often say no more than the path; then their name is the reason.
    private static String reason(Exception e) {
        if (e instanceof MediaException) {
            return String.valueOf(e.getMessage());
        }
        var words = e.getClass().getSimpleName().replace("Exception", "").replaceAll("(?<=[a-z])(?=[A-Z])", " ");
        return words + " (" + e.getMessage() + ")";
    }
}
