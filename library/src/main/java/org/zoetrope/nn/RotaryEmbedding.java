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
        var cos = new float[Math.multiplyExact(tokens, width)];
        var sin = new float[cos.length];
        var at = 0;
        for (var frame : frames) {
            for (var row : rows) {
                for (var column : columns) {
                    var coordinates = new double[] {frame, row, column};
                    for (var axis = 0; axis < 3; axis++) {
                        for (var i = 0; i < share[axis]; i += 2) {
                            var phase = coordinates[axis] * Math.pow(THETA, -(double) i / share[axis]);
                            cos[at] = cos[at + 1] = (float) Math.cos(phase);
                            sin[at] = sin[at + 1] = (float) Math.sin(phase);
                            at += 2;
                        }
                    }
                }
            }
        }
        return new RotaryEmbedding(Tensor.of(cos, tokens, width), Tensor.of(sin, tokens, width));
    }

    public RotaryEmbedding to(Device device) {
        return new RotaryEmbedding(cos.to(device), sin.to(device));
    }

    /// Turns queries or keys. Computed in float32: the angles of far positions lose their order in half precision.
    ///
    /// @param x [B, heads, tokens, D]
    /// @return shaped and typed like x
    public Tensor rotate(Tensor x) {
        var wide = x.to(DType.FLOAT32);
        var shape = wide.shape();
        var pairs = wide.reshape(shape[0], shape[1], shape[2], shape[3] / 2, 2);
        var turned = Tensor.stack(List.of(pairs.select(-1, 1).negate(), pairs.select(-1, 0)), -1).reshape(shape);
        return wide.times(cos).plus(turned.times(sin)).to(x.dtype());
    }
}
