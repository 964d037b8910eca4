package org.zoetrope.edit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.zoetrope.media.Frames;
import org.zoetrope.media.Resize;
import org.zoetrope.pipeline.Geometry;
import org.zoetrope.pipeline.RequestException;

/// The pixels of a clip that somebody marked: one picture for every frame, or one for all.
///
/// @param protects the mask marks what is to stay; the edit is about everything else
/// @param frames   row by row [height, width]
public record PixelMask(int width, int height, boolean protects, List<boolean[]> frames) {
    private static final int BRIGHT = 128; // a mask that went through a lossy codec is not quite black and white

    public PixelMask {
        frames = List.copyOf(frames);
    }

    /// A clip of black and white, white inside: a picture for a still mask, or one for every frame.
    public static PixelMask of(Frames clip, boolean protects) {
        return new PixelMask(clip.width(), clip.height(), protects, clip.images().stream().map(image -> {
            var inside = new boolean[clip.width() * clip.height()];
            for (int at = 0, from = 0; at < inside.length; at++, from += Frames.CHANNELS) {
                inside[at] = ((image[from] & 0xff) + (image[from + 1] & 0xff) + (image[from + 2] & 0xff)) / 3 >= BRIGHT;
            }
            return inside;
        }).toList());
    }

    /// The pixels in which two clips of one size differ.
    public static PixelMask changed(Frames before, Frames after) {
        return of(Frames.paint(before.width(), before.height(), before.fps(), before.count(),
                (f, x, y) -> before.pixel(f, x, y) == after.pixel(f, x, y) ? 0 : 0xffffff), false);
    }

    /// A rectangle of pixels, the same in every frame.
    ///
    /// @param left   first column of it
    /// @param top    first row of it
    /// @param width  of the clip
    /// @param height of the clip
    /// @throws RequestException if the rectangle does not lie within the clip
    public static PixelMask box(int left, int top, int boxWidth, int boxHeight, int width, int height,
            boolean protects) {
        if (left < 0 || top < 0 || boxWidth < 1 || boxHeight < 1 || left + (long) boxWidth > width
                || top + (long) boxHeight > height) {
            throw new RequestException("the box cannot be used", List.of(
                    "%d,%d,%d,%d reaches outside the video of %d x %d; give X,Y,WIDTH,HEIGHT in its pixels".formatted(left,
                            top, boxWidth, boxHeight, width, height)));
        }
        var inside = new boolean[width * height];
        for (var y = top; y < top + boxHeight; y++) {
            Arrays.fill(inside, y * width + left, y * width + left + boxWidth, true);
        }
        return new PixelMask(width, height, protects, List.of(inside));
    }

    /// What keeps this mask from fitting a clip; empty if nothing does.
    List<String> misfits(Frames clip) {
        var problems = new ArrayList<String>();
        if (width != clip.width() || height != clip.height()) {
            problems.add("the mask has %d x %d pixels, the video %d x %d; make them the same".formatted(width, height,
                    clip.width(), clip.height()));
        }
        if (frames.size() != 1 && frames.size() != clip.count()) {
            problems.add("the mask has %d frames, the video %d; give one picture for all frames, or one for each"
                    .formatted(frames.size(), clip.count()));
        }
        return problems;
    }

    /// The mask on the grid of the latents.
    ///
    /// A latent frame stands for several frames, a cell for many pixels. A cell belongs to an edit if it touches the mask
    /// in any of its frames; where the mask protects, a cell may change only if at least half of it is free in all of them.
    ///
    /// @param fit how the clip is brought to the model
    LatentMask latent(ClipFit fit, Geometry geometry) {
        var shares = scaled(fit);
        int rows = fit.height() / geometry.strideXY(), columns = fit.width() / geometry.strideXY();
        var padding = geometry.padding(fit.frames());
        var cells = new ArrayList<boolean[]>();
        for (var latent = 0; latent < padding + geometry.latentFrames(fit.frames()); latent++) {
            var share = new double[rows * columns]; // of the marked pixels, the largest of the group
            for (var f = 0; f < fit.frames(); f++) {
                if (geometry.latentFrame(f) == Math.max(0, latent - padding)) {
                    pool(shares.images().get(Math.min(f, shares.count() - 1)), share, fit.width(),
                            geometry.strideXY(), columns);
                }
            }
            var inside = new boolean[share.length];
            for (var at = 0; at < share.length; at++) {
                inside[at] = protects ? share[at] <= 0.5 : share[at] > 0;
            }
            cells.add(inside);
        }
        return new LatentMask(rows, columns, cells);
    }

    /// The mask as a clip at the model's size, white inside.
    private Frames scaled(ClipFit fit) {
        var images = frames.stream().map(inside -> {
            var image = new byte[inside.length * Frames.CHANNELS];
            for (var at = 0; at < inside.length; at++) {
                Arrays.fill(image, at * Frames.CHANNELS, (at + 1) * Frames.CHANNELS, (byte) (inside[at] ? 255 : 0));
            }
            return image;
        }).toList();
        return Resize.scaled(new Frames(width, height, 1, images), fit.width(), fit.height()).frames();
    }

    private static void pool(byte[] image, double[] share, int width, int stride, int columns) {
        var sums = new double[share.length];
        for (var at = 0; at < image.length / Frames.CHANNELS; at++) {
            sums[at / width / stride * columns + at % width / stride] += (image[at * Frames.CHANNELS] & 0xff) / 255.0;
        }
        for (var at = 0; at < share.length; at++) {
            share[at] = Math.max(share[at], sums[at] / stride / stride);
        }
    }
}
