package org.zoetrope.diffusion;

import org.zoetrope.tensor.Tensor;

/// Euler's method on variance-exploding levels (arXiv 2206.00364): `d = (z - x) / sigma`, `z += (sigma' - sigma) d`.
///
/// With a discrete schedule the network sees `z / sqrt(sigma^2 + 1)`; with the EDM prediction it sees c_in z.
/// Deterministic, no draws.
public record Euler(Grid grid, Prediction prediction) implements Sampler {
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
        return scaled(x, prediction, step.at());
    }

    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        var slope = slope(prediction().clean(state.x(), prediction, step.at()), state.x(), step.at());
        return state.next(state.x().plus(slope.times(step.to().sigma() - step.from().sigma())));
    }

    /// `(z - x) / sigma`, the direction of the path at a variance-exploding level.
    static Tensor slope(Tensor clean, Tensor z, Level at) {
        return z.minus(clean).div(at.sigma());
    }

    /// A variance-exploding state at the size the network was trained on.
    static Tensor scaled(Tensor x, Prediction prediction, Level at) {
        return prediction instanceof Prediction.Edm edm ? x.times(edm.inputScale(at).value())
                : x.div(at.norm().value());
    }
}
