package org.zoetrope.diffusion;

import org.zoetrope.tensor.Tensor;

/// Euler steps that overshoot and add noise: with `up^2 = s'^2 (s^2 - s'^2) / s^2` and `down^2 = s'^2 - up^2` from
/// sigma s to s', `z += (down - s) d + up n`. One draw a step, the last included (its up is 0).
public record EulerAncestral(Grid grid, Prediction prediction) implements Sampler {
    @Override
    public Plan plan(int steps) {
        return grid.plan(steps);
    }

    @Override
    public Level level(double timestep) {
        return grid.level(timestep);
    }

    @Override
    public Tensor scaleInput(Tensor x, Step step) {
        return Euler.scaled(x, prediction, step.at());
    }

    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        Real s = step.from().noise(), next = step.to().noise();
        var up = next.square().times(s.square().minus(next.square())).div(s.square()).sqrt();
        var down = next.square().minus(up.square()).sqrt();
        var slope = Euler.slope(prediction().clean(state.x(), prediction, step.at()), state.x(), step.at());
        var lower = state.x().plus(slope.times(down.minus(s).value()));
        return state.next(lower.plus(noise.like(lower).times(up.value())));
    }
}
