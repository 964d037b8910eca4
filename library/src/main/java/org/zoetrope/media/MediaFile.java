package org.zoetrope.media;

import java.nio.file.Path;

/// Looks at media files without decoding their pictures.
public final class MediaFile {
    private MediaFile() {}

    /// Version and licence of the FFmpeg that reads and writes.
    public static String ffmpeg() {
        return Ffmpeg.version();
    }

    /// Inspects within `Limits.defaults()`.
    public static MediaInfo inspect(Path file) {
        return inspect(file, Limits.defaults());
    }

    /// What a file says about itself: format, size, rate, length, comment.
    ///
    /// @param file a video, a picture, or the name a PNG sequence was written under
    /// @throws MediaException if there is no such file, it is no video, has no video stream, is damaged, or exceeds
    ///                        a limit
    public static MediaInfo inspect(Path file, Limits limits) {
        switch (FileDoor.extension(file)) {
            case "png", "jpg", "jpeg", "bmp" -> {
                var files = VideoReader.sequence(file);
                return files.isEmpty() ? ImageFile.inspect(file, limits)
                        : inspect(files.getFirst(), files.size(), VideoReader.rate(files.getFirst(), limits));
            }
            case "webp" -> {
                var webp = VideoReader.webp(file, limits);
                var timeline = webp.timeline();
                return new MediaInfo(file, "webp", "webp", webp.width(), webp.height(), timeline.fps(),
                        webp.pictures().size(), timeline.duration(), timeline.variable(), webp.comment());
            }
            default -> {
                try (var decoder = new Decoder(file, limits)) {
                    return decoder.inspect();
                }
            }
        }
    }

    /// A sequence of pictures, described by its first one.
    static MediaInfo inspect(Path first, int count, double fps) {
        var info = ImageFile.inspect(first, Limits.defaults());
        return new MediaInfo(first, info.container(), info.codec(), info.width(), info.height(), fps, count,
                count / fps, false, info.comment());
    }
}
