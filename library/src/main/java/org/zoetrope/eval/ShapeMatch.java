package org.zoetrope.eval;

import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;
import org.zoetrope.scenes.Shape;

/// The outline that looks most like a thing: every shape is drawn with the centre and area of each sighting, sharp and
/// ever more blurred, and compared pixel by pixel.
///
/// @param misfit squared error of the best outline relative to its area
record ShapeMatch(Optional<Shape> shape, double misfit) {
    /// A thing misses its own outline by 0.01 under a 3 x 3 blur with noise of 6 levels, and by 0.08 under noise of 20.
    private static final double FITS = 0.1;

    /// And it must fit clearly better than the next: a disc a fifth wider than high misses the circle by half of what
    /// the next outline is off, a square turned by 22 degrees, as much circle as square or diamond, by two thirds.
    private static final double CLEARLY = 0.65;

    private static final int SAMPLES = 4;
    private static final int ROOM = 4;

    /// How often an outline is blurred with weights 1 2 1 before it is compared.
    private static final int[] BLURS = {0, 1, 2, 4, 8};

    private record Candidate(Shape shape, double misfit) {}

    static ShapeMatch of(Trail trail) {
        var ranked = Stream.of(Shape.values()).map(shape -> new Candidate(shape, misfit(trail, shape)))
                .sorted(Comparator.comparingDouble(Candidate::misfit)).toList();
        var best = ranked.getFirst();
        var fits = best.misfit() <= FITS && best.misfit() <= CLEARLY * ranked.get(1).misfit();
        return new ShapeMatch(fits ? Optional.of(best.shape()) : Optional.empty(), best.misfit());
    }

    /// Misfit over all frames, at the blur that suits the clip best: more of it is tried as long as it helps.
    private static double misfit(Trail trail, Shape shape) {
        var patches = trail.steps().stream().map(step -> Patch.of(step, shape)).toList();
        var area = trail.steps().stream().mapToDouble(Trail.Step::area).sum();
        var best = Double.POSITIVE_INFINITY;
        for (var b = 0; b < BLURS.length; b++) {
            for (var blurred = b == 0 ? 0 : BLURS[b - 1]; blurred < BLURS[b]; blurred++) {
                patches = patches.stream().map(Patch::blurred).toList();
            }
            var error = patches.stream().mapToDouble(Patch::error).sum();
            if (error >= best) {
                break;
            }
            best = error;
        }
        return best / area;
    }

    /// A thing in one frame, cut out, beside an outline drawn in its place: two squares of `side` pixels.
    private record Patch(double[] seen, double[] drawn, int side) {
        static Patch of(Trail.Step step, Shape shape) {
            var half = (int) Math.ceil(1.6 * step.radius()) + ROOM; // no outline reaches beyond 1.56 radii
            var side = 2 * half + 1;
            var left = (int) Math.floor(step.x()) - half;
            var top = (int) Math.floor(step.y()) - half;
            var seen = new double[side * side];
            for (var at = 0; at < seen.length; at++) {
                var x = left + at % side;
                var y = top + at / side;
                var isInside = x >= 0 && x < step.width() && y >= 0 && y < step.height();
                seen[at] = isInside ? step.cover()[y * step.width() + x] : 0;
            }
            return new Patch(seen, draw(shape, side, left - step.x(), top - step.y(), step.radius()), side);
        }

        /// Pixels whose corners agree are taken as full or empty; only the others are sampled.
        private static double[] draw(Shape shape, int side, double left, double top, double radius) {
            var corners = new boolean[(side + 1) * (side + 1)];
            for (var at = 0; at < corners.length; at++) {
                corners[at] = shape.contains((left + at % (side + 1)) / radius, (top + at / (side + 1)) / radius);
            }
            var drawn = new double[side * side];
            for (var at = 0; at < drawn.length; at++) {
                var x = at % side;
                var y = at / side;
                var corner = y * (side + 1) + x;
                var first = corners[corner];
                if (first == corners[corner + 1] && first == corners[corner + side + 1]
                        && first == corners[corner + side + 2]) {
                    drawn[at] = first ? 1 : 0;
                    continue;
                }
                for (var s = 0; s < SAMPLES * SAMPLES; s++) {
                    var u = (left + x + (s % SAMPLES + 0.5) / SAMPLES) / radius;
                    var v = (top + y + (s / SAMPLES + 0.5) / SAMPLES) / radius;
                    drawn[at] += shape.contains(u, v) ? 1.0 / (SAMPLES * SAMPLES) : 0;
                }
            }
            return drawn;
        }

        double error() {
            double sum = 0;
            for (var at = 0; at < seen.length; at++) {
                sum += (seen[at] - drawn[at]) * (seen[at] - drawn[at]);
            }
            return sum;
        }

        Patch blurred() {
            return new Patch(seen, blur(drawn, side), side);
        }
    }

    /// Once along the rows and once along the columns.
    private static double[] blur(double[] image, int side) {
        return pass(pass(image, side, 1), side, side);
    }

    private static double[] pass(double[] image, int side, int stride) {
        var out = new double[image.length];
        for (var at = 0; at < image.length; at++) {
            var position = stride == 1 ? at % side : at / side;
            var before = position == 0 ? 0 : image[at - stride];
            var after = position == side - 1 ? 0 : image[at + stride];
            out[at] = (before + 2 * image[at] + after) / 4;
        }
        return out;
    }
}
