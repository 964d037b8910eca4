package org.zoetrope.edit;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// The loop behind [Descent.Lbfgs].
final class QuasiNewton {
    private static final double DECREASE = 1e-4;  // c1 of the strong Wolfe conditions
    private static final double CURVATURE = 0.9;  // c2
    private static final int MOST_TRIALS = 25;    // looks of one line search, as in public implementations
    private static final double SMALLEST = 1e-10; // product of a step and its change of gradient that is worth keeping

    private final Descent.Search search;
    private final int history;
    private final Deque<Pair> pairs = new ArrayDeque<>();

    QuasiNewton(Descent.Search search, int history) {
        this.search = search;
        this.history = history;
    }

    /// A step and what it changed of the gradient.
    private record Pair(Tensor step, Tensor change, double product) {}

    /// A point on a line: how far, how high, how steep.
    private record Trial(double at, double loss, double slope, Tensor point, Tensor gradient) {}

    Descent.Best lowest(Tensor start, double rate) {
        return Scope.run(() -> {
            var first = search.look(start);
            if (search.isOver()) {
                return search.best();
            }
            var here = new Trial(0, first.loss(), 0, start, first.gradient().orElseThrow());
            while (!search.isOver()) {
                var direction = direction(here.gradient);
                var slope = dot(direction, here.gradient);
                if (!(slope < 0)) {
                    break; // flat, or no direction leads down in this precision
                }
                // Without a history the length of the gradient says nothing about that of the step.
                var length = pairs.isEmpty() ? rate / Math.sqrt(direction.square().mean().item()) : 1;
                var found = line(new Trial(0, here.loss, slope, here.point, here.gradient), direction, length);
                if (found.isEmpty()) {
                    break;
                }
                var next = found.get();
                remember(next.point.minus(here.point), next.gradient.minus(here.gradient));
                here = next;
            }
            return search.best();
        });
    }

    /// Minus the inverse Hessian times the gradient, as the remembered pairs know it (algorithm 7.4).
    private Tensor direction(Tensor gradient) {
        return Scope.run(() -> {
            var q = gradient;
            var weights = new double[pairs.size()];
            var at = pairs.size();
            for (var pair : (Iterable<Pair>) pairs::descendingIterator) {
                weights[--at] = dot(pair.step, q) / pair.product;
                q = q.minus(pair.change.times(weights[at]));
            }
            if (!pairs.isEmpty()) {
                var last = pairs.getLast();
                q = q.times(last.product / dot(last.change, last.change));
            }
            for (var pair : pairs) {
                q = q.plus(pair.step.times(weights[at++] - dot(pair.change, q) / pair.product));
            }
            return q.negate();
        });
    }

    private void remember(Tensor step, Tensor change) {
        var product = dot(step, change);
        if (product > SMALLEST * dot(change, change)) {
            pairs.addLast(new Pair(step, change, product));
            if (pairs.size() > history) {
                pairs.removeFirst();
            }
        }
    }

    // ---------------------------------------------------------------- along one line

    /// A point that meets the strong Wolfe conditions, or the best met before the budget was spent; empty if the search is
    /// over.
    private Optional<Trial> line(Trial start, Tensor direction, double length) {
        var before = start;
        var at = length;
        for (var trials = 0; trials < MOST_TRIALS; trials++) {
            var now = trial(start, direction, at);
            if (search.isOver()) {
                return Optional.empty();
            }
            if (isTooHigh(now, start) || trials > 0 && now.loss >= before.loss) {
                return between(start, before, now, direction);
            }
            if (Math.abs(now.slope) <= -CURVATURE * start.slope) {
                return Optional.of(now);
            }
            if (now.slope >= 0) {
                return between(start, now, before, direction);
            }
            before = now;
            at *= 2;
        }
        return Optional.of(before);
    }

    /// Narrows an interval down; `low` has decreased enough and its slope leads towards `high`.
    private Optional<Trial> between(Trial start, Trial low, Trial high, Tensor direction) {
        for (var trials = 0; trials < MOST_TRIALS; trials++) {
            var now = trial(start, direction, lowest(low, high));
            if (search.isOver()) {
                return Optional.empty();
            }
            if (isTooHigh(now, start) || now.loss >= low.loss) {
                high = now;
                continue;
            }
            if (Math.abs(now.slope) <= -CURVATURE * start.slope) {
                return Optional.of(now);
            }
            if (now.slope * (high.at - low.at) >= 0) {
                high = low;
            }
            low = now;
        }
        return low.at > 0 ? Optional.of(low) : Optional.empty();
    }

    private static boolean isTooHigh(Trial now, Trial start) {
        return !(now.loss <= start.loss + DECREASE * now.at * start.slope);
    }

    /// Where the cubic through both ends is lowest, away from the ends; the middle if it has no such place.
    private static double lowest(Trial a, Trial b) {
        var d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.at - b.at);
        var root = d1 * d1 - a.slope * b.slope;
        var d2 = Math.signum(b.at - a.at) * Math.sqrt(Math.max(0, root));
        var at = b.at - (b.at - a.at) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
        var margin = 0.1 * Math.abs(b.at - a.at);
        var near = Math.min(a.at, b.at) + margin;
        var far = Math.max(a.at, b.at) - margin;
        return root >= 0 && Double.isFinite(at) ? Math.clamp(at, near, far) : (near + far) / 2;
    }

    private Trial trial(Trial start, Tensor direction, double at) {
        var point = start.point.plus(direction.times(at));
        var look = search.look(point);
        var gradient = look.gradient().orElse(start.gradient);
        return new Trial(at, look.loss(), dot(direction, gradient), point, gradient);
    }

    private static double dot(Tensor a, Tensor b) {
        return Scope.run(() -> a.times(b).sum().item());
    }
}
