package org.zoetrope.models.vae;

import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// What the causal convolutions of a streamed autoencoder remember between two chunks: the last frames each of them
/// saw. A chunk reads the cache of the chunk before and fills a new one, so a finished cache never changes.
final class FeatureCache {
    private final Map<Object, Tensor> before;
    private final Map<Object, Tensor> after = new IdentityHashMap<>();

    private FeatureCache(Map<Object, Tensor> before) {
        this.before = before;
    }

    /// The cache of the first chunk of a stream.
    static FeatureCache start() {
        return new FeatureCache(Map.of());
    }

    /// The cache for the chunk that follows.
    FeatureCache next() {
        return new FeatureCache(after);
    }

    /// What the layer left at the end of the chunk before; absent in the first chunk.
    Optional<Tensor> recall(Object layer) {
        return Optional.ofNullable(before.get(layer));
    }

    /// Keeps the tail beyond the scopes of this chunk, until [#free()].
    void remember(Object layer, Tensor tail) {
        after.put(layer, Scope.disown(tail));
    }

    void free() {
        after.values().forEach(Tensor::close);
        after.clear();
    }
}
