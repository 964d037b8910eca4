package org.zoetrope.scenes;

import java.util.List;
import java.util.Optional;

/// What a caption commits a clip to; whatever is empty is left to the clip.
///
/// @param objects in the order the caption names them
public record Promise(List<Item> objects, Optional<Background> background) {
    /// One object of a caption.
    public record Item(Colour colour, Shape shape, Motion motion, Optional<Size> size) {}

    public Promise {
        objects = List.copyOf(objects);
    }
}
