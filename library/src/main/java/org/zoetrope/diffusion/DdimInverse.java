package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.ArrayList;
import org.zoetrope.tensor.Tensor;

/// DDIM run backwards, from data to noise: `z_t = sqrt(abar_t) x + sqrt(1 - abar_t) eps` with x and eps predicted at
/// the level below.
///
/// As published (and in Tune-A-Video) the network is told the timestep t of the level the step leads to, while the
/// state still stands at the level of `t - T / n`. The round trip with [Ddim] is exact only if eps does not depend on
/// z; its error falls as 1 / n.
///
/// @param alphaToOne the first step starts without noise; otherwise at the level of timestep 0
public record DdimInverse(NoiseSchedule schedule, Prediction prediction, Spacing spacing, int offset, Clip clip,
        boolean alphaToOne) implements Sampler {
    public DdimInverse {
        require(spacing != Spacing.LINSPACE, "the inverse of DDIM is published with leading and trailing spacing only");
    }

    @Override
    public Plan plan(int steps) {
        var falling = spacing.timesteps(schedule.trainSteps(), steps, offset);
        var stride = schedule.trainSteps() / steps;
        var moves = new ArrayList<Step>();
        for (var i = 0; i < steps; i++) {
            var t = falling[steps - 1 - i];
            var below = t - stride;
            var from = below >= 0 ? schedule.level(below) : schedule.end(alphaToOne);
            moves.add(new Step(i, steps, t, from, from, schedule.level(t)));
        }
        return new Plan(moves, 1);
    }

    @Override
    public Level level(double timestep) {
        return schedule.level((int) timestep);
    }

    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        var clean = clip.apply(prediction().clean(state.x(), prediction, step.from()));
        var epsilon = prediction().noise(state.x(), prediction, step.from());
        return state.next(step.to().noisy(clean, epsilon));
    }
}
