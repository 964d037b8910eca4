package org.zoetrope.bench;

import java.util.Locale;
import java.util.Optional;

/// What came of one case.
///
/// @param dtype     number type, in lower case
/// @param yardstick what the fraction is of: `gemm float32`, `gemm bfloat16` or `copy`
/// @param flops     operations of one run
/// @param bytes     that one run cannot avoid to move
/// @param seconds   of the fastest run
/// @param fraction  of the speed of the yardstick, measured in turns with it; the median of the rounds
/// @param coreFraction the same with the processor time of all cores instead of the time on the wall: time that other
///                  programs took does not count, and neither does our own waiting
/// @param peakBytes largest resident memory of the process while it was measured, weights and inputs included
/// @param pace      seconds of one unit that users count in
public record Row(String name, String dtype, String yardstick, double flops, double bytes, double seconds,
        double fraction, double coreFraction, long peakBytes, Optional<Pace> pace) {
    /// @param seconds for one unit, at the fastest
    public record Pace(double seconds, String unit) {}

    /// Operations a second, in billions.
    public double gflops() {
        return flops / seconds / 1e9;
    }

    /// Unavoidable bytes a second, in billions.
    public double gbytes() {
        return bytes / seconds / 1e9;
    }

    /// Operations for each byte that cannot be avoided.
    public double intensity() {
        return flops / bytes;
    }

    boolean isMoving() {
        return yardstick.equals("copy");
    }

    /// The same measurement in another report.
    boolean isOf(Row other) {
        return name.equals(other.name) && dtype.equals(other.dtype);
    }

    String rate() {
        return String.format(Locale.ROOT, isMoving() ? "%.1f GB/s" : "%.1f GFLOP/s", isMoving() ? gbytes() : gflops());
    }

    String paced() {
        return pace.map(p -> String.format(Locale.ROOT, "%.3g s per %s", p.seconds(), p.unit())).orElse("");
    }
}
