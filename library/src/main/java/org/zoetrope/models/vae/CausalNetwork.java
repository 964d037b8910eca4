package org.zoetrope.models.vae;

import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// An encoder or decoder that looks only backwards in time, and so takes a clip in chunks.
interface CausalNetwork {
    /// One chunk [B, C, F, H, W]; what the chunks before left is in the cache.
    Tensor forward(Tensor chunk, FeatureCache cache);

    /// Runs a clip chunk by chunk and hands over the results in order; each belongs to the scope this was called in.
    ///
    /// @param lengths frames of the chunks
    /// @param tiles   how pictures larger than a tile are cut; absent to run them whole
    default void stream(Tensor clip, long[] lengths, Optional<TileGrid> tiles, Consumer<Tensor> receiver) {
        var grid = tiles.filter(g -> g.cuts(clip));
        var caches = Stream.generate(FeatureCache::new).limit(grid.map(g -> g.tiles(clip)).orElse(1)).toList();
        var start = 0L;
        try {
            for (var length : lengths) {
                var from = start;
                receiver.accept(Scope.run(() -> {
                    var chunk = clip.narrow(2, from, length);
                    return grid.isPresent() ? grid.get().apply(chunk, caches, this)
                            : forward(chunk, caches.getFirst());
                }));
                start += length;
            }
        } finally {
            caches.forEach(FeatureCache::free);
        }
    }
}
