package org.zoetrope.edit;

import java.util.List;
import java.util.Locale;
import org.zoetrope.pipeline.Geometry;

/// A clip as a network will see it: what decides whether a method can do anything with it.
///
/// @param frames  of the clip
/// @param group   frames that a latent frame stands for, behind the first
/// @param tokens  frames of tokens
/// @param windows in how many parts the clip is looked at
/// @param fixed   the network has learned its positions and knows no others
public record ClipShape(int frames, int group, int tokens, int windows, boolean fixed) {
    /// A clip of so many frames, brought to a model.
    static ClipShape of(int frames, Geometry model, Windows windows) {
        return new ClipShape(frames, model.strideT(), TokenGrid.of(model).frames(windows.frames()), windows.count(),
                model.fixed());
    }

    /// What a clip shorter than a group of frames lacks; empty if it is longer.
    List<String> shortness() {
        if (frames == 1) {
            return List.of("the clip is a single frame: nothing in it moves, and its edit is a picture");
        }
        return frames > group ? List.of() : List.of(("the clip has %d frames and a latent frame stands for %d: the model sees its "
                + "first frame and the rest as one").formatted(frames, group));
    }

    /// Why something that needs the clip as a whole cannot have it; empty if it can.
    ///
    /// @param what the sentence is about
    List<String> inParts(String what) {
        return windows == 1 ? List.of() : List.of(String.format(Locale.ROOT, "%s needs a clip that the model takes as a whole; "
                + "this one is looked at in %d windows: cut the video into parts", what, windows));
    }
}
