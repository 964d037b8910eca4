package org.zoetrope;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// The comparison that parity tests rest on.
class GoldenTest {
    private static void compare(Tensor ours, Tensor expected) {
        Golden.assertClose(ours, expected, "it", 1e-3, 1e-4);
    }

    @Test
    void aReferenceIsCloseToItselfAndToNothingElse() {
        try (var _ = Scope.open()) {
            var golden = Golden.open("schedulers/ddim-sd15");
            golden.assertClose(golden.out("trajectory"), "trajectory");
            assertThatThrownBy(() -> golden.assertClose(golden.out("trajectory").plus(0.01), "trajectory"))
                    .isInstanceOf(AssertionError.class).hasMessageContaining("trajectory differs");
            assertThat(golden.about().string("class")).isEqualTo("DDIMScheduler");
        }
    }

    /// One element far off in a large tensor hides in the l2 distance; a small offset everywhere hides in the maximum.
    @Test
    void bothMeasuresMustHold() {
        try (var _ = Scope.open()) {
            var large = Tensor.full(100, 1000);
            var spike = large.copy();
            spike.narrow(0, 7, 1).addInPlace(Tensor.ones(1), 0.002);
            assertThatThrownBy(() -> compare(spike, large)).hasMessageContaining("element 7");
            var small = Tensor.full(1, 1000);
            assertThatThrownBy(() -> compare(small.plus(5e-4), small)).hasMessageContaining("relative l2");
            compare(small.plus(5e-5), small);
        }
    }

    @Test
    void notANumberIsNeverClose() {
        try (var _ = Scope.open()) {
            var nan = Tensor.full(Double.NaN, 3);
            assertThatThrownBy(() -> compare(nan, Tensor.zeros(3))).isInstanceOf(AssertionError.class);
            assertThatThrownBy(() -> compare(nan, nan)).isInstanceOf(AssertionError.class);
        }
    }

    @Test
    void anotherShapeIsNamed() {
        try (var _ = Scope.open()) {
            assertThatThrownBy(() -> compare(Tensor.zeros(2, 3), Tensor.zeros(3, 2)))
                    .hasMessageContaining("it has shape [2, 3], the reference [3, 2]");
        }
    }
}
