package org.zoetrope.edit;

import java.util.List;
import org.zoetrope.media.Frames;

/// A finished edit, at the size, length and rate of its source.
///
/// @param frames  the edited clip
/// @param codec   the source after encoding and decoding alone: what no edit can be better than
/// @param recipe  what made it
/// @param notices what the user should know
public record EditedVideo(Frames frames, Frames codec, EditRecipe recipe, List<String> notices) {
    public EditedVideo {
        notices = List.copyOf(notices);
    }
}
