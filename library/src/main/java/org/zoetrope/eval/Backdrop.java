package org.zoetrope.eval;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;
import org.zoetrope.media.Frames;
import org.zoetrope.scenes.Background;

/// The colour all around the picture.
///
/// @param rgb   as measured
/// @param named the background it is, empty if the border is of another colour or of several
record Backdrop(double[] rgb, Optional<Background> named) {
    private static final int BORDER = 2;
    private static final int BINS = 4;
    private static final double ALIKE = 55;
    private static final double MOSTLY = 0.8;

    static Backdrop of(Frames clip) {
        var border = border(clip);
        var mode = mode(border);
        var alike = Arrays.stream(border).filter(p -> Palette.distance(Palette.split(p), mode) <= ALIKE).toArray();
        var rgb = Palette.median(alike.length == 0 ? border : alike);
        var plain = alike.length >= MOSTLY * border.length;
        return new Backdrop(rgb, plain ? Palette.background(rgb) : Optional.empty());
    }

    private static int[] border(Frames clip) {
        var places = IntStream.range(0, clip.width() * clip.height()).filter(at -> {
            var x = at % clip.width();
            var y = at / clip.width();
            return Math.min(Math.min(x, clip.width() - 1 - x), Math.min(y, clip.height() - 1 - y)) < BORDER;
        }).toArray();
        return IntStream.range(0, clip.count()).flatMap(f -> Arrays.stream(places)
                .map(at -> clip.pixel(f, at % clip.width(), at / clip.width()))).toArray();
    }

    /// The median of the fullest cell of a coarse colour histogram.
    private static double[] mode(int[] pixels) {
        var counts = new int[1 << (3 * BINS)];
        for (var pixel : pixels) {
            counts[cell(pixel)]++;
        }
        var fullest = IntStream.range(0, counts.length).reduce(0, (a, b) -> counts[b] > counts[a] ? b : a);
        return Palette.median(Arrays.stream(pixels).filter(pixel -> cell(pixel) == fullest).toArray());
    }

    private static int cell(int rgb) {
        var cell = 0;
        for (var shift = 24 - BINS; shift >= 0; shift -= 8) {
            cell = (cell << BINS) + (rgb >> shift & ((1 << BINS) - 1));
        }
        return cell;
    }
}
