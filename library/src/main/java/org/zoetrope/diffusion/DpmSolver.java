package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.ArrayList;
import org.zoetrope.tensor.Tensor;

/// DPM-Solver and DPM-Solver++ with several steps of memory (arXiv 2206.00927 and 2211.01095), and their SDE versions.
///
/// From level t to p, with `h = lambda_p - lambda_t`, the exact solution is an integral over lambda of the predicted
/// clean sample (++) or noise; the integrand is a polynomial through the last predictions `D0, D1, D2`. The solution is
/// `a z + b D0 + c D1 + d D2`; [#coefficients] lists the numbers.
///
/// The SDE versions draw once a step, the last included.
///
/// @param grid            its levels, of any family
/// @param order           1, 2 or 3 predictions; early and late steps use fewer
/// @param lowerOrderFinal in runs of under 15 steps the last step is of order 1 and the one before of at most 2
/// @param eulerAtFinal    the last step is of order 1
public record DpmSolver(Grid grid, Prediction prediction, int order, Algorithm algorithm, SolverType solver,
        boolean lowerOrderFinal, boolean eulerAtFinal, Clip clip) implements Sampler {
    /// From this many steps on the last ones need no care (the reference's choice).
    private static final int MANY_STEPS = 15;

    /// What is integrated, and whether noise is added back.
    public enum Algorithm {
        /// The noise.
        DPM_SOLVER,
        /// The clean sample.
        DPM_SOLVER_PLUS_PLUS,
        /// The noise, with fresh noise in every step.
        SDE_DPM_SOLVER,
        /// The clean sample, with fresh noise in every step.
        SDE_DPM_SOLVER_PLUS_PLUS;

        boolean integratesNoise() {
            return this == DPM_SOLVER || this == SDE_DPM_SOLVER;
        }

        boolean isStochastic() {
            return this == SDE_DPM_SOLVER || this == SDE_DPM_SOLVER_PLUS_PLUS;
        }
    }

    /// How the slope enters a step of second order.
    public enum SolverType {
        MIDPOINT,
        HEUN
    }

    public DpmSolver {
        require(order >= 1 && order <= 3, "solver_order must be 1, 2 or 3, found %d", order);
        require(order < 3 || algorithm != Algorithm.SDE_DPM_SOLVER, "sde-dpmsolver has no third order; use "
                + "solver_order 2 or sde-dpmsolver++");
    }

    /// DPM-Solver++ 2M.
    public static DpmSolver of(Grid grid, Prediction prediction) {
        return new DpmSolver(grid, prediction, 2, Algorithm.DPM_SOLVER_PLUS_PLUS, SolverType.MIDPOINT, true, false,
                new Clip.Off());
    }

    public DpmSolver withOrder(int order) {
        return new DpmSolver(grid, prediction, order, algorithm, solver, lowerOrderFinal, eulerAtFinal, clip);
    }

    public DpmSolver withAlgorithm(Algorithm algorithm) {
        return new DpmSolver(grid, prediction, order, algorithm, solver, lowerOrderFinal, eulerAtFinal, clip);
    }

    public DpmSolver withSolver(SolverType solver) {
        return new DpmSolver(grid, prediction, order, algorithm, solver, lowerOrderFinal, eulerAtFinal, clip);
    }

    @Override
    public DpmSolver forTokens(int tokens) {
        return new DpmSolver(grid.forTokens(tokens), prediction, order, algorithm, solver, lowerOrderFinal,
                eulerAtFinal, clip);
    }

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
        return prediction instanceof Prediction.Edm ? Euler.scaled(x, prediction, step.at()) : x;
    }

    /// Remembers the predictions of the last `order - 1` steps, newest first.
    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        var current = integrand(state.x(), prediction, step.from());
        var memory = new ArrayList<Tensor>();
        memory.add(current);
        memory.addAll(state.past());

        var order = orderOf(step, memory.size());
        var h = distance(step);
        var k = coefficients(step, h, order);
        var next = new Mix(k.z, k.d0).of(state.x(), current);
        if (order >= 2) {
            var r0 = distance(plan.steps().get(state.done() - 1)).div(h);
            var slope = memory.get(0).minus(memory.get(1)).times(r0.inverse().value());
            if (order == 2) {
                next = next.plus(slope.times(k.d1));
            } else {
                var r1 = distance(plan.steps().get(state.done() - 2)).div(h);
                var change = slope.minus(memory.get(1).minus(memory.get(2)).times(r1.inverse().value()));
                slope = slope.plus(change.times(r0.div(r0.plus(r1)).value()));
                var curvature = change.times(r0.plus(r1).inverse().value());
                next = next.plus(slope.times(k.d1)).plus(curvature.times(k.d2));
            }
        }
        if (algorithm.isStochastic()) {
            next = next.plus(noise.like(next).times(k.noise));
        }
        return state.next(next, memory.subList(0, Math.min(memory.size(), this.order - 1)));
    }

    /// What the integral is over: the clean sample or the noise, after clipping.
    private Tensor integrand(Tensor z, Tensor prediction, Level from) {
        // A network with a learned variance returns it in the channels after the prediction; the solvers do not use it.
        var output = prediction.size(1) > z.size(1) ? prediction.narrow(1, 0, z.size(1)) : prediction;
        if (algorithm.integratesNoise() && clip instanceof Clip.Off) {
            return prediction().noise(z, output, from);
        }
        var clean = clip.apply(prediction().clean(z, output, from));
        return algorithm.integratesNoise() ? Prediction.sample().noise(z, clean, from) : clean;
    }

    private int orderOf(Step step, int predictions) {
        var few = lowerOrderFinal && step.total() < MANY_STEPS;
        // Without noise at the end h is infinite there and only the first order has a limit.
        if (step.isLast() && (eulerAtFinal || few || step.to().sigma() == 0)) {
            return 1;
        }
        var most = step.index() == step.total() - 2 && few ? 2 : 3;
        return Math.min(Math.min(order, predictions), most);
    }

    /// The length of a step in lambda.
    private static Real distance(Step step) {
        return step.to().signal().of(step.to().lambda() - step.from().lambda());
    }

    /// The numbers of one step: `z' = z z + d0 D0 + d1 D1 + d2 D2 + noise n`.
    private record Coefficients(double z, double d0, double d1, double d2, double noise) {
        Coefficients(Real z, Real d0, Real d1, Real d2, Real noise) {
            this(z.value(), d0.value(), d1.value(), d2.value(), noise.value());
        }
    }

    private Coefficients coefficients(Step step, Real h, int order) {
        Real alpha = step.to().signal(), sigma = step.to().noise();
        Real overSigma = sigma.div(step.from().noise()), overAlpha = alpha.div(step.from().signal());
        var heun = order == 3 || solver == SolverType.HEUN;
        return switch (algorithm) {
            case DPM_SOLVER_PLUS_PLUS -> {
                var e = h.negate().exp().minus(1);
                var first = alpha.times(e).negate();
                yield new Coefficients(overSigma, first, heun ? alpha.times(e.div(h).plus(1)) : first.times(0.5),
                        alpha.times(e.plus(h).div(h.square()).minus(0.5)).negate(), h.of(0));
            }
            case DPM_SOLVER -> {
                var e = h.exp().minus(1);
                var first = sigma.times(e).negate();
                yield new Coefficients(overAlpha, first,
                        heun ? sigma.times(e.div(h).minus(1)).negate() : first.times(0.5),
                        sigma.times(e.minus(h).div(h.square()).minus(0.5)).negate(), h.of(0));
            }
            case SDE_DPM_SOLVER_PLUS_PLUS -> {
                var e = h.times(-2).exp().fromOne();
                var first = alpha.times(e);
                yield new Coefficients(overSigma.times(h.negate().exp()), first,
                        heun ? alpha.times(e.div(h.times(-2)).plus(1)) : first.times(0.5),
                        alpha.times(e.minus(h.times(2)).div(h.times(2).square()).plus(0.5)), sigma.times(e.sqrt()));
            }
            case SDE_DPM_SOLVER -> {
                var e = h.exp().minus(1);
                var first = sigma.times(e).times(-2);
                yield new Coefficients(overAlpha, first,
                        heun ? sigma.times(e.div(h).minus(1)).times(-2) : first.times(0.5), h.of(0),
                        sigma.times(h.times(2).exp().minus(1).sqrt()));
            }
        };
    }
}
