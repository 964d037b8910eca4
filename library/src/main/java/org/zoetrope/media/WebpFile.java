package org.zoetrope.media;

import static org.bytedeco.ffmpeg.global.avcodec.AV_CODEC_ID_WEBP;
import static org.bytedeco.ffmpeg.global.avcodec.av_new_packet;
import static org.bytedeco.ffmpeg.global.avcodec.av_packet_alloc;
import static org.bytedeco.ffmpeg.global.avcodec.av_packet_free;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_alloc_context3;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_find_decoder;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_free_context;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_open2;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_receive_frame;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_send_packet;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_RGBA;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_alloc;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_free;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_get_buffer;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerPointer;

/// A WebP file taken apart into its RIFF chunks (WebP container specification): canvas, pictures with their times, XMP.
///
/// FFmpeg decodes single WebP pictures but not animations, so the animation is laid out here and FFmpeg sees one
/// picture at a time.
///
/// @param pictures in the order of showing; a still file has one, shown for 0 milliseconds
record WebpFile(Path file, int width, int height, List<Picture> pictures, Optional<String> comment) {
    private static final int RIFF_HEADER = 12; // "RIFF", size, "WEBP"
    private static final int CHUNK_HEADER = 8;
    private static final int FRAME_HEADER = 16; // of an ANMF chunk: offsets, size, duration, flags
    private static final int HAS_ANIMATION = 0x02;
    private static final int HAS_XMP = 0x04;
    private static final int HAS_ALPHA = 0x10;
    private static final int CLEAR_AFTER = 1; // ANMF flag: dispose to the background
    private static final int REPLACE = 2; // ANMF flag: do not blend

    /// One picture of an animation.
    ///
    /// @param chunks its image chunks (ALPH, VP8 or VP8L), as they stand in the file
    @SuppressWarnings("ArrayRecordComponent") // held for the decoder, never compared
    record Picture(int x, int y, int width, int height, int milliseconds, boolean replaces, boolean clearsAfter,
            byte[] chunks) {}

    /// @throws MediaException if the bytes are no complete WebP
    static WebpFile parse(byte[] bytes, Path file) {
        var in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (bytes.length < RIFF_HEADER + CHUNK_HEADER || !tag(bytes, 0).equals("RIFF")
                || !tag(bytes, 8).equals("WEBP")) {
            throw new MediaException("%s is not a WebP file: it begins with %s".formatted(
                    file, FileDoor.beginning(file)));
        }
        var end = CHUNK_HEADER + (in.getInt(4) & 0xffffffffL);
        if (end > bytes.length) {
            throw new MediaException("%s is incomplete: %d of %d bytes; copy or download it again".formatted(
                    file, bytes.length, end));
        }
        int width = 0, height = 0;
        Optional<String> comment = Optional.empty();
        var pictures = new ArrayList<Picture>();
        var still = new ByteArrayOutputStream();
        for (int at = RIFF_HEADER, next; at + CHUNK_HEADER <= end; at = next) {
            var size = chunkSize(bytes, at, (int) end, file);
            var body = at + CHUNK_HEADER;
            next = body + size + (size & 1);
            switch (tag(bytes, at)) {
                case "VP8X" -> {
                    width = u24(in, body + 4) + 1;
                    height = u24(in, body + 7) + 1;
                }
                case "ANMF" -> pictures.add(picture(in, bytes, body, size, file));
                case "ALPH", "VP8 ", "VP8L" -> still.write(bytes, at, Math.min(next, bytes.length) - at);
                case "XMP " -> comment = Xmp.description(new String(bytes, body, size, StandardCharsets.UTF_8));
                default -> { } // colour profiles, EXIF, the loop count
            }
        }
        if (pictures.isEmpty() && still.size() > 0) {
            pictures.add(new Picture(0, 0, width, height, 0, true, false, still.toByteArray()));
        }
        if (pictures.isEmpty()) {
            throw new MediaException(file + " is a WebP file without a picture");
        }
        return new WebpFile(file, width, height, List.copyOf(pictures), comment).sized();
    }

    private static Picture picture(ByteBuffer in, byte[] bytes, int body, int size, Path file) {
        if (size < FRAME_HEADER) {
            throw new MediaException("%s is damaged: a frame of %d bytes at byte %d".formatted(file, size, body));
        }
        var flags = in.get(body + 15);
        return new Picture(2 * u24(in, body), 2 * u24(in, body + 3), u24(in, body + 6) + 1, u24(in, body + 9) + 1,
                u24(in, body + 12), (flags & REPLACE) != 0, (flags & CLEAR_AFTER) != 0,
                Arrays.copyOfRange(bytes, body + FRAME_HEADER, body + size));
    }

