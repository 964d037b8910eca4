package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// Products that several threads work on: in teams of every size, from several threads at once, and inside libtorch's own teams.
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlasJobsTest {
    private int threads;

    @BeforeEach
    void rememberThreads() {
        threads = Torch.threads();
    }

    @AfterEach
    void restoreThreads() {
        Torch.threads(threads);
    }

    /// Without it products are as right, and slow: a new version of either library may drop what this needs.
    @Test
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void openMpDoesTheJobsOfOpenBlas() {
        assertThat(BlasJobs.areJoined()).isTrue();
    }

    @Test
    void productsOfAnyNumberOfThreadsAreRight() {
        Scope.run(() -> {
            for (var count : List.of(1, 2, 3, 4, 7, 2)) {
                Torch.threads(count);
                for (var size : List.of(64, 300, 513)) {
                    assertThat(errorOfProduct(count * 1000 + size, size)).as("%d threads, %d", count, size).isLessThan(1e-6);
                }
            }
        });
    }

    @Test
    void productsOfSeveralThreadsAtOnceAreRight() throws Exception {
        Torch.threads(3);
        try (var pool = Executors.newFixedThreadPool(6)) {
            var errors = pool.invokeAll(IntStream.range(0, 48).<Callable<Double>>mapToObj(i ->
                    () -> Scope.run(() -> errorOfProduct(i, 200 + 7 * i))).toList(), 100, TimeUnit.SECONDS);
            for (var error : errors) {
                assertThat(error.get()).isLessThan(1e-6);
            }
        }
    }

    /// libtorch's fused attention multiplies in each of its threads. OpenMP has no further ones for them, and a job of a product
    /// waits for the others of its product.
    @Test
    void productsInsideATeamHaveThreadsOfTheirOwn() {
        Torch.threads(2);
        Scope.run(() -> {
            var rng = new Rng(5);
            var qkv = Stream.generate(() -> rng.normal(1, 4, 600, 64)).limit(3).toList();
            assertThat(OpenBlas.threads()).as("none the less").isEqualTo(2);
            var fused = Tensor.own(torch.scaled_dot_product_attention(qkv.get(0).handle(), qkv.get(1).handle(), qkv.get(2).handle()));
            var plain = qkv.get(0).matmul(qkv.get(1).transpose(-2, -1)).times(1 / 8.0).softmax(-1).matmul(qkv.get(2));
            assertThat(fused.minus(plain).abs().max().item()).isLessThan(1e-5);
        });
    }

    @Test
    void partsThatWaitForEachOtherAreDoneTogether() {
        var arrived = new CountDownLatch(9);
        Team.together(9, _ -> {
            arrived.countDown();
            try {
                assertThat(arrived.await(60, TimeUnit.SECONDS)).isTrue();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        assertThat(arrived.getCount()).isZero();
    }

    /// Products leave nothing behind, neither objects nor memory.
    @Test
    void ordersAreFreed() {
        Torch.threads(2);
        Scope.run(() -> {
            var x = new Rng(1).normal(256, 256);
            IntStream.range(0, 200).forEach(_ -> multiply(x));
            var before = Torch.residentBytes();
            IntStream.range(0, 20_000).forEach(_ -> multiply(x));
            assertThat(Torch.residentBytes() - before).isLessThan(20L << 20);
        });
    }

    private static void multiply(Tensor x) {
        Scope.run(() -> {
            x.matmul(x);
        });
    }

    /// The root mean square of the difference from the product in float64, relative to that.
    private static double errorOfProduct(long seed, int size) {
        var rng = new Rng(seed);
        var a = rng.normal(size, size + 3);
        var b = rng.normal(size + 3, size + 1);
        var exact = a.to(DType.FLOAT64).matmul(b.to(DType.FLOAT64));
        var error = a.matmul(b).to(DType.FLOAT64).minus(exact);
        return Math.sqrt(error.times(error).mean().item() / exact.times(exact).mean().item());
    }
}
