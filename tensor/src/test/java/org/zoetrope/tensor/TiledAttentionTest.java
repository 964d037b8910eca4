package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    /// Samples, heads, queries, keys: one tile, tiles of one head, more threads than heads, a last tile of one query, keys so many
    /// that tiles are short, other keys than queries, and a single query.
    @ParameterizedTest
    @CsvSource({"1, 1, 5, 7", "2, 3, 600, 600", "1, 1, 1100, 900", "1, 2, 257, 300", "1, 1, 130, 40000", "2, 1, 40, 900", "1, 2, 1, 500"})
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
            var difference = OneDnn.softmax(scores).to(DType.FLOAT32).minus(exact).abs().minus(exact.times(1 / 256.0));
            assertThat(difference.max().item()).isLessThan(1e-6);
        }
    }

    @Test
    void halvesHaveTilesToo() {
        var q = new Rng(2).normal(1, 3, 300, 32).to(DType.FLOAT16);
        assertThat(difference(TiledAttention.of(q, q, q, 0.2), definition(q, q, q, 0.2))).isLessThan(0.002);
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
        var done = new ConcurrentHashMap<Integer, Integer>();
        Team.share(100, part -> done.merge(part, 1, Integer::sum));
        assertThat(done).hasSize(100).containsKeys(IntStream.range(0, 100).boxed().toArray(Integer[]::new));
        assertThat(done.values()).containsOnly(1);
    }

    @Test
    void whatGoesWrongInAPartIsThrown() {
        Torch.threads(4);
        assertThatThrownBy(() -> Team.share(8, part -> {
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
