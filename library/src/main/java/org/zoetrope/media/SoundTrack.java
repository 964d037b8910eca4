package org.zoetrope.media;

import static org.bytedeco.ffmpeg.global.avcodec.av_packet_alloc;
import static org.bytedeco.ffmpeg.global.avcodec.av_packet_free;
import static org.bytedeco.ffmpeg.global.avcodec.av_packet_rescale_ts;
import static org.bytedeco.ffmpeg.global.avcodec.av_packet_unref;
import static org.bytedeco.ffmpeg.global.avcodec.avcodec_parameters_copy;
import static org.bytedeco.ffmpeg.global.avformat.AVIO_FLAG_WRITE;
import static org.bytedeco.ffmpeg.global.avformat.av_find_best_stream;
import static org.bytedeco.ffmpeg.global.avformat.av_interleaved_write_frame;
import static org.bytedeco.ffmpeg.global.avformat.av_read_frame;
import static org.bytedeco.ffmpeg.global.avformat.av_write_trailer;
import static org.bytedeco.ffmpeg.global.avformat.avformat_alloc_output_context2;
import static org.bytedeco.ffmpeg.global.avformat.avformat_close_input;
import static org.bytedeco.ffmpeg.global.avformat.avformat_find_stream_info;
import static org.bytedeco.ffmpeg.global.avformat.avformat_free_context;
import static org.bytedeco.ffmpeg.global.avformat.avformat_new_stream;
import static org.bytedeco.ffmpeg.global.avformat.avformat_write_header;
import static org.bytedeco.ffmpeg.global.avformat.avio_closep;
import static org.bytedeco.ffmpeg.global.avformat.avio_open;
import static org.bytedeco.ffmpeg.global.avutil.AVMEDIA_TYPE_AUDIO;
import static org.bytedeco.ffmpeg.global.avutil.AVMEDIA_TYPE_VIDEO;
import static org.bytedeco.ffmpeg.global.avutil.av_dict_copy;
import static org.bytedeco.ffmpeg.global.avutil.av_dict_free;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVIOContext;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.javacpp.PointerPointer;

/// The sound of one file, carried over to another as it is, without being decoded.
public final class SoundTrack {
    private static final List<String> HOLD_SOUND = List.of("mp4", "webm", "mkv");
    private static final List<String> SILENT = List.of("png", "jpg", "jpeg", "bmp", "webp", "gif");

    private SoundTrack() {}

    /// Whether a file has a sound track. Pictures have none.
    ///
    /// @throws MediaException if the file cannot be opened
    public static boolean isIn(Path file) {
        if (SILENT.contains(FileDoor.extension(file)) || !Files.isRegularFile(file)) {
            return false;
        }
        Ffmpeg.begin();
        try (var input = new Input(file, AVMEDIA_TYPE_AUDIO)) {
            return input.index >= 0;
        }
    }

    /// Says before a long computation whether a file of this name can hold sound.
    ///
    /// @throws MediaException if not
    public static void check(Path target) {
        if (!HOLD_SOUND.contains(FileDoor.extension(target))) {
            throw new MediaException("%s cannot hold sound%n  fix    write .mp4, .webm or .mkv".formatted(
                    target.getFileName()));
        }
    }

    /// Adds the sound of one file to a video, from its beginning and no longer than the pictures.
    ///
    /// @param from  a file with sound
    /// @param video an .mp4, .webm or .mkv, which is replaced when the new one is whole
    /// @throws MediaException if there is no sound, the container cannot hold it as it is coded, or a file cannot be
    ///                        read or written
    public static void carry(Path from, Path video) {
        check(video);
        var before = MediaFile.inspect(video);
        Ffmpeg.begin();
        SafeFile.write(video, part -> {
            try (var pictures = new Input(video, AVMEDIA_TYPE_VIDEO); var sound = new Input(from, AVMEDIA_TYPE_AUDIO)) {
                if (sound.index < 0) {
                    throw new MediaException(from + " has no sound to keep");
                }
                mux(pictures, sound, before.duration(), part);
            }
        }, part -> {
            var after = MediaFile.inspect(part);
            if (after.frameCount() != before.frameCount() || !after.comment().equals(before.comment())
                    || !isIn(part)) {
                throw new MediaException("with its sound it does not read back as before");
            }
        });
    }

