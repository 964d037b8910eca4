package org.zoetrope.parity;

import java.util.Arrays;
import org.zoetrope.tensor.Tensor;

/// How far one output of ours is from the reference's.
///
/// @param output     its name in the fixture
/// @param maxAbs     largest difference; infinite where one side is not a number, or the shapes differ
/// @param relativeL2 ||ours - reference|| / ||reference||
/// @param remark     what a reader should know, such as two shapes that differ; may be empty
public record Comparison(String output, double maxAbs, double relativeL2, Tolerance tolerance, String remark) {
    static Comparison of(String output, Tensor ours, Tensor reference, Tolerance tolerance) {
        if (!Arrays.equals(ours.shape(), reference.shape())) {
            return new Comparison(output, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY, tolerance,
                    "shape %s, the reference has %s".formatted(
                            Arrays.toString(ours.shape()), Arrays.toString(reference.shape())));
        }
        var a = ours.toDoubles();
        var b = reference.toDoubles();
        double largest = 0, difference = 0, norm = 0;
        for (var i = 0; i < a.length; i++) {
            var d = Math.abs(a[i] - b[i]);
            largest = Double.isNaN(d) ? Double.POSITIVE_INFINITY : Math.max(largest, d);
            difference += d * d;
            norm += b[i] * b[i];
        }
        var relative = difference == 0 ? 0 : Math.sqrt(difference / norm);
        return new Comparison(output, largest, Double.isNaN(relative) ? Double.POSITIVE_INFINITY : relative, tolerance,
                "");
    }

    /// Whether both bounds hold.
    public boolean isWithin() {
        return maxAbs <= tolerance.maxAbs() && relativeL2 <= tolerance.relativeL2();
    }
}
