package org.zoetrope.models.text;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.BitSet;
import org.zoetrope.weights.ConfigException;

/// SentencePiece's precompiled normalisation rules (`nmt_nfkc` and its kin): a table from byte strings to byte strings.
///
/// The blob is a length, a double array of 32 bit units (Darts-clone, the ByteDarts layout) and the replacements, each
/// ended by a zero byte. A unit holds the byte that leads to it (bits 0-7), whether a key ends there (bit 8), and where
/// its children lie (bits 10-31, scaled by 256 when bit 9 is set); a leaf has bit 31 set and holds the position of its
/// replacement. https://github.com/s-yata/darts-clone
final class CharsMap {
    private static final int LEAF = 1 << 31;

    private final int[] units;
    private final byte[] replacements;

    /// The longest rule that applies: how many bytes it takes, and where its replacement lies.
    record Rule(int length, int begin, int end) {}

    /// @param file what to call the file in errors
    /// @param blob `precompiled_charsmap` of a normaliser
    CharsMap(String file, byte[] blob) {
        var buffer = ByteBuffer.wrap(blob).order(ByteOrder.LITTLE_ENDIAN);
        var size = blob.length > Integer.BYTES ? Integer.toUnsignedLong(buffer.getInt()) : 0;
        if (size < Integer.BYTES || size % Integer.BYTES != 0 || size >= buffer.remaining()) {
            throw broken(file, "a table of %d bytes in a rule set of %d".formatted(size, blob.length));
        }
        units = new int[(int) size / Integer.BYTES];
        buffer.asIntBuffer().get(units);
        replacements = new byte[buffer.remaining() - (int) size];
        buffer.get(buffer.position() + (int) size, replacements);
        check(file);
    }

    byte[] replacements() {
        return replacements;
    }

    /// The longest key that `text` has at `start`; a rule of length 0 if there is none.
    Rule longest(byte[] text, int start) {
        var best = new Rule(0, 0, 0);
        var node = childrenOf(0);
        for (var i = start; i < text.length; i++) {
            node ^= text[i] & 0xff;
            if (node >= units.length || labelOf(node) != (text[i] & 0xff)) {
                return best;
            }
            var ends = endsKey(node);
            node ^= offsetOf(node);
            if (ends) {
                var begin = units[node] & ~LEAF;
                best = new Rule(i + 1 - start, begin, endOf(begin));
            }
        }
        return best;
    }

    private int endOf(int begin) {
        var end = begin;
        while (end < replacements.length && replacements[end] != 0) {
            end++;
        }
        return end;
    }

    private int labelOf(int node) {
        return units[node] & (LEAF | 0xff);
    }

    private boolean endsKey(int node) {
        return (units[node] >>> 8 & 1) == 1;
    }

    private int offsetOf(int node) {
        return units[node] >>> 10 << ((units[node] & 1 << 9) >>> 6);
    }

    private int childrenOf(int node) {
        return node ^ offsetOf(node);
    }

    /// Visits every unit that some text can reach, so that lookups need no checks. A table that leads back into itself
    /// is harmless: a lookup takes one step per byte of text.
    private void check(String file) {
        var seen = new BitSet(units.length);
        var open = new ArrayDeque<Integer>();
        seen.set(0);
        open.push(0);
        while (!open.isEmpty()) {
            var node = open.pop();
            var children = childrenOf(node);
            if (endsKey(node) && (children < 0 || children >= units.length || units[children] >= 0
                    || (units[children] & ~LEAF) >= replacements.length)) {
                throw broken(file, "a rule %d that leads outside the table".formatted(node));
            }
            for (var label = 0; label <= 0xff; label++) {
                var child = children ^ label;
                if (child >= 0 && child < units.length && labelOf(child) == label && !seen.get(child)) {
                    seen.set(child);
                    open.push(child);
                }
            }
        }
    }

    private static ConfigException broken(String file, String found) {
        return new ConfigException(
                "the normalisation rules of %s are damaged: they have %s; copy the file again".formatted(file, found));
    }
}
