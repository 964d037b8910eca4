package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class TiledAttentionTest {
    private final int threads = Torch.threads();
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
        Torch.threads(threads);
    }

    private static Tensor definition(Tensor q, Tensor k, Tensor v, double scale) {
        return q.to(DType.FLOAT32).matmul(k.to(DType.FLOAT32).transpose(-2, -1)).times(scale).softmax(-1).matmul(v.to(DType.FLOAT32));
    }

    private static double difference(Tensor a, Tensor b) {
        return a.to(DType.FLOAT32).minus(b).square().mean().sqrt().item() / b.square().mean().sqrt().item();
    }

    /// Samples, heads, queries, keys: one tile, tiles of one head, more threads than heads, tiles that are not all as high, keys of several
    /// tiles, all as wide and not, other keys than queries, and a single query.
    @ParameterizedTest
    @CsvSource({"1, 1, 5, 7", "2, 3, 600, 600", "1, 1, 1100, 900", "1, 2, 1025, 300", "1, 1, 130, 40000", "1, 2, 520, 8194", "1, 2, 30, 12293",
            "2, 1, 40, 900", "1, 2, 1, 500", "1, 1, 1, 5000"})
    void tilesTogetherAreTheDefinition(long samples, long heads, long queries, long keys) {
        Torch.threads(3);
        var rng = new Rng(1);
        var q = rng.normal(samples, queries, heads, 16).to(DType.BFLOAT16).transpose(1, 2);
        var k = rng.normal(samples, keys, heads, 16).to(DType.BFLOAT16).transpose(1, 2);
        var v = rng.normal(samples, keys, heads, 24).to(DType.BFLOAT16).transpose(1, 2);
        var tiled = TiledAttention.of(q, k, v, 0.25);
        assertThat(tiled.shape()).containsExactly(samples, heads, queries, 24);
        assertThat(difference(tiled, definition(q, k, v, 0.25))).isLessThan(0.01);
    }

    @Test
    void theSoftmaxIsThatOfFloat32RoundedOnce() {
        for (var columns : new long[] {1, 7, 64, 1001}) {
            var scores = new Rng(3).normal(5, columns).times(20).to(DType.BFLOAT16);
            var exact = scores.to(DType.FLOAT32).softmax(-1);
            var tile = new ScoreTile(DType.BFLOAT16, 5, columns);
            tile.scores().set(scores);
            var shares = tile.shares(given -> given.to(DType.FLOAT32));
            var difference = shares.minus(exact).abs().minus(exact.times(1 / 256.0));
            assertThat(difference.max().item()).isLessThan(1e-6);
        }
    }

    @Test
    void halvesHaveTilesToo() {
        var q = new Rng(2).normal(1, 3, 300, 32).to(DType.FLOAT16);
        assertThat(difference(TiledAttention.of(q, q, q, 0.2), definition(q, q, q, 0.2))).isLessThan(0.002);
        var many = new Rng(2).normal(1, 2, 4500, 32).to(DType.FLOAT16);
        assertThat(difference(TiledAttention.of(many, many, many, 0.2), definition(many, many, many, 0.2))).isLessThan(0.002);
    }

    /// The first key of a tile has no share that a number could hold, in the second tile only of some queries.
    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void tilesAreWeighedByTheirLargestShareWhereTheFirstIsNone(DType half) {
        var rng = new Rng(4);
        var q = rng.normal(1, 1, 600, 16).abs().to(half);
        var k = rng.normal(1, 1, 9000, 16);
        k.narrow(2, 0, 1).set(Tensor.full(-200, 1, 1, 1, 16));
        k.narrow(2, 3000, 1).set(Tensor.full(-20, 1, 1, 1, 16));
        k = k.to(half);
        var v = rng.normal(1, 1, 9000, 16).to(half);
        assertThat(difference(TiledAttention.of(q, k, v, 0.25), definition(q, k, v, 0.25))).isLessThan(half == DType.FLOAT16 ? 0.003 : 0.02);
    }

    @Test
    void whatIsNoNumberStaysNone() {
        var q = new Rng(4).normal(1, 1, 600, 16).to(DType.BFLOAT16);
        var k = new Rng(5).normal(1, 1, 9000, 16).to(DType.BFLOAT16);
        q.narrow(2, 5, 1).set(Tensor.full(Double.NaN, 1, 1, 1, 16));
        var tiled = TiledAttention.of(q, k, k, 0.25).to(DType.FLOAT32);
        assertThat(tiled.narrow(2, 5, 1).toFloats()).containsOnly(Float.NaN);
        assertThat(tiled.narrow(2, 0, 5).sum().item() + tiled.narrow(2, 6, 594).sum().item()).isFinite();
    }

    @Test
    void theNumberOfThreadsChangesNothing() {
        var rng = new Rng(2);
        var q = rng.normal(1, 3, 1500, 32).to(DType.BFLOAT16);
        Torch.threads(1);
        var alone = TiledAttention.of(q, q, q, 0.2).to(DType.FLOAT32).toFloats();
        Torch.threads(4);
        assertThat(TiledAttention.of(q, q, q, 0.2).to(DType.FLOAT32).toFloats()).isEqualTo(alone);
    }

    @Test
    void aTeamDoesEachPartOnce() {
        Torch.threads(4);
        var made = new AtomicInteger();
        var done = new ConcurrentHashMap<Integer, Integer>();
        Team.share(100, () -> made.incrementAndGet(), (own, part) -> {
            assertThat(own).isBetween(1, 4);
            done.merge(part, 1, Integer::sum);
        });
        assertThat(done).hasSize(100).containsKeys(IntStream.range(0, 100).boxed().toArray(Integer[]::new));
        assertThat(done.values()).containsOnly(1);
    }

    @Test
    void whatGoesWrongInAPartIsThrown() {
        Torch.threads(4);
        assertThatThrownBy(() -> Team.share(8, () -> "", (_, part) -> {
            if (part == 5) {
                throw new ShapeException("part " + part);
            }
        })).isInstanceOf(ShapeException.class).hasMessage("part 5");
    }

    /// In float32 it is libtorch's threads that divide attention, and a product inside must not look for others.
    @Test
    void productsHaveTheirThreadsAgainBehindAttention() {
        Torch.threads(2);
        assertThat(OpenBlas.threads()).isEqualTo(2);
        assertThat(OpenBlas.<Integer>onOneThread(() -> OpenBlas.onOneThread(OpenBlas::threads))).isEqualTo(1);
        assertThat(OpenBlas.threads()).isEqualTo(2);
        var x = new Rng(3).normal(1, 2, 300, 16);
        assertThat(difference(x.attention(x, x, null, 0.25), definition(x, x, x, 0.25))).isLessThan(1e-5);
        assertThat(OpenBlas.threads()).isEqualTo(2);
    }
}
