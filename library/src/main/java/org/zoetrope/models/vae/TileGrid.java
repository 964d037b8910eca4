package org.zoetrope.models.vae;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

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

    /// Runs every tile of [B, C, F, H, W], one after the other, and puts the results together.
    Tensor apply(Tensor input, UnaryOperator<Tensor> network) {
        var lines = new ArrayList<Tensor>();
        var above = List.<Tensor>of();
        for (var top = 0L; top < input.size(3); top += stepHeight) {
            long start = top;
            var before = above;
            var row = Scope.run(() -> row(input, start, before, network));
            before.forEach(Tensor::close);
            lines.add(row.line);
            above = row.ends;
        }
        return Tensor.cat(lines, 3);
    }

    /// A row of tiles.
    ///
    /// @param line the part of the picture that no tile below changes
    /// @param ends of each tile, what fades into the tile below
    private record Row(Tensor line, List<Tensor> ends) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return Stream.concat(Stream.of(line), ends.stream()).toList();
        }
    }

    private Row row(Tensor input, long top, List<Tensor> above, UnaryOperator<Tensor> network) {
        var tiles = new ArrayList<Tensor>();
        for (var start = 0L; start < input.size(4); start += stepWidth) {
            var piece = tile(input, top, start);
            tiles.add(Scope.run(() -> {
                var own = network.apply(piece);
                var under = above.isEmpty() ? own : blend(above.get(tiles.size()), own, 3, seamHeight);
                return tiles.isEmpty() ? under : blend(tiles.getLast(), under, 4, seamWidth);
            }));
        }
        var pieces = tiles.stream().map(tile -> tile.narrow(3, 0, Math.min(tile.size(3), outHeight - seamHeight))
                .narrow(4, 0, Math.min(tile.size(4), outWidth - seamWidth))).toList();
        return new Row(Tensor.cat(pieces, 4), tiles.stream().map(tile -> end(tile, 3, seamHeight).copy()).toList());
    }

    private static Tensor end(Tensor tile, int axis, long wanted) {
        var seam = Math.min(tile.size(axis), wanted);
        return tile.narrow(axis, tile.size(axis) - seam, seam);
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
        var faded = end(before, axis, seam).times(in.negate().plus(1)).plus(tile.narrow(axis, 0, seam).times(in));
        return Tensor.cat(List.of(faded, tile.narrow(axis, seam, tile.size(axis) - seam)), axis);
    }
}
