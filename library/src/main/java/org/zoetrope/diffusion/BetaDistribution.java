package org.zoetrope.diffusion;

/// The Beta(a, b) distribution on [0, 1].
final class BetaDistribution {
    private static final double TINY = 1e-300;

    private BetaDistribution() {}

    /// The x with `cumulative(x, a, b) = p`, by bisection.
    static double quantile(double p, double a, double b) {
        if (p <= 0 || p >= 1) {
            return p <= 0 ? 0 : 1;
        }
        double low = 0, high = 1;
        while (true) {
            var middle = (low + high) / 2;
            if (middle <= low || middle >= high) {
                return middle;
            }
            if (cumulative(middle, a, b) < p) {
                low = middle;
            } else {
                high = middle;
            }
        }
    }

    /// The regularised incomplete beta function.
    static double cumulative(double x, double a, double b) {
        if (x <= 0 || x >= 1) {
            return x <= 0 ? 0 : 1;
        }
        // The fraction converges quickly on this side of the mean; the other side is its mirror image.
        if (x > (a + 1) / (a + b + 2)) {
            return 1 - cumulative(1 - x, b, a);
        }
        var front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a;
        return front / fraction(x, a, b);
    }

    /// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.
    private static double fraction(double x, double a, double b) {
        double f = 1, c = 1, d = 0;
        for (var j = 1; j < 600; j++) {
            var m = j / 2;
            var term = j % 2 == 0
                    ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                    : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            d = 1 / nonZero(1 + term * d);
            c = nonZero(1 + term / c);
            f *= c * d;
            if (Math.abs(c * d - 1) < 1e-15) {
                break;
            }
        }
        return f;
    }

    private static double nonZero(double value) {
        return Math.abs(value) < TINY ? TINY : value;
    }

    /// ln Gamma(x) for x > 0: Stirling's series (DLMF 5.11.1) after moving x up to where it converges.
    private static double logGamma(double x) {
        var shift = 0.0;
        while (x < 12) {
            shift -= Math.log(x);
            x++;
        }
        var r = 1 / (x * x);
        var series = (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r * (1.0 / 1680 - r / 1188)))) / x;
        return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series + shift;
    }
}
