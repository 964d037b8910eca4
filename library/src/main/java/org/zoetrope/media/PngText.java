package org.zoetrope.media;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;

/// Text chunks of a PNG (PNG specification section 11.3.4): written as iTXt, which is UTF-8; tEXt is read as well.
final class PngText {
    private static final int SIGNATURE = 8;
    private static final int CHUNK = 12; // length, type, checksum
    private static final int AFTER_HEADER = SIGNATURE + CHUNK + 13; // behind IHDR

    private PngText() {}

    /// The picture with texts by keyword, placed behind its header.
    static byte[] with(byte[] png, Map<String, String> texts) {
        var out = new ByteArrayOutputStream();
        out.write(png, 0, AFTER_HEADER);
        texts.forEach((keyword, text) -> {
            var body = new ByteArrayOutputStream();
            body.writeBytes("iTXt".getBytes(StandardCharsets.ISO_8859_1));
            body.writeBytes(keyword.getBytes(StandardCharsets.ISO_8859_1));
            body.writeBytes(new byte[5]); // end of keyword, not compressed (2), no language, no translated keyword
            body.writeBytes(text.getBytes(StandardCharsets.UTF_8));
            var crc = new CRC32();
            crc.update(body.toByteArray());
            out.writeBytes(ByteBuffer.allocate(4).putInt(body.size() - 4).array());
            out.writeBytes(body.toByteArray());
            out.writeBytes(ByteBuffer.allocate(4).putInt((int) crc.getValue()).array());
        });
        out.write(png, AFTER_HEADER, png.length - AFTER_HEADER);
        return out.toByteArray();
    }

    /// Every uncompressed text by keyword. A chunk that runs past the end stops the reading.
    static Map<String, String> read(byte[] png) {
        var texts = new LinkedHashMap<String, String>();
        var in = ByteBuffer.wrap(png);
        for (var at = SIGNATURE; at + CHUNK <= png.length;) {
            var length = in.getInt(at);
            if (length < 0 || length > png.length - at - CHUNK) {
                break;
            }
            var type = new String(png, at + 4, 4, StandardCharsets.ISO_8859_1);
            var body = at + 8;
            var keywordEnd = zero(png, body, body + length);
            if (type.equals("tEXt")) {
                put(texts, png, body, keywordEnd, keywordEnd + 1, body + length, StandardCharsets.ISO_8859_1);
            } else if (type.equals("iTXt") && keywordEnd + 2 < body + length && png[keywordEnd + 1] == 0) {
                var language = zero(png, keywordEnd + 3, body + length);
                var translated = zero(png, language + 1, body + length);
                put(texts, png, body, keywordEnd, translated + 1, body + length, StandardCharsets.UTF_8);
            }
            at = body + length + 4;
        }
        return texts;
    }

    private static void put(Map<String, String> texts, byte[] png, int key, int keyEnd, int from, int end,
            Charset set) {
        if (from <= end) {
            texts.put(new String(png, key, keyEnd - key, StandardCharsets.ISO_8859_1),
                    new String(png, from, end - from, set));
        }
    }

    private static int zero(byte[] bytes, int from, int end) {
        var at = Math.min(from, end);
        while (at < end && bytes[at] != 0) {
            at++;
        }
        return at;
    }
}
