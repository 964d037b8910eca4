package org.zoetrope.models.vae;

import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// What the causal convolutions of a streamed autoencoder remember between two chunks: the last frames each of them
/// saw. A convolution replaces its tail as soon as it has read it, so that one tail a layer is in memory, not two.
final class FeatureCache {
    private final Map<Object, Tensor> tails = new IdentityHashMap<>();

    /// What the layer left at the end of the chunk before; absent in the first chunk.
    Optional<Tensor> recall(Object layer) {
        return Optional.ofNullable(tails.get(layer));
    }

    /// Keeps the tail beyond the scopes of this chunk, until the next one replaces it or [#free()].
    void remember(Object layer, Tensor tail) {
        var before = tails.put(layer, Scope.disown(tail));
        if (before != null) {
            before.close();
        }
    }

    void free() {
        tails.values().forEach(Tensor::close);
        tails.clear();
    }
}
