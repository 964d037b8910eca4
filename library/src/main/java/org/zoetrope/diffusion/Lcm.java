package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.ArrayList;
import org.zoetrope.tensor.Tensor;

/// Sampling from a latent consistency model (arXiv 2310.04378): every call jumps to the clean sample, and noise of the
/// next level is put back. One draw a step, none on the last.
///
/// The consistency function keeps the state at timestep 0: `c_skip z + c_out x` with
/// `c_skip = 0.25 / (s^2 + 0.25)`, `c_out = s / sqrt(s^2 + 0.25)`, `s = timestepScaling t`.
///
/// @param distilledSteps  steps of the solver the model was distilled from; runs pick among their timesteps
/// @param timestepScaling 10 as published
public record Lcm(NoiseSchedule schedule, Prediction prediction, int distilledSteps, double timestepScaling, Clip clip)
        implements Sampler {
    /// The standard deviation of the data in the consistency function.
    private static final double DATA_STD = 0.5;

    public Lcm {
        require(distilledSteps >= 1 && distilledSteps <= schedule.trainSteps(),
                "original_inference_steps %d is not within 1 .. %d", distilledSteps, schedule.trainSteps());
    }

    @Override
    public Plan plan(int steps) {
        return plan(steps, 1);
    }

    /// All the steps, in the cleaner part of the schedule.
    @Override
    public Plan plan(int steps, double strength) {
        require(strength > 0 && strength <= 1, "strength must be over 0 and at most 1, found %s", strength);
        var origin = (int) (distilledSteps * strength);
        require(steps >= 1 && steps <= origin, "%d steps; a model distilled from %d steps takes 1 to %d at strength %s",
                steps, distilledSteps, origin, strength);
        var stride = schedule.trainSteps() / distilledSteps;
        var timesteps = new double[steps];
        var levels = new ArrayList<Level>();
        for (var i = 0; i < steps; i++) {
            var place = (int) Math.floor(i * ((double) origin / steps));
            timesteps[i] = (origin - place) * stride - 1;
            levels.add(schedule.level((int) timesteps[i]));
        }
        levels.add(schedule.end(true));
        return Plan.through(timesteps, levels, 1);
    }

    @Override
    public Level level(double timestep) {
        return schedule.level((int) timestep);
    }

    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        var clean = clip.apply(prediction().clean(state.x(), prediction, step.from()));
        var s = step.from().signal().of(step.timestep() * timestepScaling);
        var power = s.square().plus(DATA_STD * DATA_STD);
        var denoised = new Mix(s.div(power.sqrt()).value(), power.inverse().times(DATA_STD * DATA_STD).value())
                .of(clean, state.x());
        return state.next(step.isLast() ? denoised : step.to().noisy(denoised, noise.like(denoised)));
    }
}
