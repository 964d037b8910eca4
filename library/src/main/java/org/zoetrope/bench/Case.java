package org.zoetrope.bench;

import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;

/// One thing to measure.
///
/// @param flops     operations of one run, 2 per multiply-add, of the mathematics and not of the implementation
/// @param bytes     that one run cannot avoid to read or write: weights, inputs, outputs
/// @param yardstick what its speed is a fraction of
/// @param pace      how much of something users count in one run does
/// @param prepare   makes weights and inputs, which belong to the scope of the caller, and returns the run
record Case(String name, DType dtype, double flops, double bytes, Yardstick yardstick, Optional<Pace> pace,
        Function<Rng, Runnable> prepare) {
    /// @param amount of units in one run
    record Pace(double amount, String unit) {}

    Case(String name, DType dtype, double flops, double bytes, Function<Rng, Runnable> prepare) {
        this(name, dtype, flops, bytes, new Yardstick.Product(dtype), Optional.empty(), prepare);
    }

    Case per(double amount, String unit) {
        return new Case(name, dtype, flops, bytes, yardstick, Optional.of(new Pace(amount, unit)), prepare);
    }

    /// A case that moves memory and hardly computes.
    Case moving() {
        return new Case(name, dtype, flops, bytes, new Yardstick.Copy(), pace, prepare);
    }

    /// Name and number type, such as `wan stack 1506 float32`.
    String label() {
        return name + " " + dtype.name().toLowerCase(Locale.ROOT);
    }

    /// What one run does, in the unit of the yardstick.
    double work() {
        return yardstick instanceof Yardstick.Copy ? bytes : flops;
    }
}
