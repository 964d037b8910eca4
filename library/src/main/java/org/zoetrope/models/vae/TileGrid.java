package org.zoetrope.models.vae;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.List;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Overlapping tiles of a picture whose seams are blended: their size and distance on the way into a network, the width
/// of a seam and their size on the way out of it.
record TileGrid(int inHeight, int inWidth, int stepHeight, int stepWidth, int seamHeight, int seamWidth, int outHeight,
        int outWidth) {
    TileGrid {
        require(stepHeight > 0 && stepWidth > 0, "tiles of %d x %d are too small for their overlap", inHeight, inWidth);
        // Otherwise the tiles would not add up to the picture.
        require((long) stepHeight * outHeight == (long) (outHeight - seamHeight) * inHeight
                && (long) stepWidth * outWidth == (long) (outWidth - seamWidth) * inWidth,
                "tiles of %d x %d do not overlap by whole latents: every %d x %d on the way in, seams of %d x %d on the "
                        + "way out",
                inHeight, inWidth, stepHeight, stepWidth, seamHeight, seamWidth);
    }

    /// Whether this picture is larger than one tile.
    boolean cuts(Tensor input) {
        return input.size(3) > inHeight || input.size(4) > inWidth;
    }

    int tiles(Tensor input) {
        return count(input.size(3), stepHeight) * count(input.size(4), stepWidth);
    }

    private static int count(long size, int step) {
        return (int) ((size + step - 1) / step);
    }

    /// Runs every tile of [B, C, F, H, W] with a memory of its own and puts the results together.
    Tensor apply(Tensor input, List<FeatureCache> caches, CausalNetwork network) {
        var rows = count(input.size(3), stepHeight);
        var columns = count(input.size(4), stepWidth);
        var above = new Tensor[columns];
        var lines = new ArrayList<Tensor>();
        for (var i = 0; i < rows; i++) {
            var pieces = new ArrayList<Tensor>();
            Tensor left = null;
            for (var j = 0; j < columns; j++) {
                var cache = caches.get(i * columns + j);
                var piece = tile(input, i * stepHeight, j * stepWidth);
                var tile = Scope.run(() -> network.forward(piece, cache));
                tile = i > 0 ? blend(above[j], tile, 3, seamHeight) : tile;
                tile = left != null ? blend(left, tile, 4, seamWidth) : tile;
                above[j] = tile;
                left = tile;
                var kept = tile.narrow(3, 0, Math.min(tile.size(3), outHeight - seamHeight));
                pieces.add(kept.narrow(4, 0, Math.min(tile.size(4), outWidth - seamWidth)));
            }
            lines.add(Tensor.cat(pieces, 4));
        }
        return Tensor.cat(lines, 3);
    }

    private Tensor tile(Tensor input, long top, long start) {
        return input.narrow(3, top, Math.min(inHeight, input.size(3) - top))
                .narrow(4, start, Math.min(inWidth, input.size(4) - start));
    }

    /// Fades from the end of one tile into the start of the next along an axis.
    private static Tensor blend(Tensor before, Tensor tile, int axis, int wanted) {
        var seam = Math.min(Math.min(before.size(axis), tile.size(axis)), wanted);
        if (seam == 0) {
            return tile;
        }
        var weights = new float[(int) seam];
        for (var i = 0; i < seam; i++) {
            weights[i] = (float) i / seam;
        }
        var shape = axis == 3 ? new long[] {1, 1, 1, seam, 1} : new long[] {1, 1, 1, 1, seam};
        var in = Tensor.of(weights, shape).like(tile);
        var old = before.narrow(axis, before.size(axis) - seam, seam);
        var faded = old.times(in.negate().plus(1)).plus(tile.narrow(axis, 0, seam).times(in));
        return Tensor.cat(List.of(faded, tile.narrow(axis, seam, tile.size(axis) - seam)), axis);
    }
}
