package org.zoetrope.nn;

/// Hears how far an autoencoder is. A chunk is a few frames of the picture, or of one of its tiles.
@FunctionalInterface
public interface ChunkListener {
    /// @param done chunks behind us; the first report has 0
    /// @param all  chunks of all tiles
    void on(int done, int all);

    /// Hears nothing.
    static ChunkListener none() {
        return (_, _) -> {};
    }
}
