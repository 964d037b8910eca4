package org.zoetrope.models.vae;

import java.util.ArrayList;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.zoetrope.nn.ChunkListener;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// An encoder or decoder that looks only backwards in time, and so takes a clip in chunks.
interface CausalNetwork {
    /// One chunk [B, C, F, H, W]; what the chunks before left is in the cache.
    Tensor forward(Tensor chunk, FeatureCache cache);

    /// Runs a clip chunk by chunk and hands over the results in order; each belongs to the scope this was called in.
    ///
    /// A picture larger than a tile is run tile by tile, each from the first chunk to the last: what the convolutions
    /// carry from chunk to chunk is that of one tile then, and all results come at the end. In the published autoencoders
    /// seven hundred frames take less memory than what all tiles would carry.
    ///
    /// @param lengths frames of the chunks
    /// @param tiles   how pictures larger than a tile are cut; absent to run them whole
    default void stream(Tensor clip, long[] lengths, Optional<TileGrid> tiles, ChunkListener listener, Consumer<Tensor> receiver) {
        var grid = tiles.filter(g -> g.cuts(clip));
        var all = lengths.length * grid.map(g -> g.tiles(clip)).orElse(1);
        var done = new AtomicInteger();
        listener.begin(all);
        if (grid.isEmpty()) {
            run(clip, lengths, chunk -> {
                listener.after(chunk, done.incrementAndGet(), all);
                receiver.accept(chunk);
            });
            return;
        }
        var frames = new long[lengths.length];
        var whole = Scope.run(() -> grid.get().apply(clip, tile -> Scope.run(() -> {
            var parts = new ArrayList<Tensor>();
            run(tile, lengths, chunk -> {
                frames[parts.size()] = chunk.size(2);
                parts.add(chunk);
                listener.after(chunk, done.incrementAndGet(), all);
            });
            return Tensor.cat(parts, 2);
        })));
        var start = 0L;
        for (var length : frames) {
            receiver.accept(whole.narrow(2, start, length));
            start += length;
        }
        whole.close();
    }

    private void run(Tensor clip, long[] lengths, Consumer<Tensor> receiver) {
        var cache = new FeatureCache();
        var start = 0L;
        try {
            for (var length : lengths) {
                var from = start;
                receiver.accept(Scope.run(() -> forward(clip.narrow(2, from, length), cache)));
                start += length;
            }
        } finally {
            cache.free();
        }
    }
}
