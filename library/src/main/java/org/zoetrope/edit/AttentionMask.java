package org.zoetrope.edit;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.zoetrope.nn.AttentionTap;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Where the words of an edit are, read from the network's attention while both prompted velocities are evaluated: the
/// mask of FlowDirector.
///
/// A map says how much the video tokens look at a phrase (and, in joint attention, how much the phrase looks at them),
/// averaged over heads, watched blocks and the tokens of the phrase. It is brought to the grid of the latents, divided by
/// its maximum and smoothed by an 11 x 11 mean; cells above the mean of the unsmoothed map are inside. The masks of both
/// phrases, of all windows and of all draws of a step are united.
final class AttentionMask implements EditMask {
    private static final int POOL = 11;

    private final Set<Integer> blocks;
    private final int[] sourceColumns;
    private final int[] targetColumns;
    private final TokenGrid grid;
    private final SoftEdge edge;
    private LatentMask now;
    private LatentMask ever;

    /// @param blocks        watched blocks
    /// @param sourceColumns text tokens of the phrase in the source prompt; none for an addition
    /// @param targetColumns text tokens of the phrase in the target prompt
    /// @param shape         of the latents [1, T, C, H, W]
    AttentionMask(Set<Integer> blocks, int[] sourceColumns, int[] targetColumns, TokenGrid grid, SoftEdge edge,
            long[] shape) {
        this.blocks = Set.copyOf(blocks);
        this.sourceColumns = sourceColumns.clone();
        this.targetColumns = targetColumns.clone();
        this.grid = grid;
        this.edge = edge;
        ever = LatentMask.empty((int) shape[1], (int) shape[3], (int) shape[4]);
        now = ever;
    }

    @Override
    public void beginStep() {
        now = LatentMask.empty(ever.frames(), ever.height(), ever.width());
    }

    @Override
    public void goOn(LatentMask found) {
        ever = ever.or(found, 0);
    }

    @Override
    public Tensor watch(Side side, int start, Function<Pass, Tensor> call) {
        var columns = side == Side.SOURCE ? sourceColumns : targetColumns;
        if (columns.length == 0) {
            return call.apply(Pass.plain());
        }
        var maps = new ArrayList<double[]>();
        var velocity = call.apply(Pass.watched(new AttentionTap() {
            @Override
            public boolean watches(int block) {
                return blocks.contains(block);
            }

            @Override
            public void see(int block, Site site) {
                phraseMaps(site, columns).forEach(maps::add);
            }
        }));
        var found = binarised(maps, velocity.size(1));
        now = now.or(found, start);
        ever = ever.or(found, start);
        return velocity;
    }

    @Override
    public Optional<Tensor> weights() {
        return Optional.of(now.weights(edge));
    }

    @Override
    public Optional<LatentMask> inside() {
        return Optional.of(ever);
    }

    /// What one attention says of a phrase, each map [V] with the maximum 1.
    static List<double[]> phraseMaps(AttentionTap.Site site, int[] columns) {
        return Scope.run(() -> {
            var wanted = Tensor.of(IntStream.of(columns).asLongStream().toArray(), columns.length)
                    .to(site.q().device());
            var maps = new ArrayList<double[]>();
            if (site.kind() != AttentionTap.Kind.SELF) {
                // Softmax over the text alone: in joint attention the row's probability of text is divided out.
                maps.add(overHeads(site.videoQueries(), site.textKeys(), site.scale(),
                        p -> p.indexSelect(-1, wanted).mean(false, -1)));
            }
            if (site.kind() == AttentionTap.Kind.JOINT) {
                maps.add(overHeads(site.textQueries().indexSelect(2, wanted), site.videoKeys(), site.scale(),
                        p -> p.mean(false, 0)));
            }
            return maps;
        });
    }

    /// The mean over heads of what probabilities [queries, keys] say of each video token. Head by head: all scores of a
    /// large network at once are gigabytes.
    private static double[] overHeads(Tensor q, Tensor k, double scale, Function<Tensor, Tensor> read) {
        var heads = (int) q.size(1);
        var sum = Scope.fold(Tensor.zeros(1), IntStream.range(0, heads).boxed().toList(), (total, head) -> {
            var scores = q.select(0, 0).select(0, head).to(DType.FLOAT32)
                    .matmul(k.select(0, 0).select(0, head).to(DType.FLOAT32).transpose(0, 1)).times(scale);
            return total.plus(read.apply(scores.softmax(-1)).to(Device.CPU));
        });
        var values = sum.toDoubles();
        var most = 0.0;
        for (var value : values) {
            most = Math.max(most, value);
        }
        for (var at = 0; at < values.length && most > 0; at++) {
            values[at] /= most;
        }
        return values;
    }

    /// Where maps of phrases are above their mean, once smoothed.
    LatentMask binarised(List<double[]> maps, long frames) {
        int height = ever.height(), width = ever.width();
        if (maps.isEmpty()) {
            return LatentMask.empty((int) frames, height, width);
        }
        var rows = height / grid.patch();
        var columns = width / grid.patch();
        var tokens = new double[maps.getFirst().length];
        for (var map : maps) {
            for (var at = 0; at < tokens.length; at++) {
                tokens[at] += map[at] / maps.size();
            }
        }
        var mean = 0.0;
        for (var token : tokens) {
            mean += token / tokens.length; // cells of the latents repeat tokens evenly
        }
        var cells = new ArrayList<boolean[]>();
        for (var f = 0; f < frames; f++) {
            var frame = new double[height * width];
            for (var at = 0; at < frame.length; at++) {
                var token = (f / grid.patchFrames() * rows + at / width / grid.patch()) * columns
                        + at % width / grid.patch();
                frame[at] = tokens[token];
            }
            cells.add(above(smoothed(frame, height, width), mean));
        }
        return new LatentMask(height, width, cells);
    }

    /// The 11 x 11 mean with zeros outside the picture; where the picture is smaller, of the largest odd square in it.
    private static double[] smoothed(double[] frame, int height, int width) {
        var reach = Math.min(POOL, (Math.min(height, width) + 1) / 2 * 2 - 1) / 2;
        var smooth = new double[frame.length];
        var area = (2.0 * reach + 1) * (2 * reach + 1);
        for (var at = 0; at < frame.length; at++) {
            int y = at / width, x = at % width;
            for (var v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++) {
                for (var u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach); u++) {
                    smooth[at] += frame[v * width + u] / area;
                }
            }
        }
        return smooth;
    }

    private static boolean[] above(double[] values, double threshold) {
        var cells = new boolean[values.length];
        for (var at = 0; at < cells.length; at++) {
            cells[at] = values[at] > threshold;
        }
        return cells;
    }
}
