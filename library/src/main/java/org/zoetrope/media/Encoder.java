package org.zoetrope.media;

import static org.bytedeco.ffmpeg.global.avcodec.AV_CODEC_FLAG_GLOBAL_HEADER;
import static org.bytedeco.ffmpeg.global.avcodec.AV_CODEC_ID_H264;
import static org.bytedeco.ffmpeg.global.avcodec.av_bsf_free;
import static org.bytedeco.ffmpeg.global.avcodec.av_bsf_init;
import static org.bytedeco.ffmpeg.global.avcodec.av_bsf_list_parse_str;
import static org.bytedeco.ffmpeg.global.avcodec.av_bsf_receive_packet;
import static org.bytedeco.ffmpeg.global.avcodec.av_bsf_send_packet;
import static org.bytedeco.ffmpeg.global.avcodec.av_packet_alloc;
import static org.bytedeco.ffmpeg.global.avcodec.av_packet_free;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_alloc_context3;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_find_encoder_by_name;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_free_context;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_open2;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_parameters_copy;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_parameters_from_context;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_receive_packet;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_send_frame;
import static org.bytedeco.ffmpeg.global.avformat.AVFMT_GLOBALHEADER;
import static org.bytedeco.ffmpeg.global.avformat.AVIO_FLAG_WRITE;
import static org.bytedeco.ffmpeg.global.avformat.av_interleaved_write_frame;
import static org.bytedeco.ffmpeg.global.avformat.av_write_trailer;
import static org.bytedeco.ffmpeg.global.avformat.avformat_alloc_output_context2;
import static org.bytedeco.ffmpeg.global.avformat.avformat_free_context;
import static org.bytedeco.ffmpeg.global.avformat.avformat_new_stream;
import static org.bytedeco.ffmpeg.global.avformat.avformat_write_header;
import static org.bytedeco.ffmpeg.global.avformat.avio_closep;
import static org.bytedeco.ffmpeg.global.avformat.avio_open;
import static org.bytedeco.ffmpeg.global.avutil.AVCHROMA_LOC_CENTER;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_PRI_BT709;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_RANGE_MPEG;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_BT709;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_TRC_BT709;
import static org.bytedeco.ffmpeg.global.avutil.AVERROR_EAGAIN;
import static org.bytedeco.ffmpeg.global.avutil.AVERROR_EOF;
import static org.bytedeco.ffmpeg.global.avutil.AVERROR_UNKNOWN;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_PAL8;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_RGB24;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_YUV420P;
import static org.bytedeco.ffmpeg.global.avutil.av_d2q;
import static org.bytedeco.ffmpeg.global.avutil.av_dict_free;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_alloc;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_free;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_get_buffer;
import static org.bytedeco.ffmpeg.global.avutil.av_frame_make_writable;
import static org.bytedeco.ffmpeg.global.avutil.av_rescale_q;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.ffmpeg.avcodec.AVBSFContext;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVIOContext;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.javacpp.IntPointer;
import org.jspecify.annotations.Nullable;

/// One video file being written through FFmpeg: header, pictures one by one, trailer.
final class Encoder implements AutoCloseable {
    private static final double NTSC = 1000.0 / 1001;

    /// What a container needs from FFmpeg.
    ///
    /// @param muxer         FFmpeg's name of the container
    /// @param codecs        encoders that will do, the best first; the first one present is taken
    /// @param pixels        the encoder's pixel format
    /// @param colourSpace   the matrix where the pixels are YUV, `AVCOL_SPC_...`
    /// @param muxerOptions  options of the container
    /// @param codecOptions  options by encoder name
    /// @param filter        bitstream filter every packet passes, FFmpeg's `null` where none is needed
    record Settings(String muxer, List<String> codecs, int pixels, int colourSpace,
            Map<String, String> muxerOptions, Map<String, Map<String, String>> codecOptions, String filter) {}

    private final Path file;
    private final int width;
    private final AVFormatContext format;
    private final AVCodecContext codec;
    private final AVStream stream;
    private final AVBSFContext filter = new AVBSFContext(null);
    private final AVPacket packet;
    private final AVFrame rgb;
    private final AVFrame coded;
    private final @Nullable PixelConverter converter;
    private long count;

