package org.zoetrope.bench;

import java.util.Locale;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// The best that this machine does at one kind of work, measured beside each case in the same moments, so that other
/// programs slow down both.
sealed interface Yardstick {
    /// A product of two square matrices; its unit of work is the floating-point operation.
    record Product(DType dtype) implements Yardstick {}

    /// A copy of more memory than caches hold; its unit of work is the byte, read or written.
    record Copy() implements Yardstick {}

    /// Something that can be done again and again.
    ///
    /// @param work units of one run
    record Probe(double work, Runnable run) {}

    default String label() {
        return switch (this) {
            case Product(var dtype) -> "gemm " + dtype.name().toLowerCase(Locale.ROOT);
            case Copy() -> "copy";
        };
    }

    /// Its tensors belong to the scope of the caller.
    default Probe probe(Plan plan) {
        return switch (this) {
            case Product(var dtype) -> {
                var a = Tensor.full(1.0 / plan.side(), plan.side(), plan.side()).to(dtype);
                yield new Probe(2.0 * plan.side() * plan.side() * plan.side(), () -> Scope.run(() -> {
                    a.matmul(a);
                }));
            }
            case Copy() -> {
                var from = Tensor.ones(plan.copied() / Float.BYTES);
                var to = Tensor.zeros(plan.copied() / Float.BYTES);
                yield new Probe(2.0 * plan.copied(), () -> to.set(from));
            }
        };
    }
}
