package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.List;
import org.zoetrope.tensor.Tensor;

/// Spatial-temporal decoupled guidance without gradients of the network: the difference of the estimated clean latents
/// and the source, `D0`, is split into its mean over time (appearance) and the rest (motion), and each is drawn to zero
/// with its own strength inside and outside the mask. It is the gradient of half the weighted square of both parts. The
/// published guidance (arXiv 2411.17592, section 3.3) measures the same two things on attention maps and keys of a U-Net.
///
/// @param motionInside      weight of the part that changes over time, where the edit acts
/// @param motionOutside     the same elsewhere
/// @param appearanceInside  weight of the mean over time, where the edit acts
/// @param appearanceOutside the same elsewhere
public record LatentStatistics(double motionInside, double motionOutside, double appearanceInside,
        double appearanceOutside) {
    public LatentStatistics {
        require(motionInside >= 0 && motionOutside >= 0 && appearanceInside >= 0 && appearanceOutside >= 0,
                "weights of guidance must not be negative");
    }

    /// The published weights: motion everywhere, appearance outside only.
    public static LatentStatistics published() {
        return new LatentStatistics(0.5, 0.5, 0, 0.5);
    }

    /// Everything is drawn to the source alike.
    public static LatentStatistics attraction(double strength) {
        return new LatentStatistics(strength, strength, strength, strength);
    }

    /// One latent frame is its own mean.
    List<String> caveats(ClipShape clip) {
        return clip.tokens() > 1 || motionInside + motionOutside == 0 ? List.of()
                : List.of("the model sees the clip as one frame, in which nothing moves: only its appearance is held");
    }

    /// @param clean estimate of the clean latents [1, T, C, H, W]
    /// @return shaped like clean; without a mask everything is outside
    Tensor gradient(Tensor clean, EditTask task) {
        var difference = clean.minus(task.source());
        var appearance = difference.mean(true, 1).expand(difference.shape());
        var motion = difference.minus(appearance);
        var outside = motion.times(motionOutside).plus(appearance.times(appearanceOutside));
        if (task.mask().weights().isEmpty()) {
            return outside;
        }
        var inside = motion.times(motionInside).plus(appearance.times(appearanceInside));
        return outside.plus(task.masked(inside.minus(outside)));
    }
}