    Encoder(Path file, Frames like, Settings settings, Optional<String> comment) {
        this.file = file;
        width = like.width();
        Ffmpeg.begin();
        var encoder = encoder(settings.codecs());
        format = new AVFormatContext(null);
        packet = Ffmpeg.allocated(av_packet_alloc(), "a packet");
        rgb = Ffmpeg.allocated(av_frame_alloc(), "a frame");
        coded = Ffmpeg.allocated(av_frame_alloc(), "a frame");
        codec = Ffmpeg.allocated(avcodec_alloc_context3(encoder), "an encoder");
        try {
            // The context needs the name too: faststart reopens the file to move its index to the front.
            try (var muxer = Ffmpeg.utf8(settings.muxer()); var url = Ffmpeg.url(file)) {
                Ffmpeg.check(avformat_alloc_output_context2(format, null, muxer, url),
                        "preparing " + settings.muxer(), file);
            }
            open(encoder, like, settings);
            stream = Ffmpeg.allocated(avformat_new_stream(format, null), "a stream");
            begin(settings, comment);
            converter = pixels(like, settings);
        } catch (RuntimeException e) {
            free();
            throw e;
        }
    }

    private static AVCodec encoder(List<String> names) {
        for (var name : names) {
            var codec = avcodec_find_encoder_by_name(name);
            if (codec != null && !codec.isNull()) {
                return codec;
            }
        }
        throw new MediaException("this FFmpeg has no encoder " + String.join(" or ", names)
                + "; put org.bytedeco:ffmpeg for your platform on the class path");
    }

    private void open(AVCodec encoder, Frames like, Settings settings) {
        var fps = rational(like.fps());
        codec.width(like.width()).height(like.height()).pix_fmt(settings.pixels());
        codec.framerate(fps);
        try (var base = new AVRational()) {
            codec.time_base(base.num(fps.den()).den(fps.num()));
        }
        if (settings.pixels() == AV_PIX_FMT_YUV420P) {
            codec.color_range(AVCOL_RANGE_MPEG).colorspace(settings.colourSpace())
                    .chroma_sample_location(AVCHROMA_LOC_CENTER);
            if (settings.colourSpace() == AVCOL_SPC_BT709) {
                codec.color_primaries(AVCOL_PRI_BT709).color_trc(AVCOL_TRC_BT709);
            }
        }
        if ((format.oformat().flags() & AVFMT_GLOBALHEADER) != 0) {
            codec.flags(codec.flags() | AV_CODEC_FLAG_GLOBAL_HEADER);
        }
        var options = dictionary(settings.codecOptions().getOrDefault(encoder.name().getString(), Map.of()));
        try {
            Ffmpeg.check(avcodec_open2(codec, encoder, options), "opening the %s encoder for %d x %d at %s fps"
                    .formatted(encoder.name().getString(), like.width(), like.height(), like.fps()), file);
        } finally {
            av_dict_free(options);
        }
    }

    private void begin(Settings settings, Optional<String> comment) {
        try (var chain = Ffmpeg.utf8(settings.filter())) {
            Ffmpeg.check(av_bsf_list_parse_str(chain, filter), "preparing the filter " + settings.filter(), file);
        }
        Ffmpeg.check(avcodec_parameters_from_context(filter.par_in(), codec), "describing the stream", file);
        filter.time_base_in(codec.time_base());
        Ffmpeg.check(av_bsf_init(filter), "preparing the filter " + settings.filter(), file);
        Ffmpeg.check(avcodec_parameters_copy(stream.codecpar(), filter.par_out()), "describing the stream", file);
        stream.time_base(codec.time_base());
        stream.avg_frame_rate(codec.framerate());
        stream.r_frame_rate(codec.framerate());
        if (comment.isPresent()) {
            var tags = new AVDictionary(null);
            Ffmpeg.put(tags, "comment", comment.get());
            format.metadata(tags); // freed with the format
        }
        var pb = new AVIOContext(null);
        try (var url = Ffmpeg.url(file)) {
            Ffmpeg.check(avio_open(pb, url, AVIO_FLAG_WRITE), "creating the file", file);
        }
        format.pb(pb);
        var options = dictionary(settings.muxerOptions());
        try {
            Ffmpeg.check(avformat_write_header(format, options), "writing the header", file);
        } finally {
            av_dict_free(options);
        }
    }

    private static AVDictionary dictionary(Map<String, String> options) {
        var dictionary = new AVDictionary(null);
        options.forEach((key, value) -> Ffmpeg.put(dictionary, key, value));
        return dictionary;
    }

    private @Nullable PixelConverter pixels(Frames like, Settings settings) {
        coded.format(settings.pixels()).width(like.width()).height(like.height());
        coded.colorspace(codec.colorspace()).color_range(codec.color_range());
        Ffmpeg.check(av_frame_get_buffer(coded, 0), "allocating a frame", file);
        if (settings.pixels() == AV_PIX_FMT_PAL8) {
            return null;
        }
        rgb.format(AV_PIX_FMT_RGB24).width(like.width()).height(like.height());
        Ffmpeg.check(av_frame_get_buffer(rgb, 0), "allocating a frame", file);
        return PixelConverter.fromRgb(like.width(), like.height(), settings.pixels(), settings.colourSpace());
    }

