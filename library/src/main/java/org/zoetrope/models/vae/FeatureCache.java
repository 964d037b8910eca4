package org.zoetrope.models.vae;

import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// What the causal convolutions of a streamed autoencoder remember between two chunks: the last frames each of them
/// saw. A chunk reads the cache of the chunk before and fills a new one, so a finished cache never changes.
final class FeatureCache implements Tensors {
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

    void remember(Object layer, Tensor tail) {
        after.put(layer, tail);
    }

    void free() {
        after.values().forEach(Tensor::close);
    }

    @Override
    public List<Tensor> tensors() {
        return List.copyOf(after.values());
    }
}
