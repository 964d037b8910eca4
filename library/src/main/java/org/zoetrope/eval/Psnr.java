package org.zoetrope.eval;

import org.zoetrope.media.Frames;

/// Peak signal to noise ratio: how far two clips are apart, pixel by pixel.
public final class Psnr {
    private static final double PEAK = 255;

    private Psnr() {}

    /// 10 log10(255^2 / mean squared difference) over all frames and channels, in dB; infinite for equal clips.
    ///
    /// @throws org.zoetrope.media.MediaException if the clips differ in size or length
    public static double of(Frames a, Frames b) {
        Alike.check(a, b);
        double sum = 0;
        for (var f = 0; f < a.count(); f++) {
            var left = a.images().get(f);
            var right = b.images().get(f);
            for (var at = 0; at < left.length; at++) {
                double off = (left[at] & 0xff) - (right[at] & 0xff);
                sum += off * off;
            }
        }
        var mean = sum / ((double) a.count() * a.width() * a.height() * Frames.CHANNELS);
        return 10 * Math.log10(PEAK * PEAK / mean);
    }
}
