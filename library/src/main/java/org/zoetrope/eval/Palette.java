package org.zoetrope.eval;

import java.util.Optional;
import java.util.stream.Stream;
import org.zoetrope.media.Frames;
import org.zoetrope.scenes.Background;
import org.zoetrope.scenes.Colour;

/// Names for measured colours [red, green, blue], by distance in RGB.
final class Palette {
    /// Named colours of objects are at least 95 apart; a measured one may be off by about two thirds of that, and the
    /// nearest still wins.
    private static final double NEAR_OBJECT = 64;

    /// Named backgrounds are at least 75 apart, and measured over many more pixels.
    private static final double NEAR_BACKGROUND = 40;

    private static final double[][] OBJECTS = Stream.of(Colour.values()).map(c -> split(c.rgb()))
            .toArray(double[][]::new);
    private static final double[][] BACKGROUNDS = Stream.of(Background.values()).map(b -> split(b.rgb()))
            .toArray(double[][]::new);

    private Palette() {}

    static Optional<Colour> object(double[] rgb) {
        var nearest = nearest(rgb, OBJECTS);
        return distance(rgb, OBJECTS[nearest]) <= NEAR_OBJECT
                ? Optional.of(Colour.values()[nearest])
                : Optional.empty();
    }

    static Optional<Background> background(double[] rgb) {
        var nearest = nearest(rgb, BACKGROUNDS);
        return distance(rgb, BACKGROUNDS[nearest]) <= NEAR_BACKGROUND
                ? Optional.of(Background.values()[nearest])
                : Optional.empty();
    }

    private static int nearest(double[] rgb, double[][] named) {
        var nearest = 0;
        for (var k = 1; k < named.length; k++) {
            if (distance(rgb, named[k]) < distance(rgb, named[nearest])) {
                nearest = k;
            }
        }
        return nearest;
    }

    /// The colours of a frame: [H * W, 3].
    static double[][] pixels(Frames clip, int frame) {
        var image = clip.images().get(frame);
        var pixels = new double[clip.width() * clip.height()][];
        for (var at = 0; at < pixels.length; at++) {
            var first = at * Frames.CHANNELS;
            pixels[at] = new double[] {image[first] & 0xff, image[first + 1] & 0xff, image[first + 2] & 0xff};
        }
        return pixels;
    }

    static double[] split(int rgb) {
        return new double[] {rgb >> 16 & 0xff, rgb >> 8 & 0xff, rgb & 0xff};
    }

    static double distance(double[] a, double[] b) {
        return Math.sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
    }

    /// The median of each channel over pixels 0xRRGGBB.
    static double[] median(int[] pixels) {
        var rgb = new double[3];
        for (var c = 0; c < 3; c++) {
            var counts = new int[256];
            for (var pixel : pixels) {
                counts[pixel >> (16 - 8 * c) & 0xff]++;
            }
            var below = 0;
            var level = 0;
            while (below + counts[level] <= pixels.length / 2) {
                below += counts[level++];
            }
            rgb[c] = level;
        }
        return rgb;
    }
}
