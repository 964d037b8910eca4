package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import org.zoetrope.tensor.Tensor;

/// A noise level: a state at this level is `z = alpha x + sigma eps`, with x the clean sample and eps unit noise.
///
/// The families of the literature are families of levels: variance preserving has `alpha^2 + sigma^2 = 1`, variance
/// exploding (EDM, Karras) has `alpha = 1`, flow matching has `alpha + sigma = 1`. `lambda = ln(alpha / sigma)` is the
/// half log-SNR that solvers step in.
///
/// @param precision that of the table the level comes from
public record Level(double alpha, double sigma, Precision precision) {
    /// No noise.
    public static final Level CLEAN = new Level(1, 0);

    /// How far the sums of a float32 table may be from what they stand for.
    private static final double ROUNDING = 1e-6;

    /// A level in double precision.
    public Level(double alpha, double sigma) {
        this(alpha, sigma, Precision.DOUBLE);
    }

    public Level {
        require(alpha >= 0 && sigma >= 0 && alpha + sigma > 0 && Double.isFinite(alpha + sigma),
                "a noise level needs finite parts that are not negative and not both zero, found alpha %s and sigma %s",
                alpha, sigma);
    }

    /// `alpha = sqrt(abar)`, `sigma = sqrt(1 - abar)`.
    static Level variancePreserving(double abar, Precision precision) {
        // The roots stay in double, so that their squares are the entries of the table again.
        return new Level(Math.sqrt(abar), Math.sqrt(precision.round(1 - abar)), precision);
    }

    /// `alpha = sqrt(abar)`, `sigma = sqrt(1 - abar)`.
    public static Level variancePreserving(double abar) {
        return variancePreserving(abar, Precision.DOUBLE);
    }

    /// `alpha = 1`.
    static Level varianceExploding(double sigma, Precision precision) {
        return new Level(1, precision.round(sigma), precision);
    }

    /// `alpha = 1`.
    public static Level varianceExploding(double sigma) {
        return varianceExploding(sigma, Precision.DOUBLE);
    }

    /// `alpha = 1 - sigma`.
    static Level flow(double sigma, Precision precision) {
        var s = precision.real(sigma);
        return new Level(s.fromOne().value(), s.value(), precision);
    }

    /// `alpha = 1 - sigma`.
    public static Level flow(double sigma) {
        return flow(sigma, Precision.DOUBLE);
    }

    /// The half log-SNR `ln(alpha / sigma)`; infinite without noise, minus infinite without signal.
    public double lambda() {
        return signal().log().minus(noise().log()).value();
    }

    /// The signal-to-noise ratio `alpha^2 / sigma^2`.
    public double snr() {
        return alpha * alpha / (sigma * sigma);
    }

    /// Noise over signal, the sigma of the Karras family.
    public double ratio() {
        return sigma / alpha;
    }

    /// The share of noise `sigma / (alpha + sigma)`: from 0 (clean) to 1 (noise), in flow matching the time itself.
    public double noiseShare() {
        return sigma / (alpha + sigma);
    }

    /// The variance-preserving level of the same signal-to-noise ratio.
    public Level variancePreserving() {
        var scale = norm().inverse();
        return new Level(signal().times(scale).value(), noise().times(scale).value(), precision);
    }

    /// The forward process: `alpha x + sigma eps`.
    public Tensor noisy(Tensor clean, Tensor noise) {
        return forward().of(clean, noise);
    }

    /// The forward process as coefficients of x and eps.
    public Mix forward() {
        return new Mix(alpha, sigma);
    }

    /// alpha.
    Real signal() {
        return precision.real(alpha);
    }

    /// sigma.
    Real noise() {
        return precision.real(sigma);
    }

    /// alpha^2.
    Real abar() {
        return signal().of(alpha * alpha);
    }

    /// sigma^2.
    Real variance() {
        return noise().of(sigma * sigma);
    }

    /// alpha^2 + sigma^2, which is 1 where only the rounding of a table keeps it from being so.
    Real power() {
        return unlessRounding(signal().square().plus(noise().square()));
    }

    /// The root of [#power()].
    Real norm() {
        return power().sqrt();
    }

    /// alpha + sigma, as [#power()].
    Real sum() {
        return unlessRounding(signal().plus(noise()));
    }

    private static Real unlessRounding(Real value) {
        return Math.abs(value.value() - 1) < ROUNDING ? value.of(1) : value;
    }
}
