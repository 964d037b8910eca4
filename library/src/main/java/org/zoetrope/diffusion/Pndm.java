package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.ArrayList;
import java.util.List;
import org.zoetrope.tensor.Tensor;

/// Pseudo numerical methods on manifolds (arXiv 2202.09778): linear multistep (Adams-Bashforth) of order 4 in the
/// predicted noise, each move along formula 9 of the paper.
///
/// The first moves have no memory yet. With Runge-Kutta starts three moves of four calls each fill it (algorithm 2);
/// without, as the Stable Diffusion configs ask, the first move is made twice, the second time with the mean of both
/// predictions, and then the order rises from 2.
///
/// Deterministic, no draws.
///
/// @param alphaToOne  the last step ends without noise; otherwise at the level of timestep 0
/// @param rungeKutta  Runge-Kutta starts (`skip_prk_steps` false)
public record Pndm(NoiseSchedule schedule, Prediction prediction, Spacing spacing, int offset, boolean alphaToOne,
        boolean rungeKutta) implements Sampler {
    /// Calls that the Runge-Kutta start takes, four a move.
    private static final int START_CALLS = 12;
    /// Weights of one Runge-Kutta move.
    private static final double[] RUNGE_KUTTA = {1 / 6.0, 1 / 3.0, 1 / 3.0, 1 / 6.0};
    /// Weights of the Adams-Bashforth methods of order 1 to 4, newest prediction first, and what they are divided by.
    private static final double[][] ADAMS_BASHFORTH = {{1}, {3, -1}, {23, -16, 5}, {55, -59, 37, -9}};
    private static final double[] DIVISORS = {1, 2, 12, 24};

    public Pndm {
        require(prediction.equals(Prediction.epsilon()) || prediction.equals(Prediction.v()),
                "PNDM is published for epsilon and v prediction, found %s", prediction);
    }

    @Override
    public Plan plan(int steps) {
        return plan(steps, 0);
    }

    @Override
    public Plan plan(int steps, double strength) {
        return plan(steps, Sampler.skipped(steps, strength));
    }

    private Plan plan(int steps, int skipped) {
        var timesteps = spacing.timesteps(schedule.trainSteps(), steps, offset);
        var stride = schedule.trainSteps() / steps;
        var calls = new ArrayList<Step>();
        var first = skipped;
        if (rungeKutta) {
            require(steps - skipped >= 4, "PNDM with Runge-Kutta starts takes at least 4 steps, found %d; take more, "
                    + "or set skip_prk_steps", steps - skipped);
            for (; first < skipped + 3; first++) {
                int t = timesteps[first], next = timesteps[first + 1], half = stride / 2;
                add(calls, t, t, t - half);
                add(calls, next + half, t, next + half);
                add(calls, next + half, t, next);
                add(calls, next, t, next);
            }
        }
        for (var i = first; i < steps; i++) {
            add(calls, timesteps[i], timesteps[i], timesteps[i] - stride);
            if (!rungeKutta && i == first && i + 1 < steps) {
                add(calls, timesteps[i + 1], timesteps[i + 1] + stride, timesteps[i + 1]);
            }
        }
        var total = calls.size();
        return new Plan(
                calls.stream().map(c -> new Step(c.index(), total, c.timestep(), c.at(), c.from(), c.to())).toList(),
                1);
    }

    private void add(List<Step> calls, int told, int from, int to) {
        calls.add(new Step(calls.size(), 0, told, schedule.level(told), schedule.level(from),
                to >= 0 ? schedule.level(to) : schedule.end(alphaToOne)));
    }

    @Override
    public Level level(double timestep) {
        return schedule.level((int) timestep);
    }

    /// Remembers up to three predictions, newest first; before them, between the calls of one move, the state the move
    /// began at and, in a Runge-Kutta move, the weighted sum of its predictions.
    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        if (rungeKutta && state.done() < START_CALLS) {
            return rungeKutta(step, state, prediction);
        }
        if (!rungeKutta && state.done() == 1 && plan.steps().size() > 1) {
            // The first move again, from where it began, with the mean of the predictions at both of its ends.
            var mean = prediction.plus(state.past().get(1)).div(2);
            return state.next(moved(state.past().get(0), mean, step), List.of(state.past().get(1)));
        }
        var predictions = new ArrayList<Tensor>();
        predictions.add(prediction);
        predictions.addAll(state.past());
        var method = Math.min(predictions.size(), 4) - 1;
        var direction = prediction.times(ADAMS_BASHFORTH[method][0]);
        for (var k = 1; k <= method; k++) {
            direction = direction.plus(predictions.get(k).times(ADAMS_BASHFORTH[method][k]));
        }
        var next = moved(state.x(), direction.times(1 / DIVISORS[method]), step);
        var isFirst = state.done() == 0;
        return state.next(next, isFirst ? List.of(state.x(), prediction)
                : predictions.subList(0, Math.min(predictions.size(), 3)));
    }

    private State rungeKutta(Step step, State state, Tensor prediction) {
        var call = state.done() % 4;
        var past = state.past();
        var weighted = prediction.times(RUNGE_KUTTA[call]);
        if (call == 0) {
            var kept = new ArrayList<>(List.of(state.x(), weighted, prediction));
            kept.addAll(past);
            return state.next(moved(state.x(), prediction, step), kept);
        }
        var sum = past.get(1).plus(weighted);
        var predictions = past.subList(2, past.size());
        if (call == 3) {
            return state.next(moved(past.get(0), sum, step), predictions);
        }
        var kept = new ArrayList<>(List.of(past.get(0), sum));
        kept.addAll(predictions);
        return state.next(moved(past.get(0), prediction, step), kept);
    }

    /// Formula 9: along the predicted noise from one level to another, `sqrt(a' / a) z - (a' - a) eps / (a sqrt(1 - a')
    /// + sqrt(a (1 - a) a'))` with a and a' the abar of both.
    private Tensor moved(Tensor z, Tensor prediction, Step step) {
        Level from = step.from(), to = step.to();
        var epsilon = prediction().noise(z, prediction, from);
        var below = from.abar().times(to.variance().sqrt())
                .plus(from.abar().times(from.variance()).times(to.abar()).sqrt());
        return z.times(to.abar().div(from.abar()).sqrt().value())
                .minus(epsilon.times(to.abar().minus(from.abar()).value()).div(below.value()));
    }
}
