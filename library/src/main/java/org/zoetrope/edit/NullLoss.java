package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.Optional;
import org.zoetrope.diffusion.Step;
import org.zoetrope.tensor.Tensor;

/// What null-text minimises: `rho + temporal L_tc + background L_mask`, with e the error of the guided velocity against
/// the velocity v* that leads to the pivot. Our own, but for rho in latents.
///
/// - `rho = mean(e^2) / mean(v*^2)`,
/// - `L_tc = mean((e[f + 1] - e[f])^2) / (2 mean(v*^2))` costs an error that flickers and leaves a constant one alone,
/// - `L_mask` is rho outside the mask of the edit.
///
/// @param space      VELOCITY weighs all steps alike; LATENT weighs them by the square of their width, which is the
///                   published loss and on schedules with short steps next to nothing
/// @param temporal   weight of the flicker of the error
/// @param withFirst  whether the change from the first latent frame to the second counts; in causal autoencoders the first
///                   stands for a single picture
/// @param background weight of the error outside the mask
/// @param critic     weight of a critic's opinion in the last third of the steps, 0 for none, see [Critic]; it adds to the
///                   gradient alone, and does not say which point is best
public record NullLoss(Space space, double temporal, boolean withFirst, double background, double critic) {
    /// What errors are measured in.
    public enum Space {
        VELOCITY, LATENT
    }

    public NullLoss {
        require(temporal >= 0 && background >= 0 && critic >= 0, "weights of a loss must not be negative; found %s, %s, %s",
                temporal, background, critic);
    }

    /// Velocities, with a little against flicker.
    public static NullLoss defaults() {
        return new NullLoss(Space.VELOCITY, 0.25, true, 0, 0);
    }

    /// The error alone.
    public static NullLoss plain() {
        return defaults().temporal(0);
    }

    public NullLoss space(Space other) {
        return new NullLoss(other, temporal, withFirst, background, critic);
    }

    public NullLoss temporal(double weight) {
        return new NullLoss(space, weight, withFirst, background, critic);
    }

    public NullLoss background(double weight) {
        return new NullLoss(space, temporal, withFirst, weight, critic);
    }

    public NullLoss critic(double weight) {
        return new NullLoss(space, temporal, withFirst, background, weight);
    }

    /// @param rho   the error relative to what is wanted
    /// @param total what is minimised, a scalar that gradients flow through
    record Value(double rho, Tensor total) {}

    /// @param error  guided velocity minus wanted velocity [1, T, C, H, W]
    /// @param wanted velocity that leads to the pivot
    /// @param inside weights of the mask [1, T, 1, H, W], 1 where the edit may act
    Value of(Tensor error, Tensor wanted, Optional<Tensor> inside, Step step) {
        var norm = wanted.square().mean().item() + 1e-8;
        var rho = error.square().mean().div(norm);
        var total = rho;
        var first = withFirst ? 0 : 1;
        var pairs = error.size(1) - 1 - first;
        if (temporal > 0 && pairs > 0) {
            var change = error.narrow(1, first + 1, pairs).minus(error.narrow(1, first, pairs));
            total = total.plus(change.square().mean().times(temporal / (2 * norm)));
        }
        if (background > 0 && inside.isPresent()) {
            var outside = inside.get().like(error).negate().plus(1).expand(error.shape());
            var share = outside.mean().item();
            if (share > 0) {
                total = total.plus(error.square().times(outside).mean().times(background / (share * norm)));
            }
        }
        var width = step.to().sigma() - step.from().sigma();
        return new Value(rho.item(), space == Space.LATENT ? total.times(width * width) : total);
    }
}
