package org.zoetrope.eval;

import org.zoetrope.media.Frames;
import org.zoetrope.media.MediaException;

/// Structural similarity (Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
/// structural similarity", 2004, equation 13), on luma, frame by frame.
public final class Ssim {
    private static final int WINDOW = 11;
    private static final double SIGMA = 1.5;
    private static final double C1 = Math.pow(0.01 * 255, 2);
    private static final double C2 = Math.pow(0.03 * 255, 2);

    private Ssim() {}

    /// The mean over all frames and all places where the window of 11 x 11 fits: 1 for equal clips.
    ///
    /// @throws MediaException if the clips differ in size or length, or are smaller than the window
    public static double of(Frames a, Frames b) {
        Alike.check(a, b);
        if (Math.min(a.width(), a.height()) < WINDOW) {
            throw new MediaException("structural similarity needs %d x %d pixels or more, found %s"
                    .formatted(WINDOW, WINDOW, a));
        }
        double sum = 0;
        for (var f = 0; f < a.count(); f++) {
            sum += of(luma(a, f), luma(b, f), a.width());
        }
        return sum / a.count();
    }

    private static double of(double[] a, double[] b, int width) {
        var meanA = smooth(a, width);
        var meanB = smooth(b, width);
        var squareA = smooth(product(a, a), width);
        var squareB = smooth(product(b, b), width);
        var cross = smooth(product(a, b), width);
        double sum = 0;
        for (var at = 0; at < meanA.length; at++) {
            var varianceA = squareA[at] - meanA[at] * meanA[at];
            var varianceB = squareB[at] - meanB[at] * meanB[at];
            var covariance = cross[at] - meanA[at] * meanB[at];
            sum += (2 * meanA[at] * meanB[at] + C1) * (2 * covariance + C2)
                    / ((meanA[at] * meanA[at] + meanB[at] * meanB[at] + C1) * (varianceA + varianceB + C2));
        }
        return sum / meanA.length;
    }

    /// Luma with the weights of BT.601.
    private static double[] luma(Frames clip, int frame) {
        var image = clip.images().get(frame);
        var luma = new double[clip.width() * clip.height()];
        for (var at = 0; at < luma.length; at++) {
            var first = at * Frames.CHANNELS;
            luma[at] = 0.299 * (image[first] & 0xff) + 0.587 * (image[first + 1] & 0xff)
                    + 0.114 * (image[first + 2] & 0xff);
        }
        return luma;
    }

    private static double[] product(double[] a, double[] b) {
        var out = new double[a.length];
        for (var at = 0; at < a.length; at++) {
            out[at] = a[at] * b[at];
        }
        return out;
    }

    /// Gaussian means over every window that fits: [H, W] -> [H - 10, W - 10].
    private static double[] smooth(double[] image, int width) {
        var weights = weights();
        var height = image.length / width;
        var outWidth = width - WINDOW + 1;
        var outHeight = height - WINDOW + 1;
        var rows = new double[height * outWidth];
        for (var at = 0; at < rows.length; at++) {
            var from = at / outWidth * width + at % outWidth;
            for (var k = 0; k < WINDOW; k++) {
                rows[at] += weights[k] * image[from + k];
            }
        }
        var out = new double[outHeight * outWidth];
        for (var at = 0; at < out.length; at++) {
            for (var k = 0; k < WINDOW; k++) {
                out[at] += weights[k] * rows[at + k * outWidth];
            }
        }
        return out;
    }

    private static double[] weights() {
        var weights = new double[WINDOW];
        double sum = 0;
        for (var k = 0; k < WINDOW; k++) {
            var off = k - WINDOW / 2;
            weights[k] = Math.exp(-off * off / (2 * SIGMA * SIGMA));
            sum += weights[k];
        }
        for (var k = 0; k < WINDOW; k++) {
            weights[k] /= sum;
        }
        return weights;
    }
}
