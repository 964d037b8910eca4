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
        float[][] ofFrames = axis(time, frames, timeScale), ofRows = axis(space, rows, spaceScale),
                ofColumns = axis(space, columns, spaceScale);
        var values = new float[Math.toIntExact(frames * rows * columns * width)];
        var at = 0;
        for (var frame : ofFrames) {
            for (var row : ofRows) {
                for (var column : ofColumns) {
                    System.arraycopy(frame, 0, values, at, time);
                    System.arraycopy(column, 0, values, at + time, space);
                    System.arraycopy(row, 0, values, at + time + space, space);
                    at += width;
                }
            }
        }
        return Tensor.of(values, frames * rows * columns, width);
    }

    /// The share of one axis for each position on it; tokens share positions, and sines take longer than copies.
    private static float[][] axis(int width, long count, double scale) {
        var half = width / 2;
        var table = new float[Math.toIntExact(count)][width];
        for (var position = 0; position < count; position++) {
            for (var i = 0; i < half; i++) {
                var phase = position / scale * Math.pow(10000, -(double) i / half);
                table[position][i] = (float) Math.sin(phase);
                table[position][half + i] = (float) Math.cos(phase);
            }
        }
        return table;
    }
}
