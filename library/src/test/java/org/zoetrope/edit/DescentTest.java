package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.tools.InScope;

@InScope
class DescentTest {
    static Stream<Descent> all() {
        return Stream.of(new Descent.Adam(), new Descent.Plateau(2), new Descent.Lbfgs(5));
    }

    /// A narrow valley: the sum of c x^2 with c from 1 to 1000, lowest at zero.
    private static Descent.Function valley(AtomicInteger looks) {
        var steep = Tensor.of(new double[] {1, 10, 100, 1000}, 4);
        return function(looks, u -> u.square().times(steep).sum());
    }

    private static Descent.Function function(AtomicInteger looks, UnaryOperator<Tensor> height) {
        return (u, last) -> Torch.withGradients(() -> {
            looks.incrementAndGet();
            var leaf = u.detach().requireGradient(true);
            var loss = height.apply(leaf);
            return new Descent.Look(loss.item(), leaf.detach().copy(),
                    last ? Optional.empty() : Optional.of(Tensor.gradients(loss, List.of(leaf)).getFirst()));
        });
    }

    private static Tensor start() {
        return Tensor.of(new double[] {1, -1, 1, -1}, 4);
    }

    @ParameterizedTest
    @MethodSource("all")
    void theBudgetIsKeptAndTheBestComesBack(Descent descent) {
        for (var budget : List.of(1, 2, 5, 30)) {
            var looks = new AtomicInteger();
            var best = descent.lowest(valley(looks), start(), 0.1, budget);
            assertThat(looks.get()).isBetween(1, budget);
            assertThat(best.loss()).isLessThanOrEqualTo(1111);
            assertThat(best.value().toDoubles()).isEqualTo(best.u().toDoubles());
        }
    }

    /// One look is the start itself.
    @ParameterizedTest
    @MethodSource("all")
    void oneLookStaysAtTheStart(Descent descent) {
        var best = descent.lowest(valley(new AtomicInteger()), start(), 0.1, 1);
        assertThat(best.u().toDoubles()).isEqualTo(start().toDoubles());
        assertThat(best.loss()).isEqualTo(1111);
    }

    @ParameterizedTest
    @MethodSource("all")
    void allGoDown(Descent descent) {
        assertThat(descent.lowest(valley(new AtomicInteger()), start(), 0.1, 40).loss()).isLessThan(300);
    }

    /// A rate far too high: no step of Adam gains anything until it has been halved often enough.
    @Test
    void aPlateauBringsAHighRateDown() {
        var adam = new Descent.Adam().lowest(valley(new AtomicInteger()), start(), 20, 60);
        var plateau = new Descent.Plateau(2).lowest(valley(new AtomicInteger()), start(), 20, 60);
        assertThat(plateau.loss()).isLessThanOrEqualTo(adam.loss());
        assertThat(new Descent.Plateau(2).lowest(valley(new AtomicInteger()), start(), 3, 60).loss()).isLessThan(1111);
    }

    /// What it remembers makes a narrow valley round.
    @Test
    void lbfgsFindsTheFloorOfAValley() {
        assertThat(new Descent.Lbfgs(5).lowest(valley(new AtomicInteger()), start(), 0.1, 60).loss()).isLessThan(1e-8);
    }

    /// Rosenbrock's banana, whose floor is at (1, 1).
    @Test
    void lbfgsFollowsABend() {
        var start = Tensor.of(new double[] {-1.2, 1}, 2);
        var banana = function(new AtomicInteger(), u -> {
            var x = u.narrow(0, 0, 1);
            var y = u.narrow(0, 1, 1);
            return y.minus(x.square()).square().times(100).plus(x.minus(1).square()).sum();
        });
        var best = new Descent.Lbfgs(5).lowest(banana, start, 0.1, 120);
        assertThat(best.loss()).isLessThan(1e-10);
        assertThat(best.u().minus(1).abs().max().item()).isLessThan(1e-4);
    }

    @ParameterizedTest
    @MethodSource("all")
    void aFunctionThatIsSatisfiedEndsTheSearch(Descent descent) {
        var looks = new AtomicInteger();
        descent.lowest((u, _) -> {
            looks.incrementAndGet();
            return new Descent.Look(0, u, Optional.empty());
        }, start(), 0.1, 30);
        assertThat(looks.get()).isEqualTo(1);
    }
}
