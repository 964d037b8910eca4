package org.zoetrope.server;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/// The kinds of video file that are taken, told from their first bytes: what a client calls its file is not asked.
enum Container {
    MP4("mp4 or mov"), MKV("mkv or webm"), GIF("gif"), WEBP("webp"), AVI("avi");

    private static final int EBML = 0x1a45dfa3; // how Matroska begins
    private static final String UPLOAD = "upload.";

    private final String word;

    Container(String word) {
        this.word = word;
    }

    static Optional<Container> of(byte[] content) {
        var at4 = text(content, 4);
        return switch (text(content, 0)) {
            case "GIF8" -> Optional.of(GIF);
            case "RIFF" -> text(content, 8).equals("WEBP") ? Optional.of(WEBP)
                    : text(content, 8).equals("AVI ") ? Optional.of(AVI) : Optional.empty();
            default -> switch (at4) {
                case "ftyp", "moov", "mdat", "wide", "free", "skip" -> Optional.of(MP4);
                default -> number(content) == EBML ? Optional.of(MKV) : Optional.empty();
            };
        };
    }

    private static String text(byte[] content, int at) {
        return content.length < at + 4 ? "" : new String(content, at, 4, StandardCharsets.ISO_8859_1);
    }

    private static int number(byte[] content) {
        return content.length < 4 ? 0 : (content[0] & 255) << 24 | (content[1] & 255) << 16 | (content[2] & 255) << 8
                | content[3] & 255;
    }

    /// What an upload of this kind is called on this server's disk.
    String file() {
        return UPLOAD + name().toLowerCase(Locale.ROOT);
    }

    /// Whether a file of a job came from a client, and is read by another process only.
    static boolean isUpload(String file) {
        return file.startsWith(UPLOAD);
    }

    static String words() {
        return String.join(", ", Arrays.stream(values()).map(kind -> kind.word).toList());
    }
}
