package org.zoetrope.media;

import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_BT470BG;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_BT709;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_RGB;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_BGR0;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_PAL8;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_RGB32;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_YUV420P;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/// Writes a clip to a file whose extension says how:
///
/// | extension | what it is | loss |
/// |---|---|---|
/// | `.mp4` | H.264, plays everywhere; width and height must be even | 4:2:0 colour, constant quality |
/// | `.webm` | VP9, plays in browsers, about a third of the bytes | 4:2:0 colour, constant quality |
/// | `.mkv` | FFV1 | none |
/// | `.png` | one picture, or `frame.png` → `frame-0000.png`, ...; `frame-%05d.png` names the counter itself | none |
/// | `.gif` | 255 colours, up to 50 frames per second | none up to 255 colours, else dithered |
/// | `.webp` | animated WebP | lossy, or none at quality 100 |
///
/// The file is written under a hidden name beside the target, brought to the disk, read back (frame count, rate,
/// colours of the first and last frame, comment) and renamed, so that a file of the given name is always whole.
///
/// 4:2:0 stores colour at half the width and height. At quality 90 and 64 x 64, smooth clips come back at 40 dB and
/// more, the generated scenes of antialiased shapes at 34 to 42 dB; saturated shapes with hard edges cannot exceed
/// about 30 dB in any 4:2:0 file. `.mkv` and `.png` keep every bit, `.gif` every clip of up to 255 colours.
public final class VideoWriter {
    private static final int GIF_RATE = 50; // a delay below 2 hundredths is read as 10 by browsers
    private static final double GIF_TICK = 0.011; // seconds a rounded clip may be longer or shorter: a hundredth
    private static final int BLOCK = 8;
    private static final double NEAR = 16; // levels a block's mean colour may be off: codecs and dithering stay below 6
    private static final int LONGEST_COMMENT = 1 << 20;

    enum Format { MP4, WEBM, MKV, PNG, GIF, WEBP }

    /// How to write.
    ///
    /// @param comment text kept in the file, such as the recipe of the clip as JSON
    /// @param quality from 1 (smallest file) to 100; 90 is visually lossless. Lossless formats ignore it
    public record Options(Optional<String> comment, int quality) {
        private static final Options DEFAULTS = new Options(Optional.empty(), 90);

        public Options {
            if (quality < 1 || quality > 100) {
                throw new MediaException("quality goes from 1 to 100, found " + quality);
            }
            comment.ifPresent(text -> {
                if (text.length() > LONGEST_COMMENT || text.isEmpty() || text.indexOf('\0') >= 0) {
                    throw new MediaException(("a comment has 1 to %d characters and no zero character, "
                            + "found %d characters").formatted(LONGEST_COMMENT, text.length()));
                }
            });
        }

        /// No comment, quality 90.
        public static Options defaults() {
            return DEFAULTS;
        }

        public Options withComment(String text) {
            return new Options(Optional.of(text), quality);
        }

        public Options withQuality(int n) {
            return new Options(comment, n);
        }
    }

    private VideoWriter() {}

    /// The extensions that can be written, without a dot.
    public static List<String> extensions() {
        return Arrays.stream(Format.values()).map(f -> f.name().toLowerCase(Locale.ROOT)).toList();
    }

    /// Writes with `Options.defaults()`.
    public static MediaInfo write(Frames frames, Path target) {
        return write(frames, target, Options.defaults());
    }

    /// Writes the clip, replacing an older file of the name.
    ///
    /// @return what was read back from the finished file
    /// @throws MediaException if the extension is unknown, the format cannot hold the clip, the file cannot be written,
    ///                        or it does not read back as it should; no part of a file is left behind
    public static MediaInfo write(Frames frames, Path target, Options options) {
        check(target, frames.width(), frames.height(), frames.fps());
        var format = format(target);
        if (format == Format.PNG) {
            return png(frames, target, options);
        }
        SafeFile.write(target,
                part -> {
                    encode(frames, part, format, options);
                    comment(part, format, options);
                },
                part -> verify(frames, part, options));
        return MediaFile.inspect(target);
    }

