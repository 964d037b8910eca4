package org.zoetrope.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;

/// The files of one job, each whole.
record JobFolder(Path path) {
    private static final Pattern ID = Pattern.compile("video_[0-9a-f]{32}");

    /// What a client may download.
    enum Variant {
        VIDEO("video.mp4", "video/mp4"), THUMBNAIL("thumbnail.webp", "image/webp"),
        SPRITESHEET("spritesheet.jpg", "image/jpeg"),
        /// Ours: the first frame, which a player shows before it plays.
        POSTER("poster.webp", "image/webp"),
        /// Ours: the video that this one was made from.
        SOURCE("source.mp4", "video/mp4");

        final String file;
        final String mediaType;

        Variant(String file, String mediaType) {
            this.file = file;
            this.mediaType = mediaType;
        }
    }

    static boolean isId(String text) {
        return ID.matcher(text).matches();
    }

    /// The folder of a job below the folder of all jobs. The id is ours, never a text of a client.
    static JobFolder of(Path data, String id) {
        if (!isId(id)) {
            throw new IllegalArgumentException("no id of a job: " + id);
        }
        return new JobFolder(data.resolve("videos").resolve(id));
    }

    Path file(Variant variant) {
        return path.resolve(variant.file);
    }

    /// Where the run stands.
    Path checkpoint() {
        return path.resolve("checkpoint.safetensors");
    }

    /// The finished run before it is decoded.
    Path latents() {
        return path.resolve("latents.safetensors");
    }

    Path input(String name) {
        return path.resolve(name);
    }

    void write(String name, byte[] content) {
        new DurableFolder(path).write(name, content);
    }

    /// Copies a file of another job.
    void copy(Path from, String name) {
        try {
            write(name, Files.readAllBytes(from));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Optional<Path> existing(Variant variant) {
        return Optional.of(file(variant)).filter(Files::isRegularFile);
    }

    /// Deletes what only an unfinished job needs, what a client has uploaded included.
    void tidy() {
        try {
            Files.deleteIfExists(checkpoint());
            Files.deleteIfExists(latents());
            for (var kind : Container.values()) {
                Files.deleteIfExists(input(kind.file()));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void delete() {
        new DurableFolder(path).delete();
    }
}
