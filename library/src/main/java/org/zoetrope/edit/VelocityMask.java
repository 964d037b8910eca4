package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Where the two prompts disagree: per latent cell the length over channels of `v(x, c_t) - v(x, c_s)` at the same x,
/// averaged over draws of noise and smoothed over neighbouring cells. It needs no look inside the network. Our own proposal; on
/// a toy model it found the edited object better than attention did.
///
/// Several levels are needed: a network asked at a middle level reads the background from the clip and hears no word about it,
/// and at the noisiest ones it does not know yet where an object is. A background far from the usual is read at any level at
/// all, since a thousand cells say the same: of a white one the words are heard in pure noise alone.
///
/// The border between what is edited and what is not is the one that splits the cells into two groups, each as even as can be
/// (Otsu 1979, "A threshold selection method from gray-level histograms"). A mean would be too low where little is edited and
/// too high where nearly everything is. Where more than a quarter of the clip is above that border, a background changes, and
/// the border is a quarter of it.
///
/// @param sigmas levels to look at; each is taken at the nearest step of the run
/// @param draws  draws of noise at each level
/// @param margin cells around those found that belong to the mask too
public record VelocityMask(List<Double> sigmas, int draws, double margin) {
    /// Draws far from those of any method, so that looking for a mask does not spend their noise.
    private static final int FIRST_DRAW = 1 << 20;

    /// What is above the border where an object changes is 5 to 23 % of a clip, where its background changes 30 to 91 %
    /// (38 edits of the bundled models).
    private static final double WIDE = 0.25;
    private static final double LOWERED = 0.25;

    public VelocityMask {
        sigmas = List.copyOf(sigmas);
        require(!sigmas.isEmpty() && draws >= 1 && margin >= 0,
                "a velocity mask needs at least one level and one draw, and no negative margin; found %s, %d, %s", sigmas,
                draws, margin);
    }

    /// Two draws at four levels, from pure noise to a little more than half, and a margin of one cell.
    public static VelocityMask defaults() {
        return new VelocityMask(List.of(1.0, 0.97, 0.8, 0.6), 2, 1);
    }

    /// Evaluations of [#find].
    public long evaluations(int windows) {
        return 2L * sigmas.size() * draws * windows;
    }

    /// The cells of a task's clip.
    public LatentMask find(EditTask task) {
        return Scope.run(() -> {
            var map = smooth(map(task));                                                          // [T, H, W]
            return LatentMask.above(map, lowered(map.toDoubles())).grown(margin);
        });
    }

    private Tensor map(EditTask task) {
        var start = Tensor.zeros(task.source().dtype(), task.source().device(), task.source().size(1),
                task.source().size(3), task.source().size(4));
        return Scope.fold(start, sigmas, (sum, sigma) -> {
            var step = task.nearest(sigma);
            return Scope.fold(sum, IntStream.range(0, draws).boxed().toList(), (total, draw) -> {
                var x = step.at().noisy(task.source(), task.noise(step, FIRST_DRAW + draw));
                var change = task.sourceVelocity(x, step, 1).minus(task.targetVelocity(x, step, 1));
                return total.plus(change.square().sum(false, 2).sqrt().select(0, 0));
            });
        });
    }

    /// The weighted mean of a cell and its eight neighbours in the same frame, (1 2 1) along each axis.
    private static Tensor smooth(Tensor map) {
        var kernel = Tensor.of(new float[] {1, 2, 1, 2, 4, 2, 1, 2, 1}, 1, 1, 3, 3);
        var ones = Tensor.ones(1, 1, map.size(1), map.size(2));
        var sums = map.to(DType.FLOAT32).unsqueeze(1).conv2d(kernel, null, 1, 1);
        return sums.div(ones.conv2d(kernel, null, 1, 1)).squeeze(1);
    }

    /// The border, lower where much is above it: a background then changes, and does so unevenly, so that the border would run
    /// through the middle of it.
    static double lowered(double[] values) {
        var border = border(values);
        var wide = Arrays.stream(values).filter(value -> value > border).count() > WIDE * values.length;
        return wide ? LOWERED * border : border;
    }

    /// The border with the largest variance between what is below and what is above: the greatest value below it.
    static double border(double[] values) {
        var sorted = values.clone();
        Arrays.sort(sorted);
        double all = Arrays.stream(sorted).sum(), below = 0, best = 0;
        var border = sorted[sorted.length - 1];
        for (var i = 0; i < sorted.length - 1; i++) {
            below += sorted[i];
            double share = (i + 1.0) / sorted.length, apart = (all - below) / (sorted.length - i - 1) - below / (i + 1);
            var between = share * (1 - share) * apart * apart;
            if (between > best && sorted[i] < sorted[i + 1]) {
                best = between;
                border = sorted[i];
            }
        }
        return border;
    }
}
