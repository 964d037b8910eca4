package org.zoetrope.media;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The colours of a GIF and the way from RGB to them.
///
/// A clip with at most 255 colours keeps them exactly. A richer one gets one palette for all frames (a palette per
/// frame flickers): median cut over a histogram (Heckbert 1982), refined by k-means, and Floyd-Steinberg error
/// diffusion on the way to it. Entry 255 is transparent: GIF uses it for pixels that stay as they were.
final class GifPalette {
    private static final int COLOURS = 255;
    private static final int TRANSPARENT = 255;
    private static final int ROUNDS = 6; // of k-means; later rounds move no colour by more than a level
    private static final int CELL_BITS = 5; // histogram cells a channel: 32 x 32 x 32
    private static final int LOOKUP_BITS = 6; // nearest-colour table: 64 x 64 x 64

    private final int[] rgb;
    private final Map<Integer, Integer> exact;
    private final short[] lookup = new short[1 << (3 * LOOKUP_BITS)];

    private GifPalette(int[] rgb, Map<Integer, Integer> exact) {
        this.rgb = rgb;
        this.exact = exact;
        Arrays.fill(lookup, (short) -1);
    }

    static GifPalette of(Frames frames) {
        var exact = new HashMap<Integer, Integer>();
        for (var image : frames.images()) {
            for (var at = 0; at < image.length && exact.size() <= COLOURS; at += Frames.CHANNELS) {
                var next = exact.size();
                exact.putIfAbsent(colour(image, at), next);
            }
        }
        if (exact.size() <= COLOURS) {
            var rgb = new int[exact.size()];
            exact.forEach((colour, index) -> rgb[index] = colour);
            return new GifPalette(rgb, exact);
        }
        var cells = histogram(frames);
        return new GifPalette(refine(medianCut(cells), cells), Map.of());
    }

    /// Whether every colour of the clip is in the palette.
    boolean isExact() {
        return !exact.isEmpty();
    }

    /// 256 entries 0xAARRGGBB.
    int[] argb() {
        var table = new int[256];
        for (var i = 0; i < rgb.length; i++) {
            table[i] = 0xff000000 | rgb[i];
        }
        Arrays.fill(table, rgb.length, TRANSPARENT, 0xff000000);
        return table;
    }

    private static int colour(byte[] image, int at) {
        return (image[at] & 0xff) << 16 | (image[at + 1] & 0xff) << 8 | (image[at + 2] & 0xff);
    }

    /// A cell of the histogram: how many pixels fell into it, and the sums of their channels.
    private static final class Cell {
        private long pixels;
        private final long[] sum = new long[Frames.CHANNELS];

        double mean(int channel) {
            return (double) sum[channel] / pixels;
        }
    }

    private static List<Cell> histogram(Frames frames) {
        var cells = new Cell[1 << (3 * CELL_BITS)];
        var used = new ArrayList<Cell>();
        var drop = 8 - CELL_BITS;
        for (var image : frames.images()) {
            for (var at = 0; at < image.length; at += Frames.CHANNELS) {
                int r = image[at] & 0xff, g = image[at + 1] & 0xff, b = image[at + 2] & 0xff;
                var key = r >> drop << (2 * CELL_BITS) | g >> drop << CELL_BITS | b >> drop;
                if (cells[key] == null) {
                    cells[key] = new Cell();
                    used.add(cells[key]);
                }
                var cell = cells[key];
                cell.pixels++;
                cell.sum[0] += r;
                cell.sum[1] += g;
                cell.sum[2] += b;
            }
        }
        return used;
    }

    /// A box of cells, the channel it spreads most along, and how much: the sum of squared distances there.
    private record Box(List<Cell> cells, int channel, double spread) {
        static Box of(List<Cell> cells) {
            var channel = 0;
            var spread = -1.0;
            for (var c = 0; c < Frames.CHANNELS; c++) {
                double n = 0, sum = 0, squares = 0;
                for (var cell : cells) {
                    n += cell.pixels;
                    sum += cell.sum[c];
                    squares += cell.pixels * cell.mean(c) * cell.mean(c);
                }
                var s = squares - sum * sum / n;
                if (s > spread) {
                    spread = s;
                    channel = c;
                }
            }
            return new Box(cells, channel, cells.size() == 1 ? 0 : spread);
        }

        List<Box> halves() {
            var c = channel;
            var sorted = new ArrayList<>(cells);
            sorted.sort(Comparator.comparingDouble(cell -> cell.mean(c)));
            var half = sorted.stream().mapToLong(cell -> cell.pixels).sum() / 2;
            var at = 0;
            for (long seen = 0; at < sorted.size() - 1 && (at == 0 || seen + sorted.get(at).pixels <= half); at++) {
                seen += sorted.get(at).pixels;
            }
            return List.of(of(sorted.subList(0, at)), of(sorted.subList(at, sorted.size())));
        }

