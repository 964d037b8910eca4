package org.zoetrope.eval;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.zoetrope.scenes.Motion;

/// Names a path by the curve that fits it best: a point, a straight line, hops from a floor, or once around.
///
/// Lengths are in picture heights. The limits lie about half way between a motion and its absence: straight ways are
/// 0.36 long or more, hops 0.19 high, orbits 0.11 wide, and a growing thing more than doubles its radius.
final class MotionFit {
    private static final int LEAST_SIGHTINGS = 4;
    private static final double GROWN = 1.45;
    private static final double STEADY = 1.3;
    private static final double FITS = 0.035;
    private static final double LEAST_WAY = 0.2;
    private static final double LEAST_HOP = 0.11;
    private static final double LEAST_ORBIT = 0.06;

    private MotionFit() {}

    static Optional<Motion> of(List<Observation.Sighting> path) {
        if (path.size() < LEAST_SIGHTINGS) {
            return Optional.empty();
        }
        var n = path.size();
        var t = new double[n];
        var x = new double[n];
        var y = new double[n];
        var radius = new double[n];
        for (var i = 0; i < n; i++) {
            t[i] = path.get(i).t();
            x[i] = path.get(i).x();
            y[i] = path.get(i).y();
            radius[i] = path.get(i).radius();
        }
        var stays = rms(fromMean(x), fromMean(y)) < FITS;
        var growth = fit(radius, t);
        var ratio = growth[0] <= 0 ? Double.POSITIVE_INFINITY : (growth[0] + growth[1]) / growth[0];
        if (stays && ratio >= GROWN) {
            return Optional.of(Motion.GROW);
        }
        if (stays && ratio <= 1 / GROWN) {
            return Optional.of(Motion.SHRINK);
        }
        if (ratio > STEADY || ratio < 1 / STEADY) {
            return Optional.empty();
        }
        return stays ? Optional.of(Motion.STILL) : moving(t, x, y);
    }

    private record Candidate(Motion motion, double error) {}

    private static Optional<Motion> moving(double[] t, double[] x, double[] y) {
        var wayX = fit(x, t)[1];
        var wayY = fit(y, t)[1];
        var best = new Candidate(Motion.STILL, FITS);
        var error = rms(residual(x, t), residual(y, t));
        if (Math.max(Math.abs(wayX), Math.abs(wayY)) >= LEAST_WAY && error < best.error()) {
            best = new Candidate(direction(wayX, wayY), error);
        }
        // Generated clips hop a little faster or slower than the scenes they learnt from, and may not close a circle.
        for (var hops = 1.5; hops <= 3; hops += 0.125) {
            for (var phase = 0.0; phase < 1; phase += 1 / 32.0) {
                var height = new double[t.length];
                for (var i = 0; i < t.length; i++) {
                    height[i] = -Math.abs(Math.sin(Math.PI * (hops * t[i] + phase)));
                }
                error = rms(fromMean(x), residual(y, height));
                if (error < best.error() && fit(y, height)[1] >= LEAST_HOP) {
                    best = new Candidate(Motion.BOUNCE, error);
                }
            }
        }
        for (var turns = 0.75; turns <= 1.25; turns += 0.0625) {
            for (var way = -1; way <= 1; way += 2) {
                error = orbit(x, y, t, 2 * Math.PI * turns * way);
                if (error < best.error()) {
                    best = new Candidate(Motion.CIRCLE, error);
                }
            }
        }
        return Optional.of(best.motion()).filter(motion -> motion != Motion.STILL);
    }

    /// The nearest of the eight directions.
    private static Motion direction(double wayX, double wayY) {
        var eighth = Math.toIntExact(Math.round(Math.atan2(wayY, wayX) / (Math.PI / 4)));
        var signX = Math.round(Math.cos(eighth * Math.PI / 4));
        var signY = Math.round(Math.sin(eighth * Math.PI / 4));
        return Stream.of(Motion.values()).filter(m -> m.isStraight() && m.x() == signX && m.y() == signY)
                .findFirst().orElseThrow();
    }

    /// Root mean square distance from the best circle run through at this angular speed; infinite for a tiny circle.
    ///
    /// With z = x + iy the circle is z = c + a e^(iwt): least squares in the complex numbers c and a.
    private static double orbit(double[] x, double[] y, double[] t, double speed) {
        var n = t.length;
        double meanX = 0;
        double meanY = 0;
        double meanC = 0;
        double meanS = 0;
        for (var i = 0; i < n; i++) {
            meanX += x[i] / n;
            meanY += y[i] / n;
            meanC += Math.cos(speed * t[i]) / n;
            meanS += Math.sin(speed * t[i]) / n;
        }
        double real = 0;
        double imaginary = 0;
        double norm = 0;
        for (var i = 0; i < n; i++) {
            var c = Math.cos(speed * t[i]) - meanC;
            var s = Math.sin(speed * t[i]) - meanS;
            real += (x[i] - meanX) * c + (y[i] - meanY) * s;
            imaginary += (y[i] - meanY) * c - (x[i] - meanX) * s;
            norm += c * c + s * s;
        }
        real /= norm;
        imaginary /= norm;
        if (Math.hypot(real, imaginary) < LEAST_ORBIT) {
            return Double.POSITIVE_INFINITY;
        }
        double error = 0;
        for (var i = 0; i < n; i++) {
            var c = Math.cos(speed * t[i]) - meanC;
            var s = Math.sin(speed * t[i]) - meanS;
            var offX = x[i] - meanX - (real * c - imaginary * s);
            var offY = y[i] - meanY - (real * s + imaginary * c);
            error += offX * offX + offY * offY;
        }
        return Math.sqrt(error / n);
    }

    /// Least squares of `values` by an offset and a multiple of a column: [offset, slope].
    private static double[] fit(double[] values, double[] column) {
        var meanV = mean(values);
        var meanC = mean(column);
        double cross = 0;
        double norm = 0;
        for (var i = 0; i < values.length; i++) {
            cross += (values[i] - meanV) * (column[i] - meanC);
            norm += (column[i] - meanC) * (column[i] - meanC);
        }
        var slope = norm == 0 ? 0 : cross / norm;
        return new double[] {meanV - slope * meanC, slope};
    }

    private static double mean(double[] values) {
        return Arrays.stream(values).average().orElseThrow();
    }

    private static double[] fromMean(double[] values) {
        var mean = mean(values);
        return Arrays.stream(values).map(value -> value - mean).toArray();
    }

    private static double[] residual(double[] values, double[] column) {
        var line = fit(values, column);
        var left = new double[values.length];
        for (var i = 0; i < values.length; i++) {
            left[i] = values[i] - line[0] - line[1] * column[i];
        }
        return left;
    }

    private static double rms(double[] x, double[] y) {
        double sum = 0;
        for (var i = 0; i < x.length; i++) {
            sum += x[i] * x[i] + y[i] * y[i];
        }
        return Math.sqrt(sum / x.length);
    }
}
