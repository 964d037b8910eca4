package org.zoetrope.pipeline;

import org.zoetrope.media.Frames;
import org.zoetrope.tensor.Tensor;

/// An image encoder with its weights, for models that read features of the frame they start from.
interface Eye {
    /// Features of a picture of any size [1, I, D].
    Tensor look(Frames picture);
}
