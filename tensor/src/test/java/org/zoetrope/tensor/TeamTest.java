package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Tensors that are computed at the same time.
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TeamTest {
    private int threads;

    @BeforeEach
    void rememberThreads() {
        threads = Torch.threads();
    }

    @AfterEach
    void restoreThreads() {
        Torch.threads(threads);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void whatIsComputedSideBySideIsWhatIsComputedOneByOne(int count) {
        Torch.threads(count);
        Scope.run(() -> {
            var factors = IntStream.range(0, 4).mapToObj(i -> new Rng(i).normal(60, 60)).toList();
            var bodies = factors.stream().<Supplier<Tensor>>map(x -> () -> x.matmul(x).softmax(-1).plus(x)).toList();
            var side = Torch.sideBySide(bodies);
            for (var i = 0; i < factors.size(); i++) {
                assertThat(side.get(i).minus(bodies.get(i).get()).abs().max().item()).isLessThan(1e-5);
            }
        });
        assertThat(Torch.threads()).isEqualTo(count);
        assertThat(OpenBlas.threads()).isEqualTo(count);
    }

    /// Each waits for the other to begin.
    @Test
    void twoRunAtOnceAndOperationsOfEachHaveOneThread() {
        Torch.threads(2);
        var begun = new CountDownLatch(2);
        Set<Thread> seen = ConcurrentHashMap.newKeySet();
        Supplier<Tensor> body = () -> {
            begun.countDown();
            try {
                begun.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            seen.add(Thread.currentThread());
            return Tensor.of(new float[] {Torch.threads(), OpenBlas.threads()}, 2);
        };
        Scope.run(() -> assertThat(Torch.sideBySide(List.of(body, body))).allSatisfy(
                counts -> assertThat(counts.toFloats()).containsExactly(1, 1)));
        assertThat(seen).hasSize(2).doesNotContain(Thread.currentThread());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void resultsBelongToTheScopeOfTheCallerAndNothingElseIsLeft(int count) {
        Torch.threads(count);
        var outside = Scope.run(() -> new Rng(1).normal(8));
        var made = new HashSet<Tensor>();
        var before = Torch.liveObjects();
        Scope.run(() -> {
            var results = Torch.sideBySide(List.of(() -> outside.plus(1).times(2), () -> outside));
            made.addAll(results);
            assertThat(results.get(1).toFloats()).isEqualTo(outside.toFloats());
        });
        assertThat(made).hasSize(2).allMatch(Tensor::isClosed);
        assertThat(outside.isClosed()).isFalse();
        assertThat(Torch.liveObjects()).isEqualTo(before);
        outside.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void whatABodyThrowsIsThrownWhenAllAreDoneAndTheOthersAreFreed(int count) {
        Torch.threads(count);
        var before = Torch.liveObjects();
        assertThatThrownBy(() -> Scope.run(() -> Torch.sideBySide(List.of(() -> Tensor.zeros(4), () -> {
            throw new ArithmeticException("no number");
        }, () -> Tensor.zeros(5))))).isInstanceOf(ArithmeticException.class).hasMessage("no number");
        assertThat(Torch.liveObjects()).isEqualTo(before);
        assertThat(OpenBlas.threads()).isEqualTo(count);
    }

    @Test
    void gradientsAreNotRecorded() {
        Torch.threads(2);
        Scope.run(() -> {
            var x = new Rng(1).normal(4).requireGradient(true);
            assertThat(x.times(2).requiresGradient()).isTrue();
            assertThat(Torch.sideBySide(List.of(() -> x.times(2), () -> x.times(3)))).noneMatch(Tensor::requiresGradient);
        });
    }
}
