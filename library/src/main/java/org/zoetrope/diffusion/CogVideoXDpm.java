package org.zoetrope.diffusion;

import java.util.List;
import org.zoetrope.tensor.Tensor;

/// CogVideoX's stochastic second-order solver (arXiv 2408.06072, released code). With `lambda = ln(alpha / sigma)`,
/// `h = lambda_p - lambda_t`, `r = h_last / h`:
///
/// `z_p = sigma_p / sigma_t e^-h z + (1 - e^-2h) alpha_p D + sigma_p sqrt(1 - e^-2h) n`,
/// `D = (1 + 1 / 2r) x - 1 / 2r x_last`, and `D = x` on the first and the last step.
///
/// At zero terminal SNR the first h is infinite: the starting noise is used by the network alone. The second step's r
/// is infinite, so it is of first order.
///
/// Draws: one a step for the first-order result and, where the correction replaces it, a second one. The first of two
/// is drawn and dropped, as in the reference, so that a seed gives the reference's video.
public record CogVideoXDpm(NoiseSchedule schedule, Prediction prediction, Spacing spacing, int offset,
        boolean alphaToOne) implements Sampler {
    @Override
    public Plan plan(int steps) {
        var timesteps = spacing.timesteps(schedule.trainSteps(), steps, offset);
        return Ddim.plan(schedule, timesteps, alphaToOne, Ddim.Previous.WHOLE_STRIDE);
    }

    @Override
    public Level level(double timestep) {
        return schedule.level((int) timestep);
    }

    /// Remembers the last predicted clean sample.
    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        Level from = step.from(), to = step.to();
        var clean = prediction().clean(state.x(), prediction, from);
        var h = to.lambda() - from.lambda();
        var kept = to.sigma() / from.sigma() * Math.exp(-h);
        var gained = -Math.expm1(-2 * h);

        var direction = clean;
        var fresh = noise.like(clean);
        var stride = schedule.trainSteps() / step.total();
        var endsTheSchedule = step.timestep() < stride;
        if (!state.past().isEmpty() && !endsTheSchedule) {
            var r = (from.lambda() - plan.steps().get(state.done() - 1).from().lambda()) / h;
            direction = new Mix(1 + 1 / (2 * r), -1 / (2 * r)).of(clean, state.past().getFirst());
            fresh = noise.like(clean);
        }
        var mean = new Mix(kept, gained * to.alpha()).of(state.x(), direction);
        return state.next(mean.plus(fresh.times(to.sigma() * Math.sqrt(gained))), List.of(clean));
    }
}
