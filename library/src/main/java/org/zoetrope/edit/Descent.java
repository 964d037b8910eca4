package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import org.zoetrope.nn.AdamW;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// Looks for a low point of a function of one tensor by its gradient, with a budget of looks. Whatever the function, the
/// best point met is what comes back, so that looking never makes anything worse.
public sealed interface Descent {
    /// A function that is costly to look at.
    @FunctionalInterface
    interface Function {
        /// @param last whether the search ends here, so that no gradient is wanted
        Look at(Tensor u, boolean last);
    }

    /// What a look found.
    ///
    /// @param loss     what is minimised
    /// @param value    what the function computed on the way
    /// @param gradient shaped like u; empty where the search may end: nothing better is wanted
    record Look(double loss, Tensor value, Optional<Tensor> gradient) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return gradient.map(g -> List.of(value, g)).orElse(List.of(value));
        }
    }

    /// The best point met.
    record Best(Tensor u, double loss, Tensor value) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return List.of(u, value);
        }
    }

    /// Searches from a point.
    ///
    /// @param rate  how far the first step leads, as root mean square
    /// @param looks most looks, at least 1; the first is at the start
    Best lowest(Function function, Tensor start, double rate, int looks);

    /// Adam with young moments (arXiv 1412.6980, algorithm 1), as published for null-text. It ends where three looks
    /// together gained less than a hundredth.
    record Adam() implements Descent {
        @Override
        public Best lowest(Function function, Tensor start, double rate, int looks) {
            return adam(new Search(function, looks, 3), start, rate, Integer.MAX_VALUE);
        }
    }

    /// Adam that halves its rate after looks that found nothing better, for rates that begin too high.
    ///
    /// @param patience looks without gain until the rate is halved
    record Plateau(int patience) implements Descent {
        public Plateau {
            require(patience >= 1, "a patience of %d looks; give 1 or more", patience);
        }

        @Override
        public Best lowest(Function function, Tensor start, double rate, int looks) {
            return adam(new Search(function, looks, 3 * patience), start, rate, patience);
        }
    }

    /// Limited-memory BFGS with a line search for the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization,
    /// algorithms 7.5, 3.5 and 3.6). Looks of the line search count.
    ///
    /// @param history pairs of steps and changes of the gradient that are remembered
    record Lbfgs(int history) implements Descent {
        public Lbfgs {
            require(history >= 1, "a history of %d pairs; give 1 or more", history);
        }

        @Override
        public Best lowest(Function function, Tensor start, double rate, int looks) {
            return new QuasiNewton(new Search(function, looks, Integer.MAX_VALUE), history).lowest(start, rate);
        }
    }

    private static Best adam(Search search, Tensor start, double rate, int patience) {
        return Scope.run(() -> {
            var u = start.copy();
            var parameters = new LinkedHashMap<String, Tensor>();
            parameters.put("u", u);
            var adam = new AdamW(parameters, new AdamW.Options(0.9, 0.999, 1e-8, 0));
            var now = rate;
            var seen = search.look(u);
            for (int step = 1, idle = 0; !search.isOver(); step++) {
                adam.step(step, now, List.of(seen.gradient.orElseThrow()));
                var before = search.best().loss;
                seen = search.look(u);
                idle = search.best().loss < before ? 0 : idle + 1;
                if (idle == patience) {
                    now /= 2;
                    idle = 0;
                }
            }
            return search.best();
        });
    }

    /// Counts looks and remembers the best.
    final class Search {
        private static final double GAIN = 0.01; // share of the loss that a number of looks must gain together

        private final Function function;
        private final int budget;
        private final int patience;
        private final List<Double> bests = new ArrayList<>();
        private Optional<Best> best = Optional.empty();
        private boolean satisfied;

        Search(Function function, int budget, int patience) {
            require(budget >= 1, "%d looks; give 1 or more", budget);
            this.function = function;
            this.budget = budget;
            this.patience = patience;
        }

        Look look(Tensor u) {
            var look = function.at(u, bests.size() == budget - 1);
            if (best.isEmpty() || look.loss < best.get().loss) {
                best = Optional.of(new Best(u.copy(), look.loss, look.value));
            }
            satisfied |= look.gradient.isEmpty();
            bests.add(best().loss);
            return look;
        }

        Best best() {
            return best.orElseThrow();
        }

        /// Whether the budget is spent, the function is satisfied, or the last looks gained too little.
        boolean isOver() {
            var before = bests.size() - 1 - patience;
            return satisfied || bests.size() == budget
                    || before >= 0 && bests.getLast() > (1 - GAIN) * bests.get(before);
        }
    }
}
