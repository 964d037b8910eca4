package org.zoetrope.media;

import static org.bytedeco.ffmpeg.global.avutil.AV_LOG_ERROR;
import static org.bytedeco.ffmpeg.global.avutil.av_log_set_level;
import static org.bytedeco.ffmpeg.global.avutil.av_strerror;
import static org.bytedeco.ffmpeg.global.avutil.setLogCallback;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.ffmpeg.avutil.LogCallback;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avformat;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.ffmpeg.global.swscale;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;

/// The door to FFmpeg: loads it once, keeps it quiet, and turns its return codes into sentences.
///
/// Only avutil, avcodec, avformat and swscale are touched: avdevice and the bundled command need sound and screen
/// libraries that a container does not have. FFmpeg prints nothing; what it would say about an error is kept per
/// thread, so that the exception can end with the library's own words.
final class Ffmpeg {
    private static final int WORDS_KEPT = 4;
    /// FFmpeg begins a line with the part that speaks and where it lies in memory, such as `[h264 @ 0x7f12a0] `.
    private static final Pattern SPEAKER = Pattern.compile("\\[([^\\[\\]]*?)\\s*@ (?:0x)?\\p{XDigit}+]\\s*");
    private static final ThreadLocal<Deque<String>> WORDS = ThreadLocal.withInitial(ArrayDeque::new);

    private static final LogCallback LISTENER = new LogCallback() {
        @Override
        public void call(int level, BytePointer message) {
            var text = withoutAddresses(message.getString(StandardCharsets.UTF_8)).strip();
            if (level <= AV_LOG_ERROR && !text.isEmpty()) {
                var words = WORDS.get();
                words.addLast(text);
                if (words.size() > WORDS_KEPT) {
                    words.removeFirst();
                }
            }
        }
    };

    static {
        Loader.load(avutil.class);
        Loader.load(avcodec.class);
        Loader.load(avformat.class);
        Loader.load(swscale.class);
        av_log_set_level(AV_LOG_ERROR);
        setLogCallback(LISTENER);
    }

    private Ffmpeg() {}

    static String version() {
        return "%s, %s".formatted(avutil.av_version_info().getString(), avutil.avutil_license().getString());
    }

    /// Loads the native libraries and forgets what was said on this thread before.
    static void begin() {
        WORDS.get().clear();
    }

    /// What FFmpeg said about errors on this thread since `begin`, or an empty string.
    static String words() {
        return String.join("; ", WORDS.get());
    }

    /// The same in brackets behind a sentence.
    static String aside() {
        return WORDS.get().isEmpty() ? "" : " (" + words() + ")";
    }

    /// Passes a return code of zero or more through.
    ///
    /// @throws MediaException naming what was being done, the file, and FFmpeg's reason
    static int check(int code, String doing, Path file) {
        if (code < 0) {
            var words = words();
            throw new MediaException("%s failed: %s%n  file   %s%s".formatted(doing, reason(code), file,
                    words.isEmpty() ? "" : "%n  ffmpeg %s".formatted(words)));
        }
        return code;
    }

    /// A pointer that a native allocation returned, which is null when memory ran out.
    static <P extends Pointer> P allocated(P pointer, String what) {
        if (pointer == null || pointer.isNull()) {
            throw new MediaException("FFmpeg could not allocate " + what + "; free some memory and try again");
        }
        return pointer;
    }

    /// A line of FFmpeg without the places in memory, which differ from run to run and tell a reader nothing.
    static String withoutAddresses(String line) {
        return SPEAKER.matcher(line).replaceAll(speaker -> speaker.group(1).isEmpty() ? ""
                : Matcher.quoteReplacement("[%s] ".formatted(speaker.group(1))));
    }

    private static String reason(int code) {
        var text = new byte[256];
        av_strerror(code, text, text.length);
        var end = 0;
        while (end < text.length && text[end] != 0) {
            end++;
        }
        return new String(text, 0, end, StandardCharsets.UTF_8);
    }

    /// The path as FFmpeg opens it: `file:` keeps a colon in a name from being read as a protocol.
    static BytePointer url(Path file) {
        return utf8("file:" + file.toAbsolutePath());
    }

    static BytePointer utf8(String text) {
        return new BytePointer(text, StandardCharsets.UTF_8);
    }

    /// Sets a key, copying both strings.
    static void put(AVDictionary dictionary, String key, String value) {
        try (var k = utf8(key); var v = utf8(value)) {
            avutil.av_dict_set(dictionary, k, v, 0);
        }
    }

    static double value(AVRational rational) {
        return rational.den() == 0 ? 0 : (double) rational.num() / rational.den();
    }
}
