package org.zoetrope.weights;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// The matrix of a linear layer as memory holds it: as numbers to compute with, or in eight bits each with one scale for
/// every row (symmetric, weights only, rounded to the nearest), which become such numbers when a layer needs them.
///
/// @param values [out, in], of the type to compute in or INT8
/// @param scale  what the values of a row are multiplied with [out, 1], float32; for matrices in eight bits
/// @param dtype  the type to compute in
public record Matrix(Tensor values, Optional<Tensor> scale, DType dtype) implements Tensors {
    private static final int LARGEST = 127;
    private static final long AT_ONCE = 1L << 20; // numbers
    private static final double SMALLEST_SCALE = 1e-30; // of rows without anything in them

    /// A matrix as it is.
    static Matrix plain(Tensor values) {
        return new Matrix(values, Optional.empty(), values.dtype());
    }

    /// A matrix in eight bits. No weight moves by more than half of its row's scale.
    ///
    /// @param weight [out, in], as precise as there is
    /// @param dtype  the type to compute in
    static Matrix int8(Tensor weight, DType dtype) {
        if (weight.isMeta()) {
            return new Matrix(Tensor.meta(DType.INT8, weight.shape()),
                    Optional.of(Tensor.meta(DType.FLOAT32, weight.size(0), 1)), dtype);
        }
        // Rows at a time, so that a matrix never stands in float32 as a whole beside what is kept of it.
        return Scope.run(() -> {
            var scales = new ArrayList<Tensor>();
            var values = new ArrayList<Tensor>();
            var rows = Math.clamp(AT_ONCE / weight.size(1), 1, weight.size(0));
            for (var first = 0L; first < weight.size(0); first += rows) {
                var some = weight.narrow(0, first, Math.min(rows, weight.size(0) - first));
                var scale = Scope.run(() -> scale(some.to(DType.FLOAT32)));
                scales.add(scale);
                values.add(Scope.run(() -> some.to(DType.FLOAT32).div(scale).round().clamp(-LARGEST, LARGEST).to(DType.INT8)));
            }
            return new Matrix(Tensor.cat(values, 0), Optional.of(Tensor.cat(scales, 0)), dtype);
        });
    }

    /// A scale that bfloat16 holds exactly is the same in every type. It is off by less than 1 in 256, so that the largest
    /// weight of a row stays within half a step of 127.
    private static Tensor scale(Tensor rows) {
        return rows.abs().max(true, 1).div(LARGEST).clampMin(SMALLEST_SCALE).to(DType.BFLOAT16).to(DType.FLOAT32);
    }

    /// The matrix in the type to compute in [out, in].
    public Tensor numbers() {
        return scale.map(s -> values.times(s.to(dtype))).orElse(values);
    }

    @Override
    public List<Tensor> tensors() {
        return Stream.concat(Stream.of(values), scale.stream()).toList();
    }
}
