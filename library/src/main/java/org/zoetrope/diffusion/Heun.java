package org.zoetrope.diffusion;

import java.util.ArrayList;
import java.util.List;
import org.zoetrope.tensor.Tensor;

/// Heun's method on variance-exploding levels (arXiv 2206.00364, algorithm 1): an Euler step, a second look at where it
/// led, and the step again with the mean of both slopes. The last step, to the clean sample, is Euler's.
///
/// n levels are 2n - 1 calls of the network. Deterministic, no draws.
public record Heun(Grid grid, Prediction prediction, Clip clip) implements Sampler {
    @Override
    public Plan plan(int steps) {
        return twice(grid.plan(steps), 0);
    }

    @Override
    public Plan plan(int steps, double strength) {
        return twice(grid.plan(steps), Sampler.skipped(steps, strength));
    }

    private static Plan twice(Plan single, int skipped) {
        var steps = new ArrayList<Step>();
        var moves = single.steps();
        var calls = 2 * moves.size() - 1;
        for (var move : moves.subList(skipped, moves.size())) {
            var index = 2 * move.index();
            steps.add(new Step(index, calls, move.timestep(), move.at(), move.from(), move.to()));
            if (!move.isLast()) {
                var next = moves.get(move.index() + 1);
                steps.add(new Step(index + 1, calls, next.timestep(), next.at(), move.from(), move.to()));
            }
        }
        return new Plan(steps, single.initialNoiseScale());
    }

    @Override
    public Level level(double timestep) {
        return grid.level(timestep);
    }

    @Override
    public Tensor scaleInput(Tensor x, Step step) {
        return Euler.scaled(x, prediction, step.at());
    }

    /// Remembers, between the two looks of a step, the state before it and its first slope.
    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        var clean = clip.apply(prediction().clean(state.x(), prediction, step.at()));
        var slope = Euler.slope(clean, state.x(), step.at());
        var width = step.to().sigma() - step.from().sigma();
        if (state.past().isEmpty()) {
            var memory = step.isLast() ? List.<Tensor>of() : List.of(state.x(), slope);
            return state.next(state.x().plus(slope.times(width)), memory);
        }
        var mean = state.past().get(1).plus(slope).div(2);
        return state.next(state.past().get(0).plus(mean.times(width)));
    }
}