    private static void mux(Input pictures, Input sound, double seconds, Path part) {
        var format = new AVFormatContext(null);
        try {
            try (var url = Ffmpeg.url(part)) {
                Ffmpeg.check(avformat_alloc_output_context2(format, null, (String) null, url.getString()),
                        "preparing the container", part);
            }
            var streams = new AVStream[] {copied(format, pictures.stream(), part), copied(format, sound.stream(), part)};
            var tags = new AVDictionary(null);
            av_dict_copy(tags, pictures.format.metadata(), 0);
            format.metadata(tags); // freed with the format
            var pb = new AVIOContext(null);
            try (var url = Ffmpeg.url(part)) {
                Ffmpeg.check(avio_open(pb, url, AVIO_FLAG_WRITE), "creating the file", part);
            }
            format.pb(pb);
            header(format, sound, part);
            var more = pictures.next() | sound.next();
            while (more) {
                var first = !sound.has() || (pictures.has() && pictures.time() <= sound.time());
                var input = first ? pictures : sound;
                if (first || input.time() < seconds) {
                    var stream = streams[first ? 0 : 1];
                    av_packet_rescale_ts(input.packet, input.stream().time_base(), stream.time_base());
                    input.packet.stream_index(stream.index()).pos(-1);
                    Ffmpeg.check(av_interleaved_write_frame(format, input.packet), "writing", part);
                }
                input.next();
                more = pictures.has() || sound.has();
            }
            Ffmpeg.check(av_write_trailer(format), "writing the end of the file", part);
        } finally {
            if (!format.isNull()) {
                var pb = format.pb();
                if (pb != null && !pb.isNull()) {
                    format.pb(null);
                    avio_closep(pb);
                }
                avformat_free_context(format);
            }
        }
    }

    private static AVStream copied(AVFormatContext format, AVStream like, Path part) {
        var stream = Ffmpeg.allocated(avformat_new_stream(format, null), "a stream");
        Ffmpeg.check(avcodec_parameters_copy(stream.codecpar(), like.codecpar()), "describing the stream", part);
        stream.codecpar().codec_tag(0); // every container has its own
        stream.time_base(like.time_base());
        stream.avg_frame_rate(like.avg_frame_rate());
        stream.r_frame_rate(like.r_frame_rate());
        return stream;
    }

    private static void header(AVFormatContext format, Input sound, Path part) {
        var options = new AVDictionary(null);
        if (FileDoor.extension(part).equals("mp4")) {
            Ffmpeg.put(options, "movflags", "+faststart+use_metadata_tags");
        }
        try {
            if (avformat_write_header(format, options) < 0) {
                throw new MediaException(("a .%s cannot hold the sound of %s as it is coded%s"
                        + "%n  fix    write .mkv, which holds any").formatted(FileDoor.extension(part),
                        sound.file.getFileName(), Ffmpeg.aside()));
            }
        } finally {
            av_dict_free(options);
        }
    }

    /// One stream of one file, packet by packet.
    private static final class Input implements AutoCloseable {
        private final Path file;
        private final AVFormatContext format;
        private final AVPacket packet;
        private final int index;
        private boolean present;

        Input(Path file, int type) {
            this.file = file;
            format = Decoder.open(file);
            packet = Ffmpeg.allocated(av_packet_alloc(), "a packet");
            Ffmpeg.check(avformat_find_stream_info(format, (PointerPointer<?>) null), "reading the header", file);
            index = av_find_best_stream(format, type, -1, -1, (AVCodec) null, 0);
        }

        AVStream stream() {
            return format.streams(index);
        }

        boolean has() {
            return present;
        }

        /// Seconds at which the packet is shown or heard.
        double time() {
            return packet.dts() * Ffmpeg.value(stream().time_base());
        }

        boolean next() {
            do {
                av_packet_unref(packet);
                present = av_read_frame(format, packet) >= 0;
            } while (present && packet.stream_index() != index);
            return present;
        }

        @Override
        public void close() {
            av_packet_free(packet);
            avformat_close_input(format);
        }
    }
}
