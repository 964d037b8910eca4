package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ScopeTest {
    private record Pair(Tensor a, Tensor b) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return List.of(a, b);
        }
    }

    @Test
    void closingFreesWhatWasNotKept() {
        try (var outer = Scope.open()) {
            Tensor kept;
            Tensor left;
            try (var inner = Scope.open()) {
                left = Tensor.ones(3);
                kept = inner.keep(left.times(2));
            }
            assertThat(left.isClosed()).isTrue();
            assertThat(kept.toFloats()).containsExactly(2, 2, 2);
            assertThat(outer.size()).isEqualTo(1);
        }
    }

    @Test
    void aViewOutlivesItsBase() {
        try (var _ = Scope.open()) {
            var row = Scope.run(() -> Tensor.of(new float[] {1, 2, 3, 4}, 2, 2).select(0, 1));
            assertThat(row.toFloats()).containsExactly(3, 4);
        }
    }

    @Test
    void foldFreesWhatEachStepLeavesBehind() {
        try (var outer = Scope.open()) {
            var seen = new ArrayList<Tensor>();
            var start = Tensor.zeros(2);
            var end = Scope.fold(start, List.of(1, 2, 3), (x, step) -> {
                seen.add(x.plus(100));
                return x.plus(step);
            });
            assertThat(end.toFloats()).containsExactly(6, 6);
            assertThat(seen).allMatch(Tensor::isClosed);
            assertThat(start.isClosed()).isFalse();
            assertThat(outer.size()).isEqualTo(2);
        }
    }

    @Test
    void foldKeepsAStateThatSharesTensorsWithTheStepBefore() {
        try (var outer = Scope.open()) {
            var end = Scope.fold(new Pair(Tensor.zeros(1), Tensor.ones(1)), List.of(1, 2, 3, 4), (pair, _) -> new Pair(pair.b(), pair.a().plus(pair.b())));
            assertThat(end.a().item()).isEqualTo(3);
            assertThat(end.b().item()).isEqualTo(5);
            assertThat(outer.size()).isEqualTo(4);
        }
    }

    @Test
    void foldOfNothingIsTheStart() {
        try (var _ = Scope.open()) {
            var start = Tensor.ones(1);
            assertThat(Scope.fold(start, List.of(), (x, _) -> x.plus(1))).isSameAs(start);
        }
    }

    @Test
    void anErrorInsideAStepLeavesNothingBehind() {
        var before = Torch.liveObjects();
        try (var outer = Scope.open()) {
            assertThatThrownBy(() -> Scope.fold(Tensor.ones(1), List.of(1, 2, 3), (x, step) -> {
                if (step == 3) {
                    throw new IllegalStateException("stop");
                }
                return x.plus(step);
            })).hasMessage("stop");
            assertThat(outer.size()).isEqualTo(1);
        }
        // Not equal: what other tests left may be collected in between.
        assertThat(Torch.liveObjects()).isLessThanOrEqualTo(before);
    }

    @Test
    void aDisownedTensorLivesUntilItsHolderClosesIt() {
        var tensor = Scope.run(() -> Scope.disown(Tensor.ones(2)));
        assertThat(tensor.toFloats()).containsExactly(1, 1);
        tensor.close();
        assertThat(tensor.isClosed()).isTrue();
    }

    @Test
    void scopesCloseInReverseOrder() {
        var outer = Scope.open();
        try (var _ = Scope.open()) {
            assertThatThrownBy(outer::close).isInstanceOf(IllegalStateException.class);
        }
        outer.close();
    }

    /// A model is loaded in one scope and used in others, later and elsewhere.
    @Test
    void detachedTensorsOutliveTheirScopeAndCloseAnywhere() throws InterruptedException {
        var before = Torch.liveObjects();
        Tensor kept;
        Scope.Detached weights;
        try (var outer = Scope.open()) {
            try (var scope = Scope.open()) {
                kept = Tensor.ones(4);
                weights = scope.detach();
                var later = kept.plus(1); // belongs to the scope again
                assertThat(scope.size()).isEqualTo(1);
                assertThat(later.sum().item()).isEqualTo(8);
            }
            assertThat(outer.size()).isZero();
        }
        assertThat(kept.toFloats()).containsOnly(1);
        var elsewhere = new Thread(weights::close);
        elsewhere.start();
        elsewhere.join();
        weights.close();
        assertThat(kept.isClosed()).isTrue();
        // Not equal: what other tests left may be collected in between.
        assertThat(Torch.liveObjects()).isLessThanOrEqualTo(before);
    }

    @Test
    void manyOperationsLeaveNoNativeObject() {
        Runnable work = () -> Scope.run(() -> {
            var rng = new Rng(1);
            var x = rng.normal(2, 4, 3, 8, 8).requireGradient(true);
            var y = x.conv3d(rng.normal(4, 4, 3, 3, 3), null, new long[] {1, 1, 1}, new long[] {1, 1, 1}).groupNorm(2, null, null, 1e-6).silu();
            Tensor.cat(List.of(y, y.clamp(-1, 1)), 1).softmax(1).std(true, 1).sum().backward();
            assertThat(x.gradient().isFinite()).isTrue();
        });
        work.run();
        var before = Torch.liveObjects();
        IntStream.range(0, 20).forEach(_ -> work.run());
        // The two objects of each Rng are left to the garbage collector.
        assertThat(Torch.liveObjects() - before).isLessThanOrEqualTo(20 * 4);
    }
}
