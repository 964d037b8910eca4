package org.zoetrope.models.text;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.zoetrope.weights.ConfigException;

/// The protocol buffer wire format, as far as SentencePiece models use it: fields of varint, 64 bit, bytes and 32 bit.
/// https://protobuf.dev/programming-guides/encoding
///
/// A reader is a cursor over one message: [#next()] moves to a field, the getters take its value, and a field whose
/// value nobody takes is skipped. Lengths are checked against the message before anything is copied.
final class Protobuf {
    private static final int VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;

    private final String file;
    private final ByteBuffer message;
    private int field;
    private int type;
    private int valueEnd;

    /// @param file what to call the file in errors
    Protobuf(String file, byte[] message) {
        this(file, ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN));
    }

    private Protobuf(String file, ByteBuffer message) {
        this.file = file;
        this.message = message;
        valueEnd = message.position();
    }

    /// Moves to the next field; false at the end of the message.
    boolean next() {
        message.position(valueEnd);
        if (!message.hasRemaining()) {
            return false;
        }
        var tag = varint();
        field = (int) (tag >>> 3);
        type = (int) tag & 7;
        if (tag >>> 3 == 0 || tag >>> 32 != 0) {
            throw broken("a field numbered " + (tag >>> 3));
        }
        var length = switch (type) {
            case VARINT -> varintLength();
            case FIXED64 -> Long.BYTES;
            case BYTES -> varint();
            case FIXED32 -> Integer.BYTES;
            default -> throw broken("a value of the unknown wire type " + type);
        };
        if (length < 0 || length > message.remaining()) {
            throw broken("a value of %d bytes where %d are left".formatted(length, message.remaining()));
        }
        valueEnd = message.position() + (int) length;
        return true;
    }

    /// Number of the current field.
    int field() {
        return field;
    }

    int asInt() {
        expect(VARINT);
        return (int) varint();
    }

    boolean asBoolean() {
        expect(VARINT);
        return varint() != 0;
    }

    float asFloat() {
        expect(FIXED32);
        return message.getFloat();
    }

    byte[] asBytes() {
        expect(BYTES);
        var bytes = new byte[valueEnd - message.position()];
        message.get(bytes);
        return bytes;
    }

    String asString() {
        return new String(asBytes(), StandardCharsets.UTF_8);
    }

    Protobuf asMessage() {
        expect(BYTES);
        return new Protobuf(file, message.duplicate().order(ByteOrder.LITTLE_ENDIAN).limit(valueEnd));
    }

    private void expect(int wanted) {
        if (type != wanted) {
            throw broken("field %d with wire type %d where %d belongs".formatted(field, type, wanted));
        }
    }

    private int varintLength() {
        var start = message.position();
        varint();
        var length = message.position() - start;
        message.position(start);
        return length;
    }

    private long varint() {
        var value = 0L;
        for (var shift = 0; shift < Long.SIZE; shift += 7) {
            if (!message.hasRemaining()) {
                throw broken("an end in the middle of a number");
            }
            var next = message.get();
            value |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw broken("a number longer than ten bytes");
    }

    private ConfigException broken(String found) {
        return new ConfigException("%s is damaged: it has %s at byte %d of %d; copy the file again".formatted(
                file, found, message.position(), message.capacity()));
    }

    /// Builds one message.
    static final class Writer {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Writer put(int field, long value) {
            varint(((long) field << 3) | VARINT);
            varint(value);
            return this;
        }

        Writer put(int field, boolean value) {
            return put(field, value ? 1 : 0);
        }

        Writer put(int field, float value) {
            varint(((long) field << 3) | FIXED32);
            bytes.writeBytes(ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
            return this;
        }

        Writer put(int field, String value) {
            return put(field, value.getBytes(StandardCharsets.UTF_8));
        }

        Writer put(int field, Writer message) {
            return put(field, message.toBytes());
        }

        private Writer put(int field, byte[] value) {
            varint(((long) field << 3) | BYTES);
            varint(value.length);
            bytes.writeBytes(value);
            return this;
        }

        byte[] toBytes() {
            return bytes.toByteArray();
        }

        private void varint(long value) {
            var rest = value;
            while ((rest & ~0x7fL) != 0) {
                bytes.write((int) ((rest & 0x7f) | 0x80));
                rest >>>= 7;
            }
            bytes.write((int) rest);
        }
    }
}
