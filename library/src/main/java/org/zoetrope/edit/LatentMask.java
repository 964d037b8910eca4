package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.zoetrope.tensor.Tensor;

/// The cells of the latents that an edit is about.
///
/// @param cells one grid for each latent frame, row by row [height, width]
public record LatentMask(int height, int width, List<boolean[]> cells) {
    public LatentMask {
        cells = List.copyOf(cells);
        require(!cells.isEmpty() && cells.stream().allMatch(frame -> frame.length == height * width),
                "a latent mask of %d x %d needs one grid of %d cells for each latent frame", height, width,
                height * width);
    }

    /// The cells where a map exceeds a threshold.
    ///
    /// @param map [T, H, W]
    public static LatentMask above(Tensor map, double threshold) {
        var frames = (int) map.size(0);
        int height = (int) map.size(1), width = (int) map.size(2);
        var values = map.toDoubles();
        var cells = new ArrayList<boolean[]>();
        for (var f = 0; f < frames; f++) {
            var frame = new boolean[height * width];
            for (var at = 0; at < frame.length; at++) {
                frame[at] = values[f * frame.length + at] > threshold;
            }
            cells.add(frame);
        }
        return new LatentMask(height, width, cells);
    }

    /// Reads back [#weights(SoftEdge)] with a hard edge.
    static LatentMask stored(Tensor weights) {
        return above(weights.select(0, 0).select(1, 0), 0.5);
    }

    /// No cell.
    public static LatentMask empty(int frames, int height, int width) {
        return new LatentMask(height, width, IntStream.range(0, frames).mapToObj(_ -> new boolean[height * width])
                .toList());
    }

    public int frames() {
        return cells.size();
    }

    /// The share of cells that are inside.
    public double area() {
        var inside = 0L;
        for (var frame : cells) {
            for (var cell : frame) {
                inside += cell ? 1 : 0;
            }
        }
        return inside / ((double) frames() * height * width);
    }

    /// The cells inside either mask. Frames of the other one are laid over this one's from `start` on.
    public LatentMask or(LatentMask other, int start) {
        require(other.height == height && other.width == width && start >= 0 && start + other.frames() <= frames(),
                "a mask of %d x %d x %d from frame %d does not lie within %d x %d x %d", other.frames(), other.height,
                other.width, start, frames(), height, width);
        var all = new ArrayList<boolean[]>();
        for (var f = 0; f < frames(); f++) {
            var frame = cells.get(f).clone();
            if (f >= start && f < start + other.frames()) {
                var more = other.cells.get(f - start);
                for (var at = 0; at < frame.length; at++) {
                    frame[at] |= more[at];
                }
            }
            all.add(frame);
        }
        return new LatentMask(height, width, all);
    }

    /// Cells inside both masks as a share of those inside either; 1 if there are none.
    public double overlap(LatentMask other) {
        require(other.height == height && other.width == width && other.frames() == frames(),
                "masks of %d x %d x %d and %d x %d x %d do not compare", frames(), height, width, other.frames(),
                other.height, other.width);
        long both = 0, either = 0;
        for (var f = 0; f < frames(); f++) {
            for (var at = 0; at < height * width; at++) {
                both += cells.get(f)[at] && other.cells.get(f)[at] ? 1 : 0;
                either += cells.get(f)[at] || other.cells.get(f)[at] ? 1 : 0;
            }
        }
        return either == 0 ? 1 : (double) both / either;
    }

    /// The mask with every cell within this distance of one inside, in cells.
    public LatentMask grown(double distance) {
        return new LatentMask(height, width, cells.stream().map(frame -> {
            var far = DistanceTransform.of(frame, height, width);
            var grown = new boolean[frame.length];
            for (var at = 0; at < grown.length; at++) {
                grown[at] = far[at] <= distance;
            }
            return grown;
        }).toList());
    }

    /// Weights of an edit: [1, T, 1, H, W], float32.
    public Tensor weights(SoftEdge edge) {
        var values = new float[frames() * height * width];
        for (var f = 0; f < frames(); f++) {
            var far = DistanceTransform.of(cells.get(f), height, width);
            for (var at = 0; at < far.length; at++) {
                values[f * far.length + at] = (float) edge.weight(far[at]);
            }
        }
        return Tensor.of(values, 1, frames(), 1, height, width);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LatentMask mask && mask.height == height && mask.width == width
                && Arrays.deepEquals(mask.cells.toArray(), cells.toArray());
    }

    @Override
    public int hashCode() {
        return Arrays.deepHashCode(cells.toArray());
    }

    @Override
    public String toString() {
        return "LatentMask[%d x %d x %d, %.0f %% inside]".formatted(frames(), height, width, 100 * area());
    }
}
