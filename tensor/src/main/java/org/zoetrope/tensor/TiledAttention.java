package org.zoetrope.tensor;

/// Attention on a CPU as products over tiles: some queries of one head and their scores, few enough to stay in the cache of the
/// core that computes them. Memory is linear in tokens. Gradients do not flow through it.
final class TiledAttention {
    /// Of a tile; two bytes each, once before and once after the softmax.
    private static final long SCORES = 1L << 21;
    private static final long LEAST_ROWS = 64, MOST_ROWS = 256; // fewer rows multiply slowly, more gain nothing
    private static final long PARTS_PER_THREAD = 4; // so that none has much to do when the others are done

    private TiledAttention() {}

    /// Whether all scores together are so few that one product of all heads is best.
    static boolean isOneTile(Tensor q, Tensor k) {
        return q.size(0) * q.size(1) * q.size(2) * k.size(2) <= SCORES;
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
        var rows = Math.clamp(SCORES / k.size(2), LEAST_ROWS, MOST_ROWS);
        var tiles = Math.ceilDiv(queries, rows);
        var parts = Math.clamp(Math.ceilDiv(PARTS_PER_THREAD * Torch.threads(), heads), 1, tiles);
        var rowsOfPart = Math.ceilDiv(tiles, parts) * rows;
        var result = Tensor.zeros(q.dtype(), q.device(), q.size(0), q.size(1), queries, v.size(3));
        Team.share(Math.toIntExact(heads * parts), index -> {
            var head = index / parts;
            var first = index % parts * rowsOfPart;
            var mine = head(q, head).narrow(0, Math.min(first, queries), Math.clamp(queries - first, 0, rowsOfPart)).times(scale).contiguous();
            var out = head(result, head).narrow(0, Math.min(first, queries), mine.size(0));
            // Keys side by side as the product wants them, once for all tiles.
            var keys = head(k, head).transpose(0, 1).contiguous();
            var values = head(v, head).contiguous();
            // One piece of memory for all tiles: pages that are new can cost more than the product that fills them.
            var all = Tensor.zeros(q.dtype(), q.device(), Math.min(rows, mine.size(0)), k.size(2));
            for (var start = 0L; start < mine.size(0); start += rows) {
                var from = start;
                var count = Math.min(rows, mine.size(0) - start);
                Scope.run(() -> {
                    var scores = all.narrow(0, 0, count).setProduct(mine.narrow(0, from, count), keys);
                    out.narrow(0, from, count).setProduct(OneDnn.computes(scores) ? OneDnn.softmax(scores) : scores.softmax(-1), values);
                });
            }
        });
        return result;
    }

    private static Tensor head(Tensor x, long index) {
        return x.narrow(0, index / x.size(1), 1).squeeze(0).narrow(0, index % x.size(1), 1).squeeze(0);
    }
}
