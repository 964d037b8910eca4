package org.zoetrope.nn;

import java.util.List;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Tensor;

/// Rotary positions over time, rows and columns (arXiv 2104.09864): each axis turns its own share of the channels, and
/// **adjacent** channels form a pair, (a, b) -> (a cos - b sin, a sin + b cos).
///
/// @param cos [tokens, D]
/// @param sin [tokens, D]
public record RotaryEmbedding(Tensor cos, Tensor sin) {
    private static final double THETA = 10000;

    /// The table of a grid.
    ///
    /// @param share   channels of time, rows and columns; all even
    /// @param frames  coordinate of each frame
    /// @param rows    coordinate of each row
    /// @param columns coordinate of each column
    public static RotaryEmbedding grid(int[] share, double[] frames, double[] rows, double[] columns) {
        var width = share[0] + share[1] + share[2];
        var tokens = Math.multiplyExact(Math.multiplyExact(frames.length, rows.length), columns.length);
        float[][][] ofFrames = axis(share[0], frames), ofRows = axis(share[1], rows), ofColumns = axis(share[2], columns);
        var cos = new float[Math.multiplyExact(tokens, width)];
        var sin = new float[cos.length];
        var at = 0;
        for (var frame : ofFrames) {
            for (var row : ofRows) {
                for (var column : ofColumns) {
                    for (var part : List.of(frame, row, column)) {
                        System.arraycopy(part[0], 0, cos, at, part[0].length);
                        System.arraycopy(part[1], 0, sin, at, part[1].length);
                        at += part[0].length;
                    }
                }
            }
        }
        return new RotaryEmbedding(Tensor.of(cos, tokens, width), Tensor.of(sin, tokens, width));
    }

    /// Cosines and sines of one axis for each coordinate on it; tokens share coordinates, and cosines take longer than
    /// copies.
    private static float[][][] axis(int width, double[] coordinates) {
        var table = new float[coordinates.length][2][width];
        for (var c = 0; c < coordinates.length; c++) {
            for (var i = 0; i < width; i += 2) {
                var phase = coordinates[c] * Math.pow(THETA, -(double) i / width);
                table[c][0][i] = table[c][0][i + 1] = (float) Math.cos(phase);
                table[c][1][i] = table[c][1][i + 1] = (float) Math.sin(phase);
            }
        }
        return table;
    }

    public RotaryEmbedding to(Device device) {
        return new RotaryEmbedding(cos.to(device), sin.to(device));
    }

    /// Turns queries or keys. Computed in float32: the angles of far positions lose their order in half precision.
    ///
    /// @param x [B, heads, tokens, D]
    /// @return shaped and typed like x
    public Tensor rotate(Tensor x) {
        return x.to(DType.FLOAT32).turnPairs(firstOfPairs(cos), firstOfPairs(sin)).to(x.dtype());
    }

    private static Tensor firstOfPairs(Tensor table) {
        return table.slice(1, 0, table.size(1), 2);
    }
}