    /// The rate as a fraction: whole numbers and the NTSC rates exactly, others to a millionth.
    static AVRational rational(double fps) {
        if (Math.abs(fps - Math.rint(fps)) < 1e-9) {
            return new AVRational().num((int) Math.rint(fps)).den(1);
        }
        var ntsc = Math.rint(fps / NTSC);
        if (Math.abs(fps - ntsc * NTSC) < 1e-3) {
            return new AVRational().num((int) (ntsc * 1000)).den(1001);
        }
        return av_d2q(fps, 1_000_000);
    }

    /// Appends one picture.
    ///
    /// @param image RGB, [H, W, 3]
    void write(byte[] image) {
        if (converter == null) {
            throw new IllegalStateException("a palette format takes indices");
        }
        Ffmpeg.check(av_frame_make_writable(coded), "allocating a frame", file);
        PixelConverter.fill(rgb, image, width * Frames.CHANNELS);
        converter.convert(rgb, coded, file);
        send(coded);
    }

    /// Appends one picture of palette indices [H, W].
    ///
    /// @param palette up to 256 colours 0xAARRGGBB
    void write(byte[] indices, int[] palette) {
        Ffmpeg.check(av_frame_make_writable(coded), "allocating a frame", file);
        PixelConverter.fill(coded, indices, width);
        new IntPointer(coded.data(1)).put(palette, 0, palette.length); // plane 1 of PAL8 holds 256 native integers
        send(coded);
    }

    private void send(@Nullable AVFrame frame) {
        FileDoor.notInterrupted("writing", file);
        if (frame != null) {
            frame.pts(count++);
        }
        var code = avcodec_send_frame(codec, frame);
        if (code == AVERROR_UNKNOWN() && codec.codec_id() == AV_CODEC_ID_H264) {
            throw new MediaException(("the H.264 encoder gave up frame %d: noise from edge to edge takes more room than it has at this quality%s"
                    + "%n  fix    lower the quality, to 80 or less, or write .mkv, which loses nothing").formatted(count, Ffmpeg.aside()));
        }
        Ffmpeg.check(code, "encoding frame " + count, file);
        while (received(avcodec_receive_packet(codec, packet))) {
            filter(packet);
        }
        if (frame == null) {
            filter(null);
        }
    }

    private void filter(@Nullable AVPacket encoded) {
        Ffmpeg.check(av_bsf_send_packet(filter, encoded), "encoding frame " + count, file);
        while (received(av_bsf_receive_packet(filter, packet))) {
            stamp();
            Ffmpeg.check(av_interleaved_write_frame(format, packet), "writing frame " + count, file);
        }
    }

    private boolean received(int code) {
        if (code == AVERROR_EAGAIN() || code == AVERROR_EOF()) {
            return false;
        }
        Ffmpeg.check(code, "encoding frame " + count, file);
        return true;
    }

    /// Moves a packet from the encoder's clock to the container's. A frame ends where the next one starts, so that
    /// rounded times (8 fps in a GIF's hundredths: 12, 13, 12, ...) never drift.
    private void stamp() {
        var from = codec.time_base();
        var to = stream.time_base();
        var frame = packet.pts();
        var start = av_rescale_q(frame, from, to);
        packet.duration(av_rescale_q(frame + 1, from, to) - start);
        packet.pts(start);
        packet.dts(av_rescale_q(packet.dts(), from, to));
        packet.stream_index(stream.index());
    }

    /// Writes what the encoder still holds and the end of the file.
    void finish() {
        send(null);
        Ffmpeg.check(av_write_trailer(format), "writing the end of the file", file);
        var pb = format.pb();
        format.pb(null);
        Ffmpeg.check(avio_closep(pb), "closing the file", file);
    }

    private void free() {
        av_bsf_free(filter);
        avcodec_free_context(codec);
        av_frame_free(rgb);
        av_frame_free(coded);
        av_packet_free(packet);
        if (!format.isNull()) {
            var pb = format.pb();
            if (pb != null && !pb.isNull()) {
                format.pb(null);
                avio_closep(pb); // the file was not finished: its writer deletes it
            }
            avformat_free_context(format);
        }
    }

    @Override
    public void close() {
        if (converter != null) {
            converter.close();
        }
        free();
    }
}