        double[] mean() {
            var mean = new double[Frames.CHANNELS];
            var n = cells.stream().mapToLong(cell -> cell.pixels).sum();
            for (var c = 0; c < Frames.CHANNELS; c++) {
                for (var cell : cells) {
                    mean[c] += (double) cell.sum[c] / n;
                }
            }
            return mean;
        }
    }

    private static double[][] medianCut(List<Cell> cells) {
        var boxes = new ArrayList<>(List.of(Box.of(cells)));
        while (boxes.size() < COLOURS) {
            boxes.sort(Comparator.comparingDouble(Box::spread));
            if (boxes.getLast().spread() <= 0) {
                break;
            }
            boxes.addAll(boxes.removeLast().halves());
        }
        return boxes.stream().map(Box::mean).toArray(double[][]::new);
    }

    private static int[] refine(double[][] means, List<Cell> cells) {
        for (var round = 0; round < ROUNDS; round++) {
            var sums = new double[means.length][Frames.CHANNELS + 1];
            for (var cell : cells) {
                var into = sums[nearest(means, cell.mean(0), cell.mean(1), cell.mean(2))];
                for (var c = 0; c < Frames.CHANNELS; c++) {
                    into[c] += cell.sum[c];
                }
                into[Frames.CHANNELS] += cell.pixels;
            }
            for (var i = 0; i < means.length; i++) {
                if (sums[i][Frames.CHANNELS] > 0) {
                    for (var c = 0; c < Frames.CHANNELS; c++) {
                        means[i][c] = sums[i][c] / sums[i][Frames.CHANNELS];
                    }
                }
            }
        }
        return Arrays.stream(means).mapToInt(m ->
                (int) Math.round(m[0]) << 16 | (int) Math.round(m[1]) << 8 | (int) Math.round(m[2])).toArray();
    }

    private static int nearest(double[][] means, double r, double g, double b) {
        var best = 0;
        var least = Double.MAX_VALUE;
        for (var i = 0; i < means.length; i++) {
            double dr = means[i][0] - r, dg = means[i][1] - g, db = means[i][2] - b;
            var distance = dr * dr + dg * dg + db * db;
            if (distance < least) {
                least = distance;
                best = i;
            }
        }
        return best;
    }

    /// The palette index of every pixel, [H, W].
    byte[] indices(byte[] image, int width) {
        var indices = new byte[image.length / Frames.CHANNELS];
        if (isExact()) {
            for (int i = 0, at = 0; i < indices.length; i++, at += Frames.CHANNELS) {
                indices[i] = exact.getOrDefault(colour(image, at), 0).byteValue();
            }
            return indices;
        }
        // errors waiting for this row, with a column of margin on each side
        var here = new float[(width + 2) * Frames.CHANNELS];
        for (var i = 0; i < indices.length;) {
            var below = new float[here.length];
            for (var x = 0; x < width; x++, i++) {
                diffuse(image, indices, i, (x + 1) * Frames.CHANNELS, here, below);
            }
            here = below;
        }
        return indices;
    }

    private void diffuse(byte[] image, byte[] indices, int pixel, int column, float[] here, float[] below) {
        var wanted = new float[Frames.CHANNELS];
        for (var c = 0; c < Frames.CHANNELS; c++) {
            wanted[c] = Math.clamp((image[pixel * Frames.CHANNELS + c] & 0xff) + here[column + c], 0, 255);
        }
        var index = index(Math.round(wanted[0]), Math.round(wanted[1]), Math.round(wanted[2]));
        indices[pixel] = (byte) index;
        for (var c = 0; c < Frames.CHANNELS; c++) {
            var error = (wanted[c] - (rgb[index] >> (16 - 8 * c) & 0xff)) / 16; // Floyd-Steinberg: 7, 3, 5, 1 of 16
            here[column + Frames.CHANNELS + c] += 7 * error;
            below[column - Frames.CHANNELS + c] += 3 * error;
            below[column + c] += 5 * error;
            below[column + Frames.CHANNELS + c] += error;
        }
    }

    private int index(int r, int g, int b) {
        var drop = 8 - LOOKUP_BITS;
        var key = r >> drop << (2 * LOOKUP_BITS) | g >> drop << LOOKUP_BITS | b >> drop;
        if (lookup[key] < 0) {
            lookup[key] = (short) nearest(r, g, b);
        }
        return lookup[key];
    }

    private int nearest(int r, int g, int b) {
        var best = 0;
        var least = Integer.MAX_VALUE;
        for (var i = 0; i < rgb.length; i++) {
            int dr = (rgb[i] >> 16 & 0xff) - r, dg = (rgb[i] >> 8 & 0xff) - g, db = (rgb[i] & 0xff) - b;
            var distance = dr * dr + dg * dg + db * db;
            if (distance < least) {
                least = distance;
                best = i;
            }
        }
        return best;
    }
}
