package org.zoetrope.diffusion;

/// A coefficient on its way from a level to a step: every operation rounds as its schedule does.
///
/// Solvers amplify. At sigma 14 a network's prediction enters the clean sample 14 times over, so the last bit of a
/// coefficient is the fourth digit of the latents ten steps later. In single precision the coefficients are formed
/// operation by operation in float32, in the order of the published code, and a run follows it bit for bit.
record Real(double value, Precision precision) {
    Real plus(Real other) {
        return of(value + other.value);
    }

    Real plus(double other) {
        return of(value + precision.round(other));
    }

    Real minus(Real other) {
        return of(value - other.value);
    }

    Real minus(double other) {
        return of(value - precision.round(other));
    }

    Real times(Real other) {
        return of(value * other.value);
    }

    Real times(double other) {
        return of(value * precision.round(other));
    }

    Real div(Real other) {
        return of(value / other.value);
    }

    Real negate() {
        return of(-value);
    }

    Real square() {
        return of(value * value);
    }

    /// 1 / x.
    Real inverse() {
        return of(1 / value);
    }

    /// 1 - x.
    Real fromOne() {
        return of(1 - value);
    }

    Real sqrt() {
        return of(Math.sqrt(value));
    }

    Real exp() {
        return of(Math.exp(value));
    }

    Real expm1() {
        return of(Math.expm1(value));
    }

    Real log() {
        return of(Math.log(value));
    }

    /// Another number of the same precision.
    Real of(double value) {
        return precision.real(value);
    }
}
