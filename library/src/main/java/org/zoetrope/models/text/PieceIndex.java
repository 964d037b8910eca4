package org.zoetrope.models.text;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/// Finds the pieces of a vocabulary that a text continues with.
///
/// Pieces lie sorted as unsigned bytes, so those that share a beginning are neighbours; each further byte of the text
/// narrows the range by bisection. That costs a few comparisons more than a trie and no memory beside the pieces.
final class PieceIndex {
    private final byte[][] pieces;
    private final int[] ids;

    /// @param pieces the vocabulary; piece i has id i
    /// @param ids    the ids to be found
    PieceIndex(List<byte[]> pieces, int[] ids) {
        this.ids = Arrays.stream(ids).boxed().sorted(Comparator.comparing(pieces::get, Arrays::compareUnsigned))
                .mapToInt(Integer::intValue).toArray();
        this.pieces = Arrays.stream(this.ids).mapToObj(pieces::get).toArray(byte[][]::new);
    }

    /// Told of a piece that the text continues with.
    @FunctionalInterface
    interface Match {
        void piece(int id, int length);
    }

    /// Reports every piece that `text` has at `start`, the shortest first.
    void matches(byte[] text, int start, Match found) {
        var low = 0;
        var high = pieces.length;
        for (var depth = 0; start + depth < text.length && low < high; depth++) {
            var next = text[start + depth] & 0xff;
            low = firstAtLeast(next, depth, low, high);
            high = firstAtLeast(next + 1, depth, low, high);
            if (low < high && pieces[low].length == depth + 1) {
                found.piece(ids[low], depth + 1);
            }
        }
    }

    /// Length of the longest piece that `text` has at `start`; 0 if there is none.
    int longest(byte[] text, int start) {
        var longest = new int[1];
        matches(text, start, (_, length) -> longest[0] = length);
        return longest[0];
    }

    /// First row of [low, high) whose byte at `depth` is at least `value`; rows that end before come first.
    private int firstAtLeast(int value, int depth, int low, int high) {
        var from = low;
        var to = high;
        while (from < to) {
            var middle = (from + to) >>> 1;
            var piece = pieces[middle];
            if (piece.length <= depth || (piece[depth] & 0xff) < value) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        return from;
    }
}
