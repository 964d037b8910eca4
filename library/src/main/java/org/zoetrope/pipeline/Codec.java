package org.zoetrope.pipeline;

import java.util.function.Consumer;
import java.util.function.Function;
import org.zoetrope.nn.ChunkListener;
import org.zoetrope.tensor.Tensor;

/// An autoencoder with its weights, as the pipeline asks it: pixels [1, 3, F, height, width] in -1 to 1 on one side,
/// latents [1, T, C, H, W] at the scale the network knows on the other. `tiled` cuts large pictures as published.
interface Codec {
    /// Latents of a clip.
    ///
    /// @param draw unit noise of a shape, for families that draw latents from their posterior
    Tensor encode(Tensor video, boolean tiled, Function<long[], Tensor> draw);

    /// The channels by which a network sees the frame it starts from, beside the noisy latents of a whole clip.
    ///
    /// @param first  the first frame [1, 3, 1, height, width]
    /// @param frames pixel frames of the clip
    /// @return [1, T, channels, H, W]; T counts padding in front of the clip
    Tensor firstFrame(Tensor first, int frames, boolean tiled, Function<long[], Tensor> draw);

    /// Decodes chunk by chunk; the receiver takes [1, 3, f, height, width] in order, exactly the frames of the
    /// clip; each is valid during the call only.
    void decode(Tensor latents, boolean tiled, ChunkListener listener, Consumer<Tensor> receiver);
}
