package org.zoetrope.media;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// The comment extension of a GIF (GIF89a section 24), which FFmpeg's writer leaves out.
///
/// The standard speaks of ASCII; UTF-8 is what programs write and read there today.
final class GifFile {
    private static final int HEADER = 13; // signature and logical screen descriptor
    private static final int EXTENSION = 0x21;
    private static final int APPLICATION = 0xff;
    private static final int COMMENT = 0xfe;
    private static final int TRAILER = 0x3b;

    private GifFile() {}

    /// The file with a comment behind its global palette and application extensions.
    static byte[] withComment(byte[] gif, String comment, Path file) {
        var at = HEADER + ((gif[10] & 0x80) != 0 ? 3 << ((gif[10] & 7) + 1) : 0);
        while (at + 2 < gif.length && (gif[at] & 0xff) == EXTENSION && (gif[at + 1] & 0xff) == APPLICATION) {
            at += 2;
            while (at < gif.length && gif[at] != 0) {
                at += 1 + (gif[at] & 0xff);
            }
            at++;
        }
        if (at >= gif.length) {
            throw new MediaException(file + " is not a complete GIF");
        }
        var out = new ByteArrayOutputStream(gif.length + comment.length() + 16);
        out.write(gif, 0, at);
        out.write(EXTENSION);
        out.write(COMMENT);
        var text = comment.getBytes(StandardCharsets.UTF_8);
        for (var from = 0; from < text.length; from += 255) {
            var n = Math.min(255, text.length - from);
            out.write(n);
            out.write(text, from, n);
        }
        out.write(0);
        out.write(gif, at, gif.length - at);
        return out.toByteArray();
    }

    /// Whether the last byte is the trailer that ends every complete GIF.
    static boolean isComplete(byte lastByte) {
        return (lastByte & 0xff) == TRAILER;
    }
}
