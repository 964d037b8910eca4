package org.zoetrope.diffusion;

/// How sigmas are placed between the largest and the smallest of a run.
public enum SigmaSpacing {
    /// Where the timesteps are; nothing is placed anew.
    TRAINED,
    /// Evenly in sigma^(1/7) (arXiv 2206.00364, equation 5).
    KARRAS,
    /// Evenly in ln sigma.
    EXPONENTIAL,
    /// At the quantiles of a Beta(0.6, 0.6) distribution (arXiv 2407.12173).
    BETA,
    /// Evenly in lambda, as DPM-Solver's paper does; the same sigmas as exponential, with rounded timesteps.
    LU;

    private static final double RHO = 7; // arXiv 2206.00364, section 3
    private static final double BETA_SHAPE = 0.6; // arXiv 2407.12173, section 4

    /// n sigmas from the largest to the smallest; for `TRAINED` there is nothing to place.
    double[] between(double largest, double smallest, int n) {
        return switch (this) {
            case TRAINED -> throw new IllegalStateException("trained sigmas are not placed");
            case KARRAS -> karras(largest, smallest, n, RHO, Precision.DOUBLE);
            case EXPONENTIAL, LU -> exponential(largest, smallest, n);
            case BETA -> {
                var sigmas = Spacing.line(0, 1, n);
                for (var i = 0; i < n; i++) {
                    sigmas[i] = smallest
                            + BetaDistribution.quantile(1 - sigmas[i], BETA_SHAPE, BETA_SHAPE) * (largest - smallest);
                }
                yield sigmas;
            }
        };
    }

    static double[] karras(double largest, double smallest, int n, double rho, Precision precision) {
        double high = Math.pow(largest, 1 / rho), low = Math.pow(smallest, 1 / rho);
        var sigmas = Spacing.line(0, 1, n);
        for (var i = 0; i < n; i++) {
            var ramp = precision.real(sigmas[i]).times(low - high).plus(high);
            sigmas[i] = precision.round(Math.pow(ramp.value(), rho));
        }
        return sigmas;
    }

    static double[] exponential(double largest, double smallest, int n) {
        var sigmas = Spacing.line(Math.log(largest), Math.log(smallest), n);
        for (var i = 0; i < n; i++) {
            sigmas[i] = Math.exp(sigmas[i]);
        }
        return sigmas;
    }
}
