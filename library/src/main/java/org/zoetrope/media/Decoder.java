package org.zoetrope.media;

import static org.bytedeco.ffmpeg.global.avcodec.AV_PKT_FLAG_CORRUPT;
import static org.bytedeco.ffmpeg.global.avcodec.AV_PKT_FLAG_DISCARD;
import static org.bytedeco.ffmpeg.global.avcodec.av_packet_alloc;
import static org.bytedeco.ffmpeg.global.avcodec.av_packet_free;
import static org.bytedeco.ffmpeg.global.avcodec.av_packet_unref;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_alloc_context3;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_find_decoder;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_free_context;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_get_name;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_open2;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_parameters_to_context;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_receive_frame;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_send_packet;
import static org.bytedeco.ffmpeg.global.avformat.AV_DISPOSITION_ATTACHED_PIC;
import static org.bytedeco.ffmpeg.global.avformat.av_find_best_stream;
import static org.bytedeco.ffmpeg.global.avformat.av_read_frame;
import static org.bytedeco.ffmpeg.global.avformat.avformat_close_input;
import static org.bytedeco.ffmpeg.global.avformat.avformat_find_stream_info;
import static org.bytedeco.ffmpeg.global.avformat.avformat_open_input;
import static org.bytedeco.ffmpeg.global.avutil.AVERROR_EAGAIN;
import static org.bytedeco.ffmpeg.global.avutil.AVERROR_EOF;
import static org.bytedeco.ffmpeg.global.avutil.AVMEDIA_TYPE_VIDEO;
import static org.bytedeco.ffmpeg.global.avutil.AV_NOPTS_VALUE;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_RGB24;
import static org.bytedeco.ffmpeg.global.avutil.av_dict_free;
import static org.bytedeco.ffmpeg.global.avutil.av_dict_get;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_alloc;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_free;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_get_buffer;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_unref;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.DoubleStream;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.javacpp.PointerPointer;
import org.jspecify.annotations.Nullable;

/// One open media file and the first video stream in it. Close it to free what FFmpeg holds.
///
/// Containers that name other files or addresses (playlists, disc images, device inputs) are not opened: a clip that
/// came with a download must not make us read something else.
final class Decoder implements AutoCloseable {
    private static final String CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,gif,avi,mpegts,mpeg,mpegvideo,ogg,"
            + "flv,asf,ivf,h264,hevc,av1,obu,m4v,yuv4mpegpipe,apng,nut,mjpeg,dv,mxf,"
            + "mp3,wav,flac,aac"; // sound: opened only to say that it holds no picture

    private final Path file;
    private final Limits limits;
    private final AVFormatContext format;
    private final AVPacket packet;
    private final AVStream stream;
    private @Nullable AVCodecContext codec;


