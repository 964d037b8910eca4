package org.zoetrope.media;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/// Reads clips: any video FFmpeg decodes (mp4, mkv, webm, gif, avi, mov, ...), animated WebP, numbered PNG pictures,
/// and single pictures as clips of one frame.
///
/// Colours follow the file's tags (BT.601, BT.709, BT.2020 matrix; limited or full range); HDR transfer curves, alpha
/// and a camera's rotation note are not applied. Frames of a variable rate are resampled to their average rate: each
/// output frame shows what was on screen in the middle of its time (`MediaFile.inspect` tells whether that happened).
public final class VideoReader {
    private VideoReader() {}

    /// Reads within `Limits.defaults()`.
    public static Frames read(Path file) {
        return read(file, Limits.defaults());
    }

    /// Reads a clip. Limits are checked against what the file states before anything is decoded, and again while
    /// decoding.
    ///
    /// @param file a video, a picture, or the name a PNG sequence was written under (`frame.png`, `frame-%04d.png`)
    /// @throws MediaException if there is no such file, it is no video, has no video stream, is damaged or
    ///                        incomplete, or exceeds a limit
    public static Frames read(Path file, Limits limits) {
        return switch (FileDoor.extension(file)) {
            case "png" -> pictures(file, limits);
            case "jpg", "jpeg", "bmp" -> ImageFile.read(file, limits);
            default -> video(file, limits);
        };
    }

    private static Frames video(Path file, Limits limits) {
        var images = new ArrayList<byte[]>();
        var size = new int[2];
        var timeline = decode(file, limits, images::add, size);
        FileDoor.frames(file, size[0], size[1], timeline.shown().size(), limits);
        var shown = timeline.shown().stream().map(images::get).toList();
        return new Frames(size[0], size[1], timeline.fps(), shown);
    }

    static Timeline decode(Path file, Limits limits, Consumer<byte[]> sink) {
        return decode(file, limits, sink, new int[2]);
    }

    /// @param size receives width and height
    private static Timeline decode(Path file, Limits limits, Consumer<byte[]> sink, int[] size) {
        if (FileDoor.extension(file).equals("webp")) {
            var webp = webp(file, limits);
            size[0] = webp.width();
            size[1] = webp.height();
            webp.decode(sink);
            return webp.timeline();
        }
        try (var decoder = new Decoder(file, limits)) {
            size[0] = decoder.width();
            size[1] = decoder.height();
            return decoder.decode(sink);
        }
    }

    static WebpFile webp(Path file, Limits limits) {
        var webp = WebpFile.parse(ImageFile.bytes(file, limits), file);
        FileDoor.size(file, webp.width(), webp.height(), limits);
        FileDoor.frames(file, webp.width(), webp.height(), webp.pictures().size(), limits);
        FileDoor.duration(file, webp.timeline().duration(), limits);
        return webp;
    }

    private static Frames pictures(Path file, Limits limits) {
        var files = sequence(file);
        if (files.isEmpty()) {
            return ImageFile.read(file, limits);
        }
        return ImageFile.read(files, rate(files.getFirst(), limits), limits);
    }

    /// The pictures a name stands for; none if it names one picture that is there.
    static List<Path> sequence(Path file) {
        return Files.exists(file) ? List.of() : PngSequence.of(file).files();
    }

    static double rate(Path first, Limits limits) {
        var rate = PngText.read(ImageFile.bytes(first, limits)).get(ImageFile.RATE);
        try {
            return Double.parseDouble(rate == null ? "none" : rate);
        } catch (NumberFormatException e) {
            throw new MediaException(("%s does not say how many frames per second its clip has (text \"%s\")"
                    + "%n  fix    name the rate: ImageFile.read(files, fps, limits)").formatted(
                    first, ImageFile.RATE), e);
        }
    }
}