    /// Says before a long computation whether its result can be written: the extension, the size, the rate, the folder.
    ///
    /// @throws MediaException if not
    public static void check(Path target, int width, int height, double fps) {
        var format = format(target);
        SafeFile.folder(target);
        if (!Files.isWritable(FileDoor.folder(target))) {
            throw new MediaException("this user may not write to %s; choose another folder for %s".formatted(
                    FileDoor.folder(target), target.getFileName()));
        }
        if (format == Format.MP4 && (width % 2 != 0 || height % 2 != 0)) {
            throw new MediaException(("H.264 for players (yuv420p) needs an even width and height, found %d x %d"
                    + "%n  fix    crop to %d x %d (Resize.cropped), or write .mkv, .webm, .gif, .webp or .png")
                    .formatted(width, height, width - width % 2, height - height % 2));
        }
        if (format == Format.GIF && fps > GIF_RATE) {
            throw new MediaException(("a GIF shows at most %d frames per second, found %s"
                    + "%n  fix    resample the clip (Resize.atRate), or write .mp4").formatted(GIF_RATE, fps));
        }
    }

    static Format format(Path target) {
        var extension = FileDoor.extension(target);
        for (var format : Format.values()) {
            if (format.name().equalsIgnoreCase(extension)) {
                return format;
            }
        }
        throw new MediaException("cannot tell a video format from the name %s%n  fix    end it with one of %s"
                .formatted(target, extensions().stream().map(e -> "." + e).collect(Collectors.joining(", "))));
    }

    private static void encode(Frames frames, Path part, Format format, Options options) {
        try (var encoder = new Encoder(part, frames, settings(format, options.quality()), options.comment())) {
            if (format == Format.GIF) {
                var palette = GifPalette.of(frames);
                for (var image : frames.images()) {
                    encoder.write(palette.indices(image, frames.width()), palette.argb());
                }
            } else {
                frames.images().forEach(encoder::write);
            }
            encoder.finish();
        }
    }

    static Encoder.Settings settings(Format format, int quality) {
        var quantiser = 12 + (100 - quality) * 3 / 10; // H.264's scale: 12 at 100, 15 at 90, 27 at 50
        return switch (format) {
            case MP4 -> new Encoder.Settings("mp4", List.of("libx264", "libopenh264"), AV_PIX_FMT_YUV420P,
                    AVCOL_SPC_BT709, Map.of("movflags", "+faststart+use_metadata_tags"), h264(quantiser),
                    "h264_metadata=chroma_sample_loc_type=1"); // chroma in the middle, see PixelConverter
            case WEBM -> new Encoder.Settings("webm", List.of("libvpx-vp9"), AV_PIX_FMT_YUV420P,
                    AVCOL_SPC_BT709, Map.of(), vp9(Math.min(63, 100 - quality)), "null");
            case MKV -> new Encoder.Settings("matroska", List.of("ffv1"), AV_PIX_FMT_BGR0, AVCOL_SPC_RGB, Map.of(),
                    Map.of("ffv1", Map.of("level", "3", "slicecrc", "1")), "null");
            case GIF -> new Encoder.Settings("gif", List.of("gif"), AV_PIX_FMT_PAL8, AVCOL_SPC_RGB, Map.of(), Map.of(),
                    "null");
            // One full picture a frame: libwebp's own animation encoder merges equal frames, and the count is lost. It
            // is given YUV: its own conversion from RGB blurs colour (64 x 64, quality 90: 35.7 dB, from ours 40.1 dB).
            case WEBP -> quality == 100
                    ? new Encoder.Settings("webp", List.of("libwebp"), AV_PIX_FMT_RGB32, AVCOL_SPC_RGB,
                            Map.of("loop", "0"), Map.of("libwebp", Map.of("lossless", "1")), "null")
                    : new Encoder.Settings("webp", List.of("libwebp"), AV_PIX_FMT_YUV420P, AVCOL_SPC_BT470BG,
                            Map.of("loop", "0"), Map.of("libwebp", Map.of("quality", String.valueOf(quality))), "null");
            case PNG -> throw new IllegalStateException("pictures are written one by one");
        };
    }

    /// libopenh264 codes every frame by itself at a fixed quantiser. Its prediction between frames decides by luma and
    /// leaves wrong colours behind moving shapes (64 x 64, 17 frames: 34 dB against the 4:2:0 source, all-intra 47 dB
    /// with twice the bytes), and its rate control starts a clip at quantiser 26 whatever the bit rate.
    private static Map<String, Map<String, String>> h264(int quantiser) {
        var q = String.valueOf(quantiser);
        return Map.of(
                "libx264", Map.of("crf", q, "preset", "medium"),
                "libopenh264", Map.of("g", "1", "qmin", q, "qmax", q, "profile", "high", "b", "20000000"));
    }

    /// VP9 at constant quality; without the bit rate of 0 its quality number is only an upper bound.
    private static Map<String, Map<String, String>> vp9(int quality) {
        return Map.of("libvpx-vp9", Map.of("crf", String.valueOf(quality), "b", "0", "g", "60", "cpu-used", "2",
                "row-mt", "1"));
    }