    Decoder(Path file, Limits limits) {
        this.file = file;
        this.limits = limits;
        FileDoor.readable(file, limits);
        Ffmpeg.begin();
        format = open(file);
        packet = Ffmpeg.allocated(av_packet_alloc(), "a packet");
        try {
            stream = videoStream();
            checkLimits();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /// Opens a container that names no other file.
    static AVFormatContext open(Path file) {
        var format = new AVFormatContext(null);
        var options = new AVDictionary(null);
        try (var url = Ffmpeg.url(file)) {
            Ffmpeg.put(options, "protocol_whitelist", "file");
            Ffmpeg.put(options, "format_whitelist", CONTAINERS);
            var code = avformat_open_input(format, url, null, options); // frees the context when it fails
            if (code < 0) {
                throw new MediaException(("%s is not a video that can be read, or it is incomplete: it begins with %s%s"
                        + "%n  fix    check the file with a player; mp4, mkv, webm, gif, avi and mov are read")
                        .formatted(file, FileDoor.beginning(file), Ffmpeg.aside()));
            }
            return format;
        } finally {
            av_dict_free(options);
        }
    }

    private AVStream videoStream() {
        Ffmpeg.check(avformat_find_stream_info(format, (PointerPointer<?>) null), "reading the header", file);
        var index = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, (AVCodec) null, 0);
        if (index < 0 || (format.streams(index).disposition() & AV_DISPOSITION_ATTACHED_PIC) != 0) {
            throw new MediaException(("%s has no video stream: it is a %s file with %d other stream(s)"
                    + "%n  fix    give a file with moving pictures").formatted(file, container(), format.nb_streams()));
        }
        return format.streams(index);
    }

    private void checkLimits() {
        if (width() < 1 || height() < 1) {
            throw new MediaException("%s states no size for its pictures; the file is damaged or incomplete%s"
                    .formatted(file, Ffmpeg.aside()));
        }
        FileDoor.size(file, width(), height(), limits);
        if (stream.nb_frames() > 0) {
            FileDoor.frames(file, width(), height(), stream.nb_frames(), limits);
        }
        if (format.duration() > 0) {
            FileDoor.duration(file, format.duration() / 1e6, limits); // AV_TIME_BASE is a microsecond
        }
    }

    /// FFmpeg's list of names, such as `mov,mp4,m4a`, cut to the one the file's extension or brand stands for.
    private String container() {
        var names = format.iformat().name().getString(StandardCharsets.UTF_8);
        var extension = FileDoor.extension(file);
        if (("," + names + ",").contains("," + extension + ",")) {
            return extension;
        }
        return names.startsWith("matroska") ? "mkv" : names.startsWith("mov") ? "mp4" : names;
    }

    int width() {
        return stream.codecpar().width();
    }

    int height() {
        return stream.codecpar().height();
    }

    String codecName() {
        try (var name = avcodec_get_name(stream.codecpar().codec_id())) {
            return name.getString(StandardCharsets.UTF_8);
        }
    }

    Optional<String> comment() {
        try (var key = Ffmpeg.utf8("comment")) {
            for (var tags : new AVDictionary[] {format.metadata(), stream.metadata()}) {
                var entry = tags == null ? null : av_dict_get(tags, key, null, 0);
                if (entry != null) {
                    return Optional.of(entry.value().getString(StandardCharsets.UTF_8));
                }
            }
        }
        return Optional.empty();
    }

    /// Reads every packet without decoding, which is what counting and timing need.
    MediaInfo inspect() {
        var tick = Ffmpeg.value(stream.time_base());
        var times = DoubleStream.builder();
        var last = new double[1];
        packets(p -> {
            if ((p.flags() & AV_PKT_FLAG_DISCARD) == 0) {
                times.add((p.pts() == AV_NOPTS_VALUE ? p.dts() : p.pts()) * tick);
                last[0] = p.duration() * tick;
            }
        });
        var sorted = times.build().sorted().toArray();
        if (sorted.length == 0) {
            throw new MediaException("%s holds no picture; the file is incomplete".formatted(file));
        }
        var timeline = timeline(sorted, last[0]);
        return new MediaInfo(file, container(), codecName(), width(), height(),
                timeline.fps(), sorted.length, timeline.duration(), timeline.variable(), comment());
    }

    /// Decodes every frame, in the order of showing.
    ///
    /// @param sink receives each image as [H, W, 3]
    /// @throws MediaException if the file is damaged, incomplete, changes its picture size, or exceeds a limit
    Timeline decode(Consumer<byte[]> sink) {
        try (var frames = new FrameReader(sink)) {
            packets(frames::accept);
            frames.accept(null);
            return frames.timeline();
        }
    }

    private void packets(Consumer<AVPacket> consumer) {
        int code;
        while ((code = av_read_frame(format, packet)) >= 0) {
            FileDoor.notInterrupted("reading", file);
            try {
                if (packet.stream_index() == stream.index()) {
                    if ((packet.flags() & AV_PKT_FLAG_CORRUPT) != 0) {
                        throw incomplete("a packet ends before its time");
                    }
                    consumer.accept(packet);
                }
            } finally {
                av_packet_unref(packet);
            }
        }
        if (code != AVERROR_EOF()) {
            throw incomplete("the container breaks off");
        }
        if (Ffmpeg.words().contains("ended prematurely")) { // Matroska says so in the log only
            throw incomplete("the container breaks off");
        }
        if (container().equals("gif") && !GifFile.isComplete(lastByte())) {
            throw incomplete("the end mark is missing");
        }
    }

    private byte lastByte() {
        try (var in = new RandomAccessFile(file.toFile(), "r")) {
            in.seek(in.length() - 1);
            return in.readByte();
        } catch (IOException e) {
            throw new MediaException("cannot read %s: %s".formatted(file, e.getMessage()), e);
        }
    }

    private MediaException incomplete(String how) {
        return new MediaException("%s is damaged or incomplete: %s%s%n  fix    copy or download the file again"
                .formatted(file, how, Ffmpeg.aside()));
    }

    private Timeline timeline(double[] times, double last) {
        // A GIF has no rate of its own: what FFmpeg reports is a guess from its rounded delays.
        var declared = container().equals("gif") ? 0 : Ffmpeg.value(stream.avg_frame_rate());
        return Timeline.of(times, Ffmpeg.value(stream.time_base()), declared, last);
    }

    private AVCodecContext openCodec() {
        var id = stream.codecpar().codec_id();
        var decoder = avcodec_find_decoder(id);
        if (decoder == null || decoder.isNull()) {
            throw new MediaException(("%s is coded as %s, which this FFmpeg cannot decode"
                    + "%n  fix    convert it to H.264 in mp4").formatted(file, codecName()));
        }
        codec = Ffmpeg.allocated(avcodec_alloc_context3(decoder), "a decoder");
        Ffmpeg.check(avcodec_parameters_to_context(codec, stream.codecpar()), "setting up the decoder", file);
        codec.max_pixels(limits.pixels());
        codec.pkt_timebase(stream.time_base());
        Ffmpeg.check(avcodec_open2(codec, decoder, (PointerPointer<?>) null), "opening the decoder", file);
        return codec;
    }

    /// The decoding half: packets in, RGB images out.
    private final class FrameReader implements AutoCloseable {
        private final Consumer<byte[]> sink;
        private final AVCodecContext decoder = openCodec();
        private final AVFrame decoded = Ffmpeg.allocated(av_frame_alloc(), "a frame");
        private final AVFrame rgb = Ffmpeg.allocated(av_frame_alloc(), "a frame");
        private final DoubleStream.Builder times = DoubleStream.builder();
        private final double tick = Ffmpeg.value(stream.time_base());
        private @Nullable PixelConverter converter;
        private long discarded;
        private int count;
        private double last;

        FrameReader(Consumer<byte[]> sink) {
            this.sink = sink;
        }

        /// @param p the next packet, or null at the end: hand out what the decoder still holds
        void accept(@Nullable AVPacket p) {
            if (p != null && (p.flags() & AV_PKT_FLAG_DISCARD) != 0) {
                discarded++;
            }
            if (avcodec_send_packet(decoder, p) < 0) {
                throw incomplete("frame %d cannot be decoded".formatted(count));
            }
            int code;
            while ((code = avcodec_receive_frame(decoder, decoded)) >= 0) {
                take();
                av_frame_unref(decoded);
            }
            if (code != AVERROR_EAGAIN() && code != AVERROR_EOF()) {
                throw incomplete("frame %d cannot be decoded".formatted(count));
            }
        }

        private void take() {
            if ((decoded.flags() & AVFrame.AV_FRAME_FLAG_CORRUPT) != 0 || decoded.decode_error_flags() != 0) {
                throw incomplete("frame %d is damaged".formatted(count));
            }
            if (decoded.width() != width() || decoded.height() != height()) {
                throw new MediaException(("%s changes its picture size from %d x %d to %d x %d at frame %d"
                        + "%n  fix    cut it into parts of one size").formatted(
                        file, width(), height(), decoded.width(), decoded.height(), count));
            }
            if (converter == null) {
                converter = PixelConverter.toRgb(decoded);
                rgb.format(AV_PIX_FMT_RGB24).width(width()).height(height());
                Ffmpeg.check(av_frame_get_buffer(rgb, 0), "allocating a frame", file);
            }
            FileDoor.frames(file, rgb.width(), rgb.height(), count + 1L, limits);
            converter.convert(decoded, rgb, file);
            var pts = decoded.best_effort_timestamp();
            times.add(pts == AV_NOPTS_VALUE ? count / Math.max(1, Ffmpeg.value(stream.avg_frame_rate())) : pts * tick);
            last = decoded.duration() * tick;
            sink.accept(PixelConverter.packed(rgb, rgb.width() * Frames.CHANNELS));
            count++;
        }

        Timeline timeline() {
            if (count == 0) {
                throw incomplete("it holds no picture");
            }
            if (count < stream.nb_frames() - discarded) {
                throw incomplete("it holds %d of %d frames".formatted(count, stream.nb_frames()));
            }
            var found = Decoder.this.timeline(times.build().toArray(), last);
            FileDoor.duration(file, found.duration(), limits);
            return found;
        }

        @Override
        public void close() {
            if (converter != null) {
                converter.close();
            }
            av_frame_free(rgb);
            av_frame_free(decoded);
        }
    }

    @Override
    public void close() {
        if (codec != null) {
            avcodec_free_context(codec);
        }
        av_packet_free(packet);
        avformat_close_input(format);
    }
}
