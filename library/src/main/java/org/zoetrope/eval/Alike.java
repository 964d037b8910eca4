package org.zoetrope.eval;

import org.zoetrope.media.Frames;
import org.zoetrope.media.MediaException;

/// The condition of comparing two clips pixel by pixel.
final class Alike {
    private Alike() {}

    static void check(Frames a, Frames b) {
        if (a.width() != b.width() || a.height() != b.height() || a.count() != b.count()) {
            throw new MediaException("%s and %s cannot be compared; give clips of the same size and length"
                    .formatted(a, b));
        }
    }
}