    /// GIF and WebP get their comment from us: FFmpeg's writers drop it.
    private static void comment(Path part, Format format, Options options) {
        if (options.comment().isPresent() && (format == Format.GIF || format == Format.WEBP)) {
            var text = options.comment().get();
            var bytes = ImageFile.bytes(part, ANY_SIZE);
            SafeFile.write(part, format == Format.GIF ? GifFile.withComment(bytes, text, part)
                    : WebpFile.withComment(bytes, text, part));
        }
    }

    /// What we have just written may be of any size.
    private static final Limits ANY_SIZE = new Limits(Long.MAX_VALUE, Integer.MAX_VALUE, Integer.MAX_VALUE,
            Duration.ofDays(365), Long.MAX_VALUE);

    private static void verify(Frames frames, Path part, Options options) {
        var ends = new ArrayList<byte[]>();
        var count = new int[1];
        var timeline = VideoReader.decode(part, ANY_SIZE, image -> {
            if (count[0] == 0 || count[0] == frames.count() - 1) {
                ends.add(image);
            }
            count[0]++;
        });
        var info = MediaFile.inspect(part, ANY_SIZE);
        if (count[0] != frames.count() || info.frameCount() != frames.count()) {
            throw new MediaException("it reads back with %d frames instead of %d".formatted(count[0], frames.count()));
        }
        var still = count[0] == 1 && info.container().equals("webp"); // WebP keeps no time for a single picture
        var late = Math.abs(timeline.duration() - frames.duration());
        if (timeline.variable() || (!still && late > Math.max(GIF_TICK, 0.001 * frames.duration()))) {
            throw new MediaException("it reads back at %s frames per second instead of %s".formatted(
                    timeline.fps(), frames.fps()));
        }
        for (var i = 0; i < ends.size(); i++) {
            var image = frames.images().get(i == 0 ? 0 : frames.count() - 1);
            var off = difference(image, ends.get(i), frames.width(), frames.height());
            if (off > NEAR) {
                throw new MediaException("its %s frame reads back with other colours (off by %.0f of 255 levels)"
                        .formatted(i == 0 ? "first" : "last", off));
            }
        }
        if (!info.comment().equals(options.comment())) {
            throw new MediaException("its comment reads back as " + info.comment().orElse("nothing"));
        }
    }

    /// Mean difference of two pictures' mean colours over blocks of 8 x 8. Block means survive a codec and dithering
    /// even where the picture is noise, and nothing else does: a swapped channel, a shifted or a missing picture.
    private static double difference(byte[] a, byte[] b, int width, int height) {
        double total = 0;
        var blocks = 0;
        for (var top = 0; top < height; top += BLOCK) {
            for (var left = 0; left < width; left += BLOCK) {
                for (var c = 0; c < Frames.CHANNELS; c++, blocks++) {
                    long sum = 0;
                    int bottom = Math.min(top + BLOCK, height), right = Math.min(left + BLOCK, width);
                    for (var y = top; y < bottom; y++) {
                        for (var x = left; x < right; x++) {
                            var at = (y * width + x) * Frames.CHANNELS + c;
                            sum += (a[at] & 0xff) - (b[at] & 0xff);
                        }
                    }
                    total += Math.abs((double) sum / ((bottom - top) * (right - left)));
                }
            }
        }
        return total / blocks;
    }

    private static MediaInfo png(Frames frames, Path target, Options options) {
        var texts = new LinkedHashMap<String, String>();
        texts.put(ImageFile.RATE, String.valueOf(frames.fps()));
        options.comment().ifPresent(text -> texts.put(ImageFile.COMMENT, text));
        if (frames.count() == 1 && !PngSequence.hasCounter(target)) {
            SafeFile.write(target, part -> writePng(frames, texts, part), _ -> { });
            return MediaFile.inspect(target);
        }
        var first = PngSequence.of(target).write(frames, texts).getFirst();
        return MediaFile.inspect(first, frames.count(), frames.fps());
    }

    /// Writes one picture and reads it back.
    static void writePng(Frames picture, Map<String, String> texts, Path part) {
        var image = picture.images().getFirst();
        var png = ImageFile.png(ImageFile.image(image, picture.width(), picture.height()));
        SafeFile.write(part, PngText.with(png, texts));
        if (!Arrays.equals(ImageFile.read(part, ANY_SIZE).images().getFirst(), image)) {
            throw new MediaException("it does not read back as it was written");
        }
        try {
            SafeFile.flush(part);
        } catch (IOException e) {
            throw new MediaException("it cannot be brought to the disk: " + e.getMessage(), e);
        }
    }
}
