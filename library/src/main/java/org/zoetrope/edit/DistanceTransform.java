package org.zoetrope.edit;

import java.util.Arrays;

/// The exact Euclidean distance transform of a grid, by two passes of one-dimensional lower envelopes of parabolas
/// (Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions", 2012).
final class DistanceTransform {
    private DistanceTransform() {}

    /// For every cell the distance to the nearest inside cell, in cells between centres: 0 inside, infinite everywhere if
    /// no cell is inside.
    ///
    /// @param inside row by row [height, width]
    static double[] of(boolean[] inside, int height, int width) {
        var squares = new double[inside.length];
        for (var at = 0; at < squares.length; at++) {
            squares[at] = inside[at] ? 0 : Double.POSITIVE_INFINITY;
        }
        for (var x = 0; x < width; x++) {
            line(squares, x, width, height);
        }
        for (var y = 0; y < height; y++) {
            line(squares, y * width, 1, width);
        }
        return Arrays.stream(squares).map(Math::sqrt).toArray();
    }

    /// Replaces f(p) on one line by the minimum over q of (p - q)^2 + f(q).
    private static void line(double[] values, int start, int stride, int length) {
        var apex = new int[length]; // the parabolas of the envelope, from left to right
        var from = new double[length]; // where each begins to be the lowest
        var count = 0;
        var f = new double[length];
        for (var q = 0; q < length; q++) {
            f[q] = values[start + q * stride];
            if (Double.isInfinite(f[q])) {
                continue;
            }
            var begin = Double.NEGATIVE_INFINITY;
            while (count > 0) {
                var p = apex[count - 1];
                begin = (f[q] + (double) q * q - f[p] - (double) p * p) / (2.0 * (q - p));
                if (begin > from[count - 1]) {
                    break;
                }
                begin = Double.NEGATIVE_INFINITY;
                count--;
            }
            apex[count] = q;
            from[count++] = begin;
        }
        for (int q = 0, k = 0; q < length && count > 0; q++) {
            while (k + 1 < count && from[k + 1] < q) {
                k++;
            }
            values[start + q * stride] = (double) (q - apex[k]) * (q - apex[k]) + f[apex[k]];
        }
    }
}
