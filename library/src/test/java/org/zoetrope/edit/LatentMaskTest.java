package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

class LatentMaskTest {
    private static double[] bruteForce(boolean[] inside, int height, int width) {
        var far = new double[inside.length];
        for (var at = 0; at < far.length; at++) {
            far[at] = Double.POSITIVE_INFINITY;
            for (var to = 0; to < far.length; to++) {
                if (inside[to]) {
                    far[at] = Math.min(far[at], Math.hypot(at / width - to / width, at % width - to % width));
                }
            }
        }
        assertThat(far).hasSize(height * width);
        return far;
    }

    // ---------------------------------------------------------------- V-54

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 9", "9, 1", "8, 8", "13, 7", "30, 45"})
    void theDistanceTransformIsThatOfBruteForce(int height, int width) {
        var random = new Random(height * 100L + width);
        for (var density : new double[] {0, 0.01, 0.1, 0.5, 1}) {
            var inside = new boolean[height * width];
            for (var at = 0; at < inside.length; at++) {
                inside[at] = random.nextDouble() < density;
            }
            assertThat(DistanceTransform.of(inside, height, width)).containsExactly(bruteForce(inside, height, width),
                    within(1e-9));
        }
    }

    @Test
    void anEmptyMaskWeighsNothingAndAFullOneEverything() {
        var empty = LatentMask.empty(2, 4, 6);
        Scope.run(() -> {
            assertThat(empty.weights(SoftEdge.published()).abs().max().item()).isZero();
            assertThat(empty.grown(Double.POSITIVE_INFINITY).weights(SoftEdge.published()).min().item()).isEqualTo(1);
        });
        assertThat(empty.area()).isZero();
    }

    /// exp(-0.25 d): 0.082 at ten cells; below the floor nothing is left, so that the far background stays bit for bit.
    @Test
    void theSoftEdgeFallsToItsFloor() {
        var edge = SoftEdge.published();
        assertThat(edge.weight(0)).isEqualTo(1);
        assertThat(edge.weight(10)).isCloseTo(0.082, within(1e-3));
        assertThat(edge.weight(18)).isCloseTo(0.0111, within(1e-4));
        assertThat(edge.weight(19)).isZero();
        assertThat(SoftEdge.hard().weight(1)).isZero();
        assertThat(SoftEdge.hard().weight(0)).isEqualTo(1);
    }

    @Test
    void masksOverlapByWhatTheyShare() {
        LatentMask left = above(1), right = above(2);
        assertThat(left.overlap(left)).isEqualTo(1);
        assertThat(left.overlap(right)).isEqualTo(2 / 3.0);
        assertThat(LatentMask.empty(1, 1, 5).overlap(left)).isZero();
        assertThat(LatentMask.empty(1, 1, 5).overlap(LatentMask.empty(1, 1, 5))).isEqualTo(1);
        assertThatThrownBy(() -> left.overlap(LatentMask.empty(2, 1, 5))).hasMessageContaining("do not compare");
    }

    /// One row of the cells 0 to 4, those above the threshold inside.
    private static LatentMask above(double threshold) {
        return Scope.run(() -> LatentMask.above(Tensor.of(new float[] {0, 1, 2, 3, 4}, 1, 1, 5), threshold));
    }

    @Test
    void aMaskGrowsByADistance() {
        var cells = new boolean[25];
        cells[12] = true;
        var dot = new LatentMask(5, 5, List.of(cells));
        assertThat(dot.grown(0)).isEqualTo(dot);
        assertThat(dot.grown(1).area() * 25).isEqualTo(5);
        assertThat(dot.grown(1.5).area() * 25).isEqualTo(9);
    }
}
