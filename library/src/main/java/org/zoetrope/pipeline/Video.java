package org.zoetrope.pipeline;

import java.util.List;
import org.zoetrope.media.Frames;

/// A finished video.
///
/// @param recipe  what made it
/// @param notices what the user should know, such as words of the prompt that were not read
public record Video(Frames frames, Recipe recipe, List<String> notices) {
    public Video {
        notices = List.copyOf(notices);
    }
}
