package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.List;
import java.util.stream.IntStream;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Where the two prompts disagree: per latent cell the length over channels of `v(x, c_t) - v(x, c_s)` at the same x,
/// averaged over draws of noise. It needs no look inside the network. Our own proposal; on a toy model it found the edited
/// object better than attention did.
///
/// @param sigmas levels to look at; each is taken at the nearest step of the run
/// @param draws  draws of noise at each level
/// @param factor cells above this many times the mean of the clip are inside
public record VelocityMask(List<Double> sigmas, int draws, double factor) {
    /// Draws far from those of any method, so that looking for a mask does not spend their noise.
    private static final int FIRST_DRAW = 1 << 20;

    public VelocityMask {
        sigmas = List.copyOf(sigmas);
        require(!sigmas.isEmpty() && draws >= 1 && factor > 0,
                "a velocity mask needs at least one level and one draw, and a positive factor; found %s, %d, %s", sigmas,
                draws, factor);
    }

    /// Two draws at two middle levels, cells above the mean.
    public static VelocityMask defaults() {
        return new VelocityMask(List.of(0.7, 0.5), 2, 1);
    }

    /// Evaluations of [#find].
    public long evaluations(int windows) {
        return 2L * sigmas.size() * draws * windows;
    }

    /// The cells of a task's clip.
    public LatentMask find(EditTask task) {
        return Scope.run(() -> {
            var map = map(task);                                                                  // [T, H, W]
            return LatentMask.above(map, factor * map.mean().item());
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
}
