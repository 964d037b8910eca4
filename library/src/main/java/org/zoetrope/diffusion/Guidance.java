package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.zoetrope.tensor.Tensor;

/// How the prompted and the unprompted prediction are combined, in the space the network predicts in.
///
/// All kinds are classifier-free guidance `g = uncond + s (cond - uncond)` (arXiv 2207.12598) with a scale s of their
/// own: 1 is the prompted prediction, 0 the unprompted. Papers that write `(1 + w) cond - w uncond` mean s = 1 + w;
/// convert where the number is read.
public sealed interface Guidance {
    /// The prompted prediction alone.
    record Off() implements Guidance {}

    /// One scale for the whole run.
    record ClassifierFree(double scale) implements Guidance {}

    /// One scale, and the standard deviation of every sample brought back towards that of the prompted prediction
    /// (arXiv 2305.08891, section 3.4).
    ///
    /// @param phi how far, 0 (not at all) to 1; 0.7 in the paper
    record Rescaled(double scale, double phi) implements Guidance {
        public Rescaled {
            require(phi >= 0 && phi <= 1, "guidance_rescale must be within 0 .. 1, found %s", phi);
        }
    }

    /// CogVideoX's dynamic guidance: `1 + scale (1 - cos(pi u^5)) / 2`.
    ///
    /// @param clock what u is
    record Dynamic(double scale, Clock clock) implements Guidance {}

    /// What drives [Dynamic].
    enum Clock {
        /// `u = (n - timestep) / n`, as both public code bases compute it: with n steps and timesteps up to 999 the
        /// scale jumps about. For parity.
        TIMESTEP,
        /// `u = index / n`: the scale rises smoothly from 1 to 1 + scale.
        STEP_INDEX
    }

    /// One scale while the share of noise is within an interval, and no guidance outside (arXiv 2404.07724).
    ///
    /// @param low  [Level#noiseShare()] from which on, 0 to 1
    /// @param high [Level#noiseShare()] up to which
    record Interval(double scale, double low, double high) implements Guidance {
        public Interval {
            require(low <= high, "a guidance interval from %s to %s is empty", low, high);
        }
    }

    /// A scale that changes evenly from the first to the last frame (Stable Video Diffusion).
    ///
    /// @param axis which axis of the prediction counts frames
    record Ramp(double first, double last, int axis) implements Guidance {}

    /// A high scale for some steps, then high and low in turn (Imagen Video, arXiv 2210.02303, section 2.5).
    record Oscillating(double high, double low, int highSteps) implements Guidance {}

    /// The denoiser a sampler sees. The unprompted branch is not called where its scale is exactly 1.
    default Denoiser guide(Denoiser cond, Denoiser uncond) {
        return (x, step) -> needsUncond(step) ? combine(cond.predict(x, step), uncond.predict(x, step), step)
                : cond.predict(x, step);
    }

    /// Whether the unprompted prediction counts at this step.
    default boolean needsUncond(Step step) {
        return this instanceof Ramp || scale(step) != 1;
    }

    /// The guided prediction.
    ///
    /// @param cond   prompted prediction [B, ...]
    /// @param uncond unprompted prediction, shaped like cond
    default Tensor combine(Tensor cond, Tensor uncond, Step step) {
        var change = cond.minus(uncond);
        return switch (this) {
            case Ramp(var first, var last, var axis) -> uncond.plus(change.times(ramp(first, last, axis, cond)));
            case Rescaled(var scale, var phi) -> {
                var guided = uncond.plus(change.times(scale));
                var axes = LongStream.range(1, cond.rank()).toArray();
                var matched = guided.times(cond.std(true, axes).div(guided.std(true, axes)));
                yield matched.times(phi).plus(guided.times(1 - phi));
            }
            case Off() -> cond;
            case ClassifierFree _,Dynamic _,Interval _,Oscillating _ -> uncond.plus(change.times(scale(step)));
        };
    }

    /// The scale at a step; for a [Ramp] that of the last frame.
    default double scale(Step step) {
        return switch (this) {
            case Off() -> 1;
            case ClassifierFree(var scale) -> scale;
            case Rescaled(var scale, _) -> scale;
            case Dynamic(var scale, var clock) -> {
                double n = step.total();
                var u = switch (clock) {
                    case TIMESTEP -> (n - step.timestep()) / n;
                    case STEP_INDEX -> step.index() / n;
                };
                yield 1 + scale * (1 - Math.cos(Math.PI * Math.pow(u, 5))) / 2;
            }
            case Interval(var scale, var low, var high) -> {
                var share = step.at().noiseShare();
                yield low <= share && share <= high ? scale : 1;
            }
            case Ramp(_, var last, _) -> last;
            case Oscillating(var high, var low, var highSteps) ->
                step.index() < highSteps || (step.index() - highSteps) % 2 == 1 ? high : low;
        };
    }

    private static Tensor ramp(double first, double last, int axis, Tensor like) {
        var frames = Math.toIntExact(like.size(axis));
        var shape = new long[like.rank()];
        Arrays.fill(shape, 1);
        shape[axis] = frames;
        return Tensor.of(Spacing.line(first, last, frames), shape).like(like);
    }
}
