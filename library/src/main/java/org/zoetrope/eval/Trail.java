package org.zoetrope.eval;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.zoetrope.media.Frames;
import org.zoetrope.scenes.Colour;
import org.zoetrope.scenes.Scene;

/// One thing followed through a clip by its colour.
///
/// @param rgb   measured colour of its inside
/// @param steps one for each frame in which it was seen
record Trail(double[] rgb, List<Step> steps) {
    /// A thing in one frame.
    ///
    /// @param cover  share of the thing in every pixel of the frame [H, W], 0 away from it
    /// @param x      centre in pixels; the middle of the first pixel is 0.5
    /// @param y      centre in pixels
    /// @param area   in pixels
    record Step(double t, int width, int height, double[] cover, double x, double y, double area) {
        double radius() {
            return Math.sqrt(area / Math.PI);
        }
    }

    /// Half of the distance of 95 between the nearest two of object and background colours.
    private static final double STANDS_OUT = 47;

    /// Share of the picture: 14 pixels of 64 x 64, where the smallest object has 58.
    private static final double LEAST_AREA = 0.0035;

    /// Inner pixels, those whose neighbours look alike, a colour needs per frame to be a thing's and not an edge's.
    private static final double LEAST_INSIDE = 0.0012;

    /// Inside a thing a pixel is like its neighbours; on a sharp edge or in noise it is not.
    private static final double ALIKE = 60;

    /// A pixel farther than this from every mixture of a thing's colour with the background is of neither.
    private static final double OFF_LINE = 70;

    private static final double LASTS = 0.85;
    private static final double NOTICED = 0.2;
    private static final int RIM = 3;

    /// The sightings in picture heights.
    List<Observation.Sighting> path() {
        return steps.stream().map(s -> new Observation.Sighting(s.t(), s.x() / s.height(), s.y() / s.height(),
                s.radius() / s.height())).toList();
    }

    /// Whether the thing is there in nearly all of this many frames.
    boolean isLasting(int frames) {
        return steps.size() >= LASTS * frames;
    }

    /// The things seen in more than a moment of a clip, the largest first.
    static List<Trail> of(Frames clip, Backdrop backdrop) {
        var colours = colours(clip, backdrop);
        if (colours.isEmpty()) {
            return List.of();
        }
        var found = new ArrayList<Trail>();
        // Per colour the largest piece of each frame, then the second largest: two things may share a colour.
        var pieces = IntStream.range(0, clip.count()).mapToObj(f -> pieces(clip, f, backdrop.rgb(), colours)).toList();
        for (var k = 0; k < colours.size(); k++) {
            var colour = k;
            for (var rank = 0; rank < 2; rank++) {
                var r = rank;
                var steps = pieces.stream().map(frame -> frame.get(colour)).filter(p -> p.size() > r)
                        .map(p -> p.get(r)).toList();
                if (steps.size() >= NOTICED * clip.count()) {
                    found.add(new Trail(colours.get(k), steps));
                }
            }
        }
        found.sort(Comparator.comparingDouble(trail -> -trail.steps().stream().mapToDouble(Step::area).sum()));
        return found;
    }

    /// The colours of things: those of the palette that fill an inside, and another that is no mixture of theirs.
    private static List<double[]> colours(Frames clip, Backdrop backdrop) {
        var other = Colour.values().length;
        var inside = Stream.generate(() -> new ArrayList<Integer>()).limit(other + 1).toList();
        for (var f = 0; f < clip.count(); f++) {
            var image = Palette.pixels(clip, f);
            var label = new int[image.length];
            for (var at = 0; at < label.length; at++) {
                var standsOut = Palette.distance(image[at], backdrop.rgb()) >= STANDS_OUT;
                label[at] = standsOut ? Palette.object(image[at]).map(Colour::ordinal).orElse(other) : -1;
            }
            for (var y = 1; y < clip.height() - 1; y++) {
                for (var x = 1; x < clip.width() - 1; x++) {
                    var at = y * clip.width() + x;
                    if (label[at] >= 0 && isInside(image, label, at, clip.width())) {
                        inside.get(label[at]).add(clip.pixel(f, x, y));
                    }
                }
            }
        }
        var least = LEAST_INSIDE * clip.width() * clip.height() * clip.count();
        var colours = new ArrayList<double[]>();
        for (var pixels : inside.subList(0, other)) {
            if (pixels.size() >= least) {
                colours.add(median(pixels));
            }
        }
        var unnamed = inside.get(other);
        if (unnamed.size() >= least && nearest(median(unnamed), backdrop.rgb(), colours)[0] < 0) {
            colours.add(median(unnamed));
        }
        return colours;
    }