    private static int chunkSize(byte[] bytes, int at, int end, Path file) {
        var size = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(at + 4);
        if (size < 0 || size > end - at - CHUNK_HEADER) {
            throw new MediaException("%s is damaged: chunk \"%s\" at byte %d claims %d bytes of %d".formatted(
                    file, tag(bytes, at), at, size & 0xffffffffL, end - at - CHUNK_HEADER));
        }
        return size;
    }

    /// A file without the extended header states its size in the picture alone.
    private WebpFile sized() {
        if (width > 0) {
            return this;
        }
        var chunk = pictures.getFirst().chunks();
        var in = ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN);
        int w = 0, h = 0;
        if (chunk.length >= CHUNK_HEADER + 10 && tag(chunk, 0).equals("VP8 ")) { // RFC 6386 section 9.1
            w = in.getShort(CHUNK_HEADER + 6) & 0x3fff;
            h = in.getShort(CHUNK_HEADER + 8) & 0x3fff;
        } else if (chunk.length >= CHUNK_HEADER + 5) { // VP8L: a signature byte, then 14 bits each
            var bits = in.getInt(CHUNK_HEADER + 1);
            w = (bits & 0x3fff) + 1;
            h = (bits >> 14 & 0x3fff) + 1;
        }
        if (w == 0 || h == 0) {
            throw new MediaException(file + " is damaged: its picture states no size");
        }
        return new WebpFile(file, w, h,
                List.of(new Picture(0, 0, w, h, 0, true, false, chunk)), comment);
    }

    /// Start of every picture in seconds, and behind it the end of the last one.
    private double[] times() {
        var times = new double[pictures.size() + 1];
        for (var i = 0; i < pictures.size(); i++) {
            times[i + 1] = times[i] + pictures.get(i).milliseconds() / 1000.0;
        }
        return times;
    }

    /// When the pictures are shown. A still is shown for one second, as every single picture is here.
    Timeline timeline() {
        if (pictures.size() == 1) {
            var seconds = pictures.getFirst().milliseconds() > 0 ? pictures.getFirst().milliseconds() / 1000.0 : 1;
            return new Timeline(1 / seconds, false, seconds, List.of(0));
        }
        var times = times();
        var n = pictures.size();
        var last = times[n] - times[n - 1];
        return Timeline.of(Arrays.copyOf(times, n), 0.001, 0, last);
    }

    /// Lays every picture onto the canvas, which starts black, and hands each state over.
    void decode(Consumer<byte[]> sink) {
        var canvas = new byte[width * height * Frames.CHANNELS];
        for (var picture : pictures) {
            FileDoor.notInterrupted("reading", file);
            lay(picture, rgba(picture), canvas);
            sink.accept(canvas.clone());
            if (picture.clearsAfter()) {
                lay(picture, new byte[0], canvas);
            }
        }
    }

    /// @param rgba the picture, or nothing to clear its place
    private void lay(Picture picture, byte[] rgba, byte[] canvas) {
        for (var y = 0; y < Math.min(picture.height(), height - picture.y()); y++) {
            for (var x = 0; x < Math.min(picture.width(), width - picture.x()); x++) {
                var from = (y * picture.width() + x) * 4;
                var to = ((picture.y() + y) * width + picture.x() + x) * Frames.CHANNELS;
                var alpha = rgba.length == 0 ? 0 : rgba[from + 3] & 0xff;
                for (var c = 0; c < Frames.CHANNELS; c++) {
                    var under = picture.replaces() || rgba.length == 0 ? 0 : canvas[to + c] & 0xff;
                    var over = rgba.length == 0 ? 0 : rgba[from + c] & 0xff;
                    canvas[to + c] = (byte) ((over * alpha + under * (255 - alpha) + 127) / 255);
                }
            }
        }
    }

    private byte[] rgba(Picture picture) {
        Ffmpeg.begin();
        var riff = riff(picture);
        var codec = Ffmpeg.allocated(avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_WEBP)), "a decoder");
        var packet = Ffmpeg.allocated(av_packet_alloc(), "a packet");
        var frame = Ffmpeg.allocated(av_frame_alloc(), "a frame");
        var rgba = Ffmpeg.allocated(av_frame_alloc(), "a frame");
        try {
            Ffmpeg.check(avcodec_open2(codec, null, (PointerPointer<?>) null), "opening the WebP decoder", file);
            Ffmpeg.check(av_new_packet(packet, riff.length), "allocating a packet", file);
            packet.data().put(riff, 0, riff.length);
            Ffmpeg.check(avcodec_send_packet(codec, packet), "decoding a WebP picture", file);
            Ffmpeg.check(avcodec_receive_frame(codec, frame), "decoding a WebP picture", file);
            if (frame.width() != picture.width() || frame.height() != picture.height()) {
                throw new MediaException("%s is damaged: a picture of %d x %d in a place of %d x %d".formatted(
                        file, frame.width(), frame.height(), picture.width(), picture.height()));
            }
            rgba.format(AV_PIX_FMT_RGBA).width(frame.width()).height(frame.height());
            Ffmpeg.check(av_frame_get_buffer(rgba, 0), "allocating a frame", file);
            try (var converter = PixelConverter.fromWebp(frame)) {
                converter.convert(frame, rgba, file);
            }
            return PixelConverter.packed(rgba, frame.width() * 4);
        } finally {
            av_frame_free(rgba);
            av_frame_free(frame);
            av_packet_free(packet);
            avcodec_free_context(codec);
        }
    }

    /// One picture as a file of its own.
    private static byte[] riff(Picture picture) {
        var chunks = picture.chunks();
        var alpha = tag(chunks, 0).equals("ALPH");
        var out = ByteBuffer.allocate(RIFF_HEADER + (alpha ? CHUNK_HEADER + 10 : 0) + chunks.length)
                .order(ByteOrder.LITTLE_ENDIAN);
        out.put(ascii("RIFF")).putInt(out.capacity() - CHUNK_HEADER).put(ascii("WEBP"));
        if (alpha) {
            out.put(extended(HAS_ALPHA, picture.width(), picture.height()));
        }
        return out.put(chunks).array();
    }

    /// The same file with a comment in an XMP chunk, whose place is at the end.
    static byte[] withComment(byte[] webp, String comment, Path file) {
        var parsed = parse(webp, file);
        var xmp = Xmp.packet(comment).getBytes(StandardCharsets.UTF_8);
        var hasHeader = tag(webp, RIFF_HEADER).equals("VP8X");
        var size = webp.length + (hasHeader ? 0 : CHUNK_HEADER + 10) + CHUNK_HEADER + xmp.length + (xmp.length & 1);
        var out = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        out.put(webp, 0, RIFF_HEADER).putInt(4, size - CHUNK_HEADER);
        if (!hasHeader) {
            out.put(extended(0, parsed.width, parsed.height));
        }
        out.put(webp, RIFF_HEADER, webp.length - RIFF_HEADER);
        var flags = RIFF_HEADER + CHUNK_HEADER;
        out.put(flags, (byte) (out.get(flags) | HAS_XMP));
        return out.put(ascii("XMP ")).putInt(xmp.length).put(xmp).array();
    }

    /// Whether the extended header says that the file is an animation.
    static boolean isAnimation(byte[] webp) {
        return webp.length > RIFF_HEADER + CHUNK_HEADER && tag(webp, RIFF_HEADER).equals("VP8X")
                && (webp[RIFF_HEADER + CHUNK_HEADER] & HAS_ANIMATION) != 0;
    }

    private static byte[] extended(int flags, int width, int height) {
        var out = ByteBuffer.allocate(CHUNK_HEADER + 10).order(ByteOrder.LITTLE_ENDIAN);
        out.put(ascii("VP8X")).putInt(10).putInt(flags);
        for (var size : new int[] {width - 1, height - 1}) {
            out.put((byte) size).put((byte) (size >> 8)).put((byte) (size >> 16));
        }
        return out.array();
    }

    private static byte[] ascii(String tag) {
        return tag.getBytes(StandardCharsets.US_ASCII);
    }

    private static String tag(byte[] bytes, int at) {
        return bytes.length < at + 4 ? "" : new String(bytes, at, 4, StandardCharsets.ISO_8859_1);
    }

    private static int u24(ByteBuffer in, int at) {
        if (at + 3 > in.limit()) {
            return 0;
        }
        return (in.get(at) & 0xff) | (in.get(at + 1) & 0xff) << 8 | (in.get(at + 2) & 0xff) << 16;
    }
}
