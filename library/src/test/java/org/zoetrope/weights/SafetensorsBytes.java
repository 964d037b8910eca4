package org.zoetrope.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// A safetensors file put together by hand, right or wrong.
///
/// @param json the header
/// @param data what follows it
@SuppressWarnings("ArrayRecordComponent") // never compared
record SafetensorsBytes(byte[] json, byte[] data) {
    static SafetensorsBytes of(String json, int dataBytes) {
        return new SafetensorsBytes(json.getBytes(StandardCharsets.UTF_8), new byte[dataBytes]);
    }

    byte[] bytes() {
        return ByteBuffer.allocate(8 + json.length + data.length).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length).put(json).put(data).array();
    }

    Path writeTo(Path file) {
        try {
            return Files.write(file, bytes());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    SafetensorsHeader parse() {
        return SafetensorsHeader.parse("x.safetensors", ByteBuffer.wrap(bytes()), bytes().length);
    }
}
