package org.zoetrope.diffusion;

import org.zoetrope.tensor.Tensor;

/// Euler's method on the straight path of flow matching: `z += (s' - s) u`.
///
/// @param grid       its levels
/// @param stochastic every step goes through the predicted clean sample and fresh noise; one draw a step
/// @param reversed   the network's time runs from noise (0) to data (T) and its velocity is `x - eps` (Mochi)
public record FlowMatchEuler(Grid.Flow grid, boolean stochastic, boolean reversed) implements Sampler {
    /// The deterministic method.
    public static FlowMatchEuler of(Grid.Flow grid) {
        return new FlowMatchEuler(grid, false, false);
    }

    @Override
    public FlowMatchEuler forTokens(int tokens) {
        return new FlowMatchEuler(grid.forTokens(tokens), stochastic, reversed);
    }

    @Override
    public Plan plan(int steps) {
        var plan = grid.plan(steps);
        if (!reversed) {
            return plan;
        }
        return new Plan(plan.steps().stream().map(s -> new Step(s.index(), s.total(),
                (float) (s.at().alpha() * grid.trainSteps()), s.at(), s.from(), s.to())).toList(), 1);
    }

    @Override
    public Prediction prediction() {
        return Prediction.flow();
    }

    @Override
    public Level level(double timestep) {
        return grid.level(reversed ? grid.trainSteps() - timestep : timestep);
    }

    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        var velocity = reversed ? prediction.negate() : prediction;
        if (stochastic) {
            var clean = Prediction.flow().clean(state.x(), velocity, step.from());
            return state.next(step.to().noisy(clean, noise.like(clean)));
        }
        return state.next(state.x().plus(velocity.times(step.to().sigma() - step.from().sigma())));
    }
}
