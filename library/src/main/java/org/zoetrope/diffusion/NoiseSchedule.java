package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.Arrays;

/// The levels of a discrete variance-preserving diffusion: `abar_t = prod (1 - beta_i)`, so that
/// `z_t = sqrt(abar_t) x + sqrt(1 - abar_t) eps`.
///
/// Immutable; the rescaled and shifted schedules are new ones.
public final class NoiseSchedule {
    /// What stands for an exact zero where a sampler must divide by the signal: the smallest float16.
    private static final double FLOOR = Math.scalb(1.0, -24);

    private final double[] cumulative;
    private final Precision precision;

    private NoiseSchedule(double[] cumulative, Precision precision) {
        this.cumulative = cumulative;
        this.precision = precision;
    }

    /// The schedule of these betas over `trainSteps` timesteps.
    public static NoiseSchedule of(Betas betas, int trainSteps, Precision precision) {
        require(trainSteps > 0, "a schedule needs at least one training step, found %d", trainSteps);
        return fromBetas(betas.values(trainSteps, precision), precision);
    }

    /// The schedule of these betas over 1000 timesteps in float64.
    public static NoiseSchedule of(Betas betas) {
        return of(betas, 1000, Precision.DOUBLE);
    }

    private static NoiseSchedule fromBetas(double[] betas, Precision precision) {
        var cumulative = new double[betas.length];
        var product = 1.0;
        for (var i = 0; i < betas.length; i++) {
            product *= precision.round(1 - betas[i]);
            cumulative[i] = precision.round(product);
        }
        return new NoiseSchedule(cumulative, precision);
    }

    /// Rescales to zero terminal SNR (arXiv 2305.08891): the first level stays, the last becomes pure noise.
    public NoiseSchedule zeroTerminalSnr() {
        var n = cumulative.length;
        var first = root(cumulative[0]);
        var last = root(cumulative[n - 1]);
        var rescaled = new double[n];
        for (var i = 0; i < n; i++) {
            var r = precision.round(root(cumulative[i]) - last);
            // In double the ratio is exactly one at the first level and zero at the last, so both ends are exact; in
            // single the order of the reference counts.
            r = precision == Precision.DOUBLE ? first * (r / (first - last))
                    : precision.round(r * precision.round(first / precision.round(first - last)));
            rescaled[i] = precision.round(r * r);
        }
        if (precision == Precision.DOUBLE) {
            return new NoiseSchedule(rescaled, precision);
        }
        // The float32 references rescale the betas and multiply them up again.
        var betas = new double[n];
        for (var i = 0; i < n; i++) {
            betas[i] = precision.round(1 - precision.round(rescaled[i] / (i == 0 ? 1 : rescaled[i - 1])));
        }
        return fromBetas(betas, precision);
    }

    /// Divides the signal-to-noise ratio of every level by `scale` (CogVideoX: 3 for 2B, 1 for 5B).
    /// Shift first, rescale second.
    public NoiseSchedule shiftSnr(double scale) {
        require(scale > 0, "snr_shift_scale must be positive, found %s", scale);
        var shifted = Arrays.stream(cumulative).map(a -> precision.round(a / (scale + (1 - scale) * a)));
        return new NoiseSchedule(shifted.toArray(), precision);
    }

    /// The same schedule with its last level at abar = 2^-24: samplers that divide by the signal need one.
    public NoiseSchedule floored() {
        var floored = cumulative.clone();
        floored[floored.length - 1] = FLOOR;
        return new NoiseSchedule(floored, precision);
    }

    /// The number of training timesteps T.
    public int trainSteps() {
        return cumulative.length;
    }

    /// How its numbers are rounded.
    public Precision precision() {
        return precision;
    }

    /// abar of a timestep, 0 .. T-1.
    public double abar(int timestep) {
        require(timestep >= 0 && timestep < cumulative.length, "timestep %d is outside 0 .. %d", timestep,
                cumulative.length - 1);
        return cumulative[timestep];
    }

    /// The level of a timestep, 0 .. T-1.
    public Level level(int timestep) {
        return Level.variancePreserving(abar(timestep), precision);
    }

    /// The level after the last timestep of a run: clean, or as the samplers without `alphaToOne` have it that of
    /// timestep 0.
    Level end(boolean alphaToOne) {
        return alphaToOne ? Level.variancePreserving(1, precision) : level(0);
    }

    /// Noise over signal `sqrt((1 - abar) / abar)` of a timestep, the sigma of the Karras family.
    public double sigma(int timestep) {
        var abar = abar(timestep);
        return root(precision.round(precision.round(1 - abar) / abar));
    }

    /// Noise over signal at a timestep between two entries, on the straight line between them.
    public double sigma(double timestep) {
        var low = (int) Math.clamp(Math.floor(timestep), 0, cumulative.length - 1);
        if (low == cumulative.length - 1 || timestep <= low) {
            return sigma(low);
        }
        var start = sigma(low);
        return (sigma(low + 1) - start) * (timestep - low) + start;
    }

    /// The timestep, between 0 and T-1 and rarely whole, whose sigma this is: linear in ln sigma.
    public double timestep(double sigma) {
        var wanted = Math.log(Math.max(sigma, 1e-10));
        var low = 0;
        for (var i = 0; i < cumulative.length - 1 && logSigma(i) <= wanted; i++) {
            low = i;
        }
        low = Math.min(low, cumulative.length - 2);
        var below = logSigma(low);
        var w = Math.clamp((below - wanted) / precision.round(below - logSigma(low + 1)), 0, 1);
        return (1 - w) * low + w * (low + 1);
    }

    /// How many timesteps have a half log-SNR of at least `lambda`; a solver starts below this number.
    int timestepsAbove(double lambda) {
        var n = cumulative.length;
        while (n > 0 && level(n - 1).lambda() < lambda) {
            n--;
        }
        return n;
    }

    private double logSigma(int timestep) {
        return precision.round(Math.log(sigma(timestep)));
    }

    private double root(double value) {
        return precision.round(Math.sqrt(value));
    }
}
