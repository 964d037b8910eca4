package org.zoetrope.diffusion;

/// How the numbers of a table are rounded on the way.
///
/// The reference schedulers keep their tables in float32, CogVideoX's in float64. A checkpoint's timesteps and levels
/// are those of its reference, so the rounding is part of the schedule: near sigma = 1 a float32 sigma moves
/// `1 - sigma` by a percent, and a truncated timestep by one.
public enum Precision {
    /// Every stage of the table is rounded to float32, as in the reference.
    SINGLE {
        @Override
        double round(double value) {
            return (float) value;
        }
    },
    /// Nothing is rounded.
    DOUBLE {
        @Override
        double round(double value) {
            return value;
        }
    };

    abstract double round(double value);

    /// A number of this precision.
    Real real(double value) {
        return new Real(round(value), this);
    }
}
