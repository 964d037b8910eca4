package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.zoetrope.tensor.Tensor;

/// UniPC, a predictor and a corrector that share one call of the network (arXiv 2302.04867).
///
/// When the network has been called at the level a predictor reached, the step that led there is repeated with the new
/// prediction among its supports (the corrector, which costs nothing); then the next predictor starts from the better
/// state. With `hh = -h` for the clean sample and h for the noise, both are
///
/// `z_p = a z - s (e^hh - 1) m0 - s B(h) sum_k rho_k (m_k - m0) / r_k`,
///
/// where `(a, s)` is `(sigma_p / sigma_t, alpha_p)` or `(alpha_p / alpha_t, sigma_p)`, `r_k` is the distance of support
/// k in units of h, and rho solves `sum_k r_k^(i-1) rho_k = i! phi_(i+1)(hh) / B(h)` for i = 1 .. supports.
///
/// Deterministic, no draws.
///
/// @param grid              its levels; variance preserving or flow
/// @param order             supports of the predictor; the corrector has one more
/// @param bh2               B(h) is `e^hh - 1`; otherwise hh
/// @param predictsClean     the clean sample is integrated; otherwise the noise
/// @param lowerOrderFinal   the last steps use fewer supports
/// @param withoutCorrector  indices of steps whose result is not corrected
public record UniPc(Grid grid, Prediction prediction, int order, boolean bh2, boolean predictsClean,
        boolean lowerOrderFinal, Set<Integer> withoutCorrector, Clip clip) implements Sampler {
    public UniPc {
        require(order >= 1, "solver_order must be at least 1, found %d", order);
        require(predictsClean || clip instanceof Clip.Off, "thresholding needs predict_x0: the noise has no range");
        withoutCorrector = Set.copyOf(withoutCorrector);
    }

    /// UniPC-2 with B(h) = e^hh - 1 on the clean sample.
    public static UniPc of(Grid grid, Prediction prediction) {
        return new UniPc(grid, prediction, 2, true, true, true, Set.of(), new Clip.Off());
    }

    public UniPc withOrder(int order) {
        return new UniPc(grid, prediction, order, bh2, predictsClean, lowerOrderFinal, withoutCorrector, clip);
    }

    @Override
    public UniPc forTokens(int tokens) {
        return new UniPc(grid.forTokens(tokens), prediction, order, bh2, predictsClean, lowerOrderFinal,
                withoutCorrector, clip);
    }

    @Override
    public Plan plan(int steps) {
        return grid.plan(steps);
    }

    @Override
    public Level level(double timestep) {
        return grid.level(timestep);
    }

    /// Remembers the corrected state of the last step, then the predictions of the last `order` steps, newest first.
    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var steps = plan.steps();
        var step = steps.get(state.done());
        var current = predictsClean ? clip.apply(prediction().clean(state.x(), prediction, step.at()))
                : prediction().noise(state.x(), prediction, step.at());

        var z = state.x();
        var past = state.past().isEmpty() ? List.<Tensor>of() : state.past().subList(1, state.past().size());
        if (!past.isEmpty() && !withoutCorrector.contains(step.index() - 1)) {
            var move = steps.get(state.done() - 1);
            var order = orderOf(move, state.done() - 1);
            z = corrected(move, supports(steps, state.done() - 1, order), past, current, state.past().getFirst());
        }

        var memory = new ArrayList<Tensor>();
        memory.add(current);
        memory.addAll(past);
        var distances = supports(steps, state.done(), orderOf(step, state.done()));
        var predicted = predicted(step, distances, memory, z);

        var kept = new ArrayList<Tensor>();
        kept.add(z);
        kept.addAll(memory.subList(0, Math.min(memory.size(), order)));
        return state.next(predicted, kept);
    }

    private int orderOf(Step step, int taken) {
        // To the clean sample h is infinite and only the first order has a limit.
        if (step.to().sigma() == 0) {
            return 1;
        }
        var late = lowerOrderFinal ? Math.min(order, step.total() - step.index()) : order;
        return Math.min(late, taken + 1);
    }

    /// r_k of the supports behind the newest: distances in lambda from the start of a move, in units of its length.
    private static List<Real> supports(List<Step> steps, int move, int order) {
        var from = lambda(steps.get(move).from());
        var h = lambda(steps.get(move).to()).minus(from);
        var r = new ArrayList<Real>();
        for (var k = 1; k < order; k++) {
            r.add(lambda(steps.get(move - k).from()).minus(from).div(h));
        }
        return r;
    }

    private Tensor predicted(Step move, List<Real> r, List<Tensor> supports, Tensor z) {
        var hh = hh(move);
        // Two supports need one number, for which the paper takes the limit 1/2 of the solution.
        var rho = r.size() == 1 ? List.of(hh.of(0.5)) : solve(r, right(hh, r.size()));
        return moved(move, supports.getFirst(), z, residual(supports, r, rho));
    }

    private Tensor corrected(Step move, List<Real> r, List<Tensor> supports, Tensor newest, Tensor z) {
        var hh = hh(move);
        var places = new ArrayList<>(r);
        places.add(hh.of(1)); // the newest support stands at the end of the move
        var rho = r.isEmpty() ? List.of(hh.of(0.5)) : solve(places, right(hh, places.size()));
        var terms = residual(supports, r, rho);
        terms.add(newest.minus(supports.getFirst()).times(rho.getLast().value()));
        return moved(move, supports.getFirst(), z, terms);
    }

    /// The terms `rho_k (m_k - m0) / r_k`.
    private static List<Tensor> residual(List<Tensor> supports, List<Real> r, List<Real> rho) {
        var terms = new ArrayList<Tensor>();
        for (var k = 0; k < r.size(); k++) {
            terms.add(supports.get(k + 1).minus(supports.getFirst()).div(r.get(k).value()).times(rho.get(k).value()));
        }
        return terms;
    }

    private Tensor moved(Step move, Tensor m0, Tensor z, List<Tensor> terms) {
        Level from = move.from(), to = move.to();
        var hh = hh(move);
        var first = hh.expm1();
        // sigma_p e^h is alpha_p sigma_t / alpha_t, which stays finite at the clean end.
        var mix = predictsClean
                ? new Mix(to.noise().div(from.noise()).value(), to.signal().times(first).negate().value())
                : new Mix(to.signal().div(from.signal()).value(), to.sigma() == 0
                        ? -to.alpha() * from.sigma() / from.alpha()
                        : to.noise().times(first).negate().value());
        var next = mix.of(z, m0);
        if (terms.isEmpty()) {
            return next;
        }
        var scale = (predictsClean ? to.signal() : to.noise()).times(b(hh));
        return next.minus(terms.stream().reduce(Tensor::plus).orElseThrow().times(scale.value()));
    }

    private Real hh(Step move) {
        var h = lambda(move.to()).minus(lambda(move.from()));
        return predictsClean ? h.negate() : h;
    }

    private Real b(Real hh) {
        return bh2 ? hh.expm1() : hh;
    }

    private static Real lambda(Level level) {
        return level.signal().of(level.lambda());
    }

    /// `i! phi_(i+1)(hh) / B(h)` for i = 1 .. n, with `phi_1 = (e^hh - 1) / hh` and `phi_(i+1) = (phi_i - 1 / i!) /
    /// hh`, each times hh.
    private List<Real> right(Real hh, int n) {
        var right = new ArrayList<Real>();
        var phi = hh.expm1().div(hh).minus(1);
        var factorial = 1.0;
        for (var i = 0; i < n; i++) {
            right.add(phi.times(factorial).div(b(hh)));
            factorial *= i + 2;
            phi = phi.div(hh).minus(1 / factorial);
        }
        return right;
    }

    /// Solves `sum_k r_k^i rho_k = right_i`, i = 0 .. n-1, by elimination with pivots; the r are distinct.
    private static List<Real> solve(List<Real> r, List<Real> right) {
        var n = r.size();
        var rows = new Real[n][n + 1];
        for (var i = 0; i < n; i++) {
            for (var k = 0; k < n; k++) {
                rows[i][k] = r.get(k).of(Math.pow(r.get(k).value(), i));
            }
            rows[i][n] = right.get(i);
        }
        for (var column = 0; column < n; column++) {
            var pivot = column;
            for (var i = column + 1; i < n; i++) {
                pivot = Math.abs(rows[i][column].value()) > Math.abs(rows[pivot][column].value()) ? i : pivot;
            }
            var row = rows[pivot];
            rows[pivot] = rows[column];
            rows[column] = row;
            for (var i = column + 1; i < n; i++) {
                var factor = rows[i][column].div(row[column]);
                for (var k = column; k <= n; k++) {
                    rows[i][k] = rows[i][k].minus(factor.times(row[k]));
                }
            }
        }
        var solution = new Real[n];
        for (var i = n - 1; i >= 0; i--) {
            var rest = rows[i][n];
            for (var k = i + 1; k < n; k++) {
                rest = rest.minus(rows[i][k].times(solution[k]));
            }
            solution[i] = rest.div(rows[i][i]);
        }
        return List.of(solution);
    }
}