    /// Whether all four neighbours have the label and nearly the colour of a pixel.
    private static boolean isInside(double[][] image, int[] label, int at, int width) {
        return IntStream.of(-1, 1, -width, width).map(step -> at + step)
                .allMatch(near -> label[near] == label[at] && Palette.distance(image[at], image[near]) < ALIKE);
    }

    private static double[] median(List<Integer> pixels) {
        return Palette.median(pixels.stream().mapToInt(Integer::intValue).toArray());
    }

    /// For each colour its pieces in one frame, the largest first.
    private static List<List<Step>> pieces(Frames clip, int frame, double[] under, List<double[]> colours) {
        var width = clip.width();
        var image = Palette.pixels(clip, frame);
        var cover = new double[colours.size()][image.length];
        for (var at = 0; at < image.length; at++) {
            var nearest = nearest(image[at], under, colours);
            if (nearest[0] >= 0) {
                cover[(int) nearest[0]][at] = nearest[1];
            }
        }
        var pieces = new ArrayList<List<Step>>();
        for (var share : cover) {
            var taken = new boolean[share.length];
            var steps = new ArrayList<Step>();
            for (var at = 0; at < share.length; at++) {
                if (share[at] > 0.5 && !taken[at]) {
                    var piece = flood(share, taken, at, width);
                    if (piece.length >= LEAST_AREA * share.length) {
                        var t = Scene.moment(frame, clip.count());
                        steps.add(step(t, widened(piece, share, width), width, clip.height()));
                    }
                }
            }
            steps.sort(Comparator.comparingDouble(step -> -step.area()));
            pieces.add(steps);
        }
        return pieces;
    }

    /// The colour whose mixture with the background explains a pixel best, and its share in it; -1 if none does.
    private static double[] nearest(double[] rgb, double[] under, List<double[]> colours) {
        var best = OFF_LINE * OFF_LINE;
        var nearest = new double[] {-1, 0};
        for (var k = 0; k < colours.size(); k++) {
            var over = colours.get(k);
            double along = 0;
            double length = 0;
            for (var c = 0; c < 3; c++) {
                along += (over[c] - under[c]) * (rgb[c] - under[c]);
                length += (over[c] - under[c]) * (over[c] - under[c]);
            }
            var share = Math.clamp(along / length, 0, 1);
            double off = 0;
            for (var c = 0; c < 3; c++) {
                var left = rgb[c] - under[c] - share * (over[c] - under[c]);
                off += left * left;
            }
            if (off < best) {
                best = off;
                nearest[0] = k;
                nearest[1] = share;
            }
        }
        return nearest;
    }

    private static int[] flood(double[] cover, boolean[] taken, int start, int width) {
        var piece = new ArrayList<Integer>();
        var edge = new ArrayDeque<Integer>();
        edge.add(start);
        taken[start] = true;
        while (!edge.isEmpty()) {
            int at = edge.remove();
            piece.add(at);
            for (var dy = -1; dy <= 1; dy++) {
                for (var dx = -1; dx <= 1; dx++) {
                    var next = at + dy * width + dx;
                    var inside = at % width + dx >= 0 && at % width + dx < width && next >= 0 && next < cover.length;
                    if (inside && !taken[next] && cover[next] > 0.5) {
                        taken[next] = true;
                        edge.add(next);
                    }
                }
            }
        }
        return piece.stream().mapToInt(Integer::intValue).toArray();
    }

    /// The shares of a piece and of the pixels around it, where a blurred edge runs out; nothing of the noise beyond.
    private static double[] widened(int[] piece, double[] cover, int width) {
        var near = new double[cover.length];
        var height = cover.length / width;
        for (var at : piece) {
            for (var y = Math.max(0, at / width - RIM); y <= Math.min(height - 1, at / width + RIM); y++) {
                var from = y * width + Math.max(0, at % width - RIM);
                var to = y * width + Math.min(width - 1, at % width + RIM);
                System.arraycopy(cover, from, near, from, to - from + 1);
            }
        }
        return near;
    }

    private static Step step(double t, double[] cover, int width, int height) {
        double area = 0;
        double x = 0;
        double y = 0;
        for (var at = 0; at < cover.length; at++) {
            area += cover[at];
            x += cover[at] * (at % width + 0.5);
            y += cover[at] * (at / width + 0.5);
        }
        return new Step(t, width, height, cover, x / area, y / area, area);
    }
}
