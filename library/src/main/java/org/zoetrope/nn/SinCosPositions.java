package org.zoetrope.nn;

import org.zoetrope.tensor.Tensor;

/// Fixed sine-cosine position tables: along one axis w_i = 10000^(-i / (d/2)), written as [sin | cos].
public final class SinCosPositions {
    private SinCosPositions() {}

    /// The table of CogVideoX (its released code): a quarter of the width holds time, three eighths the column and three
    /// eighths the row, in this order.
    ///
    /// @param spaceScale divides rows and columns
    /// @param timeScale  divides frames
    /// @return [frames * height * width, D], frame after frame, row after row
    public static Tensor spaceTime(int width, long frames, long rows, long columns, double spaceScale, double timeScale) {
        var time = width / 4;
        var space = 3 * width / 8;
        var values = new float[Math.toIntExact(frames * rows * columns * width)];
        var at = 0;
        for (var f = 0; f < frames; f++) {
            for (var r = 0; r < rows; r++) {
                for (var c = 0; c < columns; c++) {
                    write(values, at, time, f / timeScale);
                    write(values, at + time, space, c / spaceScale);
                    write(values, at + time + space, space, r / spaceScale);
                    at += width;
                }
            }
        }
        return Tensor.of(values, frames * rows * columns, width);
    }

    private static void write(float[] values, int at, int width, double position) {
        var half = width / 2;
        for (var i = 0; i < half; i++) {
            var phase = position * Math.pow(10000, -(double) i / half);
            values[at + i] = (float) Math.sin(phase);
            values[at + half + i] = (float) Math.cos(phase);
        }
    }
}
