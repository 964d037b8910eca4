package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import org.zoetrope.tensor.Tensor;

/// What a network's output means.
///
/// At a level `z = alpha x + sigma eps` the clean sample, the noise and the output determine one another, and every
/// conversion is a linear combination. With `n^2 = alpha^2 + sigma^2`:
///
/// | output | target | x | eps |
/// |---|---|---|---|
/// | epsilon | eps | (z - sigma o) / alpha | o |
/// | sample | x | o | (z - alpha o) / sigma |
/// | v | (alpha eps - sigma x) / n | (alpha z - sigma n o) / n^2 | (sigma z + alpha n o) / n^2 |
/// | flow velocity | eps - x | (z - sigma o) / (alpha + sigma) | (z + alpha o) / (alpha + sigma) |
/// | EDM F | (x - c_skip z) / c_out | c_skip z + c_out o | (z - x) / sigma |
///
/// In the variance-preserving case n = 1 and the v of the literature appears; at alpha = 1 the same row is the
/// v-prediction of the Karras samplers.
public sealed interface Prediction {
    /// The noise.
    record Epsilon() implements Prediction {}

    /// The clean sample.
    record Sample() implements Prediction {}

    /// The angular velocity `dz / dphi`, `phi = atan2(sigma, alpha)` (Salimans and Ho).
    record V() implements Prediction {}

    /// The velocity `eps - x` of a straight path from the data to the noise.
    record Flow() implements Prediction {}

    /// The network F of the EDM preconditioning (arXiv 2206.00364, table 1), for levels with alpha = 1.
    ///
    /// @param dataStd  standard deviation of the data, 0.5 in the paper, 1 for Stable Video Diffusion
    /// @param negative c_out is negative, so that F at dataStd 1 is v (Stable Video Diffusion)
    record Edm(double dataStd, boolean negative) implements Prediction {
        public Edm {
            require(dataStd > 0, "sigma_data must be positive, found %s", dataStd);
        }

        /// c_in, the scale of the network's input: `1 / sqrt(sigma^2 + d^2)`.
        Real inputScale(Level at) {
            return power(at).sqrt().inverse();
        }

        /// c_skip: `d^2 / (sigma^2 + d^2)`.
        Real skip(Level at) {
            return power(at).inverse().times(dataStd * dataStd);
        }

        /// c_out: `sigma d / sqrt(sigma^2 + d^2)`.
        Real outputScale(Level at) {
            var scale = at.noise().times(dataStd).div(power(at).sqrt());
            return negative ? scale.negate() : scale;
        }

        private Real power(Level at) {
            return at.noise().square().plus(dataStd * dataStd);
        }

        /// c_noise, what the network is told of the level.
        static double condition(double sigma) {
            return 0.25 * Math.log(sigma);
        }
    }

    static Prediction epsilon() {
        return new Epsilon();
    }

    static Prediction sample() {
        return new Sample();
    }

    static Prediction v() {
        return new V();
    }

    static Prediction flow() {
        return new Flow();
    }

    /// The clean sample.
    ///
    /// @param z      the state at this level
    /// @param output what the network returned for z
    /// @throws SamplingException for the noise at a level without signal: no finite sample fits
    default Tensor clean(Tensor z, Tensor output, Level at) {
        double alpha = at.alpha(), sigma = at.sigma();
        return switch (this) {
            case Epsilon() -> {
                require(alpha > 0, "a network that predicts the noise says nothing at a level without signal "
                        + "(alpha 0); use v or sample prediction with zero terminal SNR");
                yield over(z.minus(output.times(sigma)), alpha);
            }
            case Sample() -> output;
            case V() -> over(z.times(alpha), at.power().value())
                    .minus(output.times(at.noise().div(at.norm()).value()));
            case Flow() -> over(z.minus(output.times(sigma)), at.sum().value());
            case Edm edm -> z.times(edm.skip(at).value()).plus(output.times(edm.outputScale(at).value()));
        };
    }

    /// The noise.
    ///
    /// @param z      the state at this level
    /// @param output what the network returned for z
    /// @throws SamplingException for the sample at a level without noise: any noise fits
    default Tensor noise(Tensor z, Tensor output, Level at) {
        double alpha = at.alpha(), sigma = at.sigma();
        return switch (this) {
            case Epsilon() -> output;
            case Sample() -> {
                require(sigma > 0, "a network that predicts the sample says nothing of the noise at a clean level");
                yield over(z.minus(output.times(alpha)), sigma);
            }
            case V() -> output.times(at.signal().div(at.norm()).value()).plus(over(z.times(sigma), at.power().value()));
            case Flow() -> over(z.plus(output.times(alpha)), at.sum().value());
            case Edm _ -> over(z.minus(clean(z, output, at)), sigma);
        };
    }

    /// The coefficients of (x, eps) that give the output a perfect network returns: the loss target.
    default Mix target(Level at) {
        return switch (this) {
            case Epsilon() -> new Mix(0, 1);
            case Sample() -> new Mix(1, 0);
            case V() -> {
                var n = Math.hypot(at.alpha(), at.sigma());
                yield new Mix(-at.sigma() / n, at.alpha() / n);
            }
            case Flow() -> new Mix(-1, 1);
            case Edm edm -> {
                double skip = edm.skip(at).value(), out = edm.outputScale(at).value();
                yield new Mix((1 - skip) / out, -skip * at.sigma() / out);
            }
        };
    }

    /// The same prediction in other words: what a network of the kind `other` would have returned.
    ///
    /// @param z      the state at this level
    /// @param output what a network of this kind returned for z
    default Tensor convert(Tensor z, Tensor output, Level at, Prediction other) {
        if (equals(other)) {
            return output;
        }
        return other.target(at).of(clean(z, output, at), noise(z, output, at));
    }

    private static Tensor over(Tensor x, double divisor) {
        return divisor == 1 ? x : x.div(divisor);
    }
}
