package org.zoetrope.parity;

/// How far an output may be from its reference: both bounds must hold.
///
/// @param maxAbs     of the largest difference of two elements
/// @param relativeL2 of ||ours - reference|| / ||reference||
public record Tolerance(double maxAbs, double relativeL2) {
    /// For what is computed in integers.
    static final Tolerance EXACT = new Tolerance(0, 0);
}
