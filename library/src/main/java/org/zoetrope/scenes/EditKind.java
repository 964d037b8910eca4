package org.zoetrope.scenes;

import java.util.Locale;

/// What an edit changes in a scene.
public enum EditKind {
    /// The colour of the only object.
    RECOLOUR,
    /// The shape of the only object.
    RESHAPE,
    /// The colour of one of two objects.
    RECOLOUR_ONE_OF_TWO,
    /// The background.
    CHANGE_BACKGROUND,
    /// Nothing: the words stay as they are.
    ADD_NOTHING;

    /// The name used in reports.
    public String words() {
        return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
}
