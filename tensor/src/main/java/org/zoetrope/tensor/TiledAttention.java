package org.zoetrope.tensor;

import java.util.ArrayList;
import java.util.List;

/// Attention on a CPU as products over tiles: some queries of one head and their scores among some keys, few enough to stay in the
/// cache of the core that computes them. Memory is linear in tokens. Gradients do not flow through it.
final class TiledAttention {
    private static final long MOST_ROWS = 512, MOST_COLUMNS = 4096, MOST_SCORES = 1 << 20; // of a tile, see docs/performance.md
    private static final long PARTS_PER_THREAD = 4; // so that none has much to do when the others are done

    // What a thread computes with: a tile, and a narrower one where columns are left over.
    private final ScoreTile tile, rest;
    private final long columns;

    private TiledAttention(DType dtype, long rows, long keys) {
        columns = evenly(keys, MOST_COLUMNS);
        tile = new ScoreTile(dtype, rows, columns);
        rest = keys % columns == 0 ? tile : new ScoreTile(dtype, rows, keys % columns);
    }

    // The size of parts of this many things, all but the last equal, with at most so many in each.
    private static long evenly(long count, long most) {
        return Math.ceilDiv(count, Math.ceilDiv(count, most));
    }

    /// Whether all scores together are so few that one product of all heads is best.
    static boolean isOneTile(Tensor q, Tensor k) {
        return q.size(0) * q.size(1) * q.size(2) * k.size(2) <= 2 * MOST_SCORES;
    }

    /// softmax(q k^T scale) v, the softmax in float32 inside.
    ///
    /// @param q [B, heads, queries, D], in half precision
    /// @param k [B, heads, keys, D]
    /// @param v [B, heads, keys, D]
    /// @return [B, heads, queries, D]
    static Tensor of(Tensor q, Tensor k, Tensor v, double scale) {
        var heads = q.size(0) * q.size(1);
        var queries = q.size(2);
        var rows = evenly(queries, Math.min(MOST_ROWS, MOST_SCORES / evenly(k.size(2), MOST_COLUMNS)));
        var tiles = Math.ceilDiv(queries, rows);
        var parts = Math.clamp(Math.ceilDiv(PARTS_PER_THREAD * Torch.threads(), heads), 1, tiles);
        var rowsOfPart = Math.ceilDiv(tiles, parts) * rows;
        var result = Tensor.zeros(q.dtype(), q.device(), q.size(0), q.size(1), queries, v.size(3));
        Team.share(Math.toIntExact(heads * parts), () -> new TiledAttention(q.dtype(), rows, k.size(2)), (tiled, index) -> {
            var head = index / parts;
            var first = Math.min(index % parts * rowsOfPart, queries);
            var count = Math.min(rowsOfPart, queries - first);
            var mine = head(q, head).narrow(0, first, count).times(scale).contiguous();
            var out = head(result, head).narrow(0, first, count);
            var keys = head(k, head).contiguous();
            var values = head(v, head).contiguous();
            for (var start = 0L; start < count; start += rows) {
                var from = start;
                var some = Math.min(rows, count - start);
                Scope.run(() -> tiled.attend(mine.narrow(0, from, some), keys, values, out.narrow(0, from, some)));
            }
        });
        return result;
    }

    private static Tensor head(Tensor x, long index) {
        return x.narrow(0, index / x.size(1), 1).squeeze(0).narrow(0, index % x.size(1), 1).squeeze(0);
    }

    private void attend(Tensor q, Tensor keys, Tensor values, Tensor out) {
        var count = keys.size(0);
        var rows = q.size(0);
        if (count == columns) {
            score(tile, q, keys);
            tile.shares(shares -> out.setProduct(shares.narrow(0, 0, rows), values));
            return;
        }
        var parts = new ArrayList<Part>();
        for (var start = 0L; start < count; start += columns) {
            var some = Math.min(columns, count - start);
            var theirs = values.narrow(0, start, some);
            var block = some == columns ? tile : rest;
            var scores = score(block, q, keys.narrow(0, start, some));
            parts.add(block.shares(all -> {
                var shares = all.narrow(0, 0, rows);
                return new Part(shares.matmul(theirs), logOfSum(scores, shares));
            }));
        }
        var weights = Tensor.stack(parts.stream().map(Part::logOfSum).toList(), 0).softmax(0);
        var means = Tensor.stack(parts.stream().map(Part::mean).toList(), 0).to(DType.FLOAT32);
        out.set(means.times(weights).sum(false, 0));
    }

    private static Tensor score(ScoreTile tile, Tensor q, Tensor keys) {
        return tile.scores().narrow(0, 0, q.size(0)).setProduct(q, keys.transpose(0, 1));
    }

    /// What queries see among some of the keys.
    ///
    /// @param mean     of the values by the shares among these keys, [queries, D]
    /// @param logOfSum of the exponentials of the scores, [queries, 1], float32
    private record Part(Tensor mean, Tensor logOfSum) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return List.of(mean, logOfSum);
        }
    }

    // Any score and its share, exp(score - log of sum), tell it: the first of a row, or, where that share is too small to be exact,
    // the largest, which takes a second look at all.
    private static Tensor logOfSum(Tensor scores, Tensor shares) {
        var share = shares.narrow(1, 0, 1).to(DType.FLOAT32);
        if (share.min().item() < leastNormal(shares.dtype())) {
            return scores.max(true, 1).to(DType.FLOAT32).minus(shares.max(true, 1).to(DType.FLOAT32).log());
        }
        return scores.narrow(1, 0, 1).to(DType.FLOAT32).minus(share.log());
    }

    private static double leastNormal(DType half) {
        return half == DType.FLOAT16 ? 0x1p-14 : 0x1p-126;
    }
}
