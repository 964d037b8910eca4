package org.zoetrope.eval;

import org.zoetrope.media.Frames;
import org.zoetrope.media.MediaException;

/// How restless a clip is from frame to frame.
public final class Flicker {
    private Flicker() {}

    /// The mean of |next - 2 this + previous| over pixels and channels, in levels of 255: 0 for a clip that stands or
    /// fades evenly. Moving edges count too, so the number means something beside that of a clean clip with the same
    /// motion.
    ///
    /// @throws MediaException if there are fewer than 3 frames
    public static double of(Frames clip) {
        if (clip.count() < 3) {
            throw new MediaException("flicker is measured over 3 frames or more, found " + clip);
        }
        double sum = 0;
        for (var f = 1; f < clip.count() - 1; f++) {
            var before = clip.images().get(f - 1);
            var now = clip.images().get(f);
            var after = clip.images().get(f + 1);
            for (var at = 0; at < now.length; at++) {
                sum += Math.abs((after[at] & 0xff) - 2 * (now[at] & 0xff) + (before[at] & 0xff));
            }
        }
        return sum / ((clip.count() - 2.0) * clip.width() * clip.height() * Frames.CHANNELS);
    }
}
