package org.zoetrope.nn;

import org.zoetrope.tensor.Tensor;

/// Hears how far an autoencoder is. A chunk is a few frames of the picture, or of one of its tiles.
@FunctionalInterface
public interface ChunkListener {
    /// Called once, before the first chunk.
    ///
    /// @param all chunks of all tiles
    default void begin(int all) {}

    /// Called behind each chunk.
    ///
    /// @param chunk what the network gave, before tiles are put together; valid during the call only
    /// @param done  chunks behind us, this one included
    void after(Tensor chunk, int done, int all);

    /// Hears nothing.
    static ChunkListener none() {
        return (_, _, _) -> {};
    }
}
