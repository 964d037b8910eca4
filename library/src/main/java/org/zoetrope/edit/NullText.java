package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleFunction;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.AdamW;
import org.zoetrope.nn.FrameShift;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.tensor.Torch;

/// Null-text inversion (arXiv 2211.09794, algorithm 1): before every step the features of the negative prompt are
/// optimised through the frozen network, so that the guided step under the source prompt lands on the next pivot.
///
/// Multi-frame null-text (arXiv 2411.17592, section 3.2) gives every latent frame features of its own, see [Layout]. In a
/// network whose text has no place for each frame there is more than one way to lead them in, see [Means].
///
/// What is minimised is the error of the guided velocity against the one that leads to the pivot, relative to the square
/// of the latter: `rho = mean(e^2) / mean(v*^2)`. The published loss is the error after the step, which is rho times the
/// squared width of the step: on schedules with short steps, such as those of flow models with a shift, its tolerance
/// would accept anything. Features and moments are float32, and the best features met are kept, so that optimising never
/// makes a step worse.
///
/// @param means          through what the prediction is led
/// @param layout         how that depends on the frame
/// @param iterations     most optimiser steps per sampling step
/// @param rate           learning rate in units of [Means]; empty to search for it on the first step
/// @param temporalWeight weight of the mean squared change of the error from frame to frame, which flickers
/// @param tolerance      rho at which a step is good enough
public record NullText(Means means, Layout layout, int iterations, OptionalDouble rate, double temporalWeight, double tolerance)
        implements Anchor {
    private static final double[] RATES = {0.01, 0.03, 0.1, 0.3};
    private static final int PATIENCE = 3;      // iterations that together must improve the loss by
    private static final double GAIN = 0.01;    // this share of it

    public NullText {
        require(iterations >= 0, "%d iterations; give 0 or more", iterations);
        require(rate.isEmpty() || rate.getAsDouble() > 0, "a rate of %s; give more than 0", rate);
        require(temporalWeight >= 0, "a temporal weight of %s; give 0 or more", temporalWeight);
    }

    /// One text for all frames, ten iterations, a searched rate.
    public static NullText defaults() {
        return new NullText(Means.TEXT, new Layout.Shared(), 10, OptionalDouble.empty(), 0.25, 1e-3);
    }

    /// The same with other features.
    public NullText layout(Layout other) {
        return new NullText(means, other, iterations, rate, temporalWeight, tolerance);
    }

    /// The same through something else.
    public NullText means(Means other) {
        return new NullText(other, layout, iterations, rate, temporalWeight, tolerance);
    }

    /// The same with other work in each step.
    public NullText iterations(int most) {
        return new NullText(means, layout, most, rate, temporalWeight, tolerance);
    }

    /// Through what the unprompted prediction is led. Zero is the negative prompt as it is.
    public enum Means {
        /// The features of the negative prompt, as published. Texts of their own for frames are copies that pass through a
        /// joint attention side by side, each seen by its frame alone. Rates are in units of the features' root mean square.
        TEXT,
        /// What frames look up in the text: an offset of what keys and values are made of, the same in every block. The
        /// text itself passes through the network as it is. Rates are in units of one, as these are normalised.
        KEYS,
        /// The video tokens: an offset of all tokens of a frame, and no text at all. Rates are in units of one.
        BIAS
    }

    /// How what is optimised depends on the frame of tokens: `offset[f] = sum_p basis[f, p] u[p]`.
    public sealed interface Layout {
        /// The same for all frames, as published for pictures.
        record Shared() implements Layout {}

        /// Slow changes over time: a constant and `cos(pi k (f + 1/2) / frames)` for k = 1 .. terms.
        record Cosine(int terms) implements Layout {
            public Cosine {
                require(terms >= 1, "%d cosine terms; give 1 or more", terms);
            }
        }

        /// Each frame on its own.
        record PerFrame() implements Layout {}

        /// [frames, P].
        default Tensor basis(int frames) {
            return switch (this) {
                case Shared() -> Tensor.ones(frames, 1);
                case Cosine(var terms) -> table(frames, terms + 1, (f, k) -> Math.cos(Math.PI * k * (f + 0.5) / frames));
                case PerFrame() -> table(frames, frames, (f, p) -> f == p ? 1 : 0);
            };
        }

        private static Tensor table(int rows, int columns, DoubleBinaryOperator entry) {
            var values = new float[rows * columns];
            for (var r = 0; r < rows; r++) {
                for (var c = 0; c < columns; c++) {
                    values[r * columns + c] = (float) entry.applyAsDouble(r, c);
                }
            }
            return Tensor.of(values, rows, columns);
        }
    }

    /// @throws SamplingException without guidance, where the negative prompt has no influence
    @Override
    public List<Hold> along(EditTask task, Trajectory pivots, double guidanceScale) {
        if (guidanceScale == 1) {
            throw new SamplingException("null-text has nothing to optimise at guidance 1, which leaves the negative prompt "
                    + "out; invert and sample without it, or give a guidance above 1");
        }
        require(layout instanceof Layout.Shared && means == Means.TEXT || task.windows().count() == 1,
                "what each latent frame has for itself needs a clip that the model takes as a whole; this one is looked at in %d "
                        + "windows", task.windows().count());
        return Scope.run(() -> {
            var fitter = new Fitter(this, task, guidanceScale);
            var holds = new ArrayList<Hold>();
            var x = pivots.before(pivots.start());
            var u = fitter.start();
            var chosen = rate;
            for (var step : Anchor.steps(task, pivots)) {
                var aim = fitter.aim(step, x, pivots.after(step.index()));
                var from = u;
                // The first step tries the rates; later ones keep the best.
                var fit = chosen.isPresent() ? fitter.fit(aim, from, chosen.getAsDouble()) : fitter.best(aim, from);
                chosen = OptionalDouble.of(fit.rate);
                u = fit.u;
                holds.add(new Hold(fitter.branch(u), Optional.empty()));
                x = InversionEdit.moved(x, fitter.guided(aim, fit.unprompted), step);
            }
            return holds;
        });
    }

    @Override
    public long mostEvaluations(int steps, double guidanceScale) {
        var searched = rate.isPresent() ? 0 : (RATES.length - 1) * (iterations + 1L);
        return steps * (iterations + 2L) + searched;
    }

    @Override
    public long mostGradients(int steps) {
        var searched = rate.isPresent() ? 0 : (RATES.length - 1L) * iterations;
        return (long) steps * iterations + searched;
    }

    /// What one step has to reach.
    ///
    /// @param x        where the step begins
    /// @param prompted velocity under the source prompt
    /// @param wanted   velocity that leads to the pivot
    private record Aim(Step step, Tensor x, Tensor prompted, Tensor wanted) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return List.of(x, prompted, wanted);
        }
    }

    /// A look at one point of the search.
    ///
    /// @param unprompted velocity under the features of u
    /// @param gradient   of the loss with respect to u; empty where the search ends
    private record Look(double loss, double rho, Tensor unprompted, Optional<Tensor> gradient) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return gradient.map(g -> List.of(unprompted, g)).orElse(List.of(unprompted));
        }
    }

    /// The best point of a search.
    private record Fit(Tensor u, double loss, Tensor unprompted, double rate) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return List.of(u, unprompted);
        }
    }

    /// The optimisation of one run.
    ///
    /// @param basis [frames, P]
    /// @param unit  of learning rates
    private record Fitter(NullText options, EditTask task, double scale, Tensor negative, Tensor basis, double unit) {
        Fitter(NullText options, EditTask task, double scale) {
            this(options, task, scale, task.unprompted().features(),
                    options.layout.basis(task.tokens().frames(task.source().size(1))).like(task.unprompted().features()),
                    options.means == Means.TEXT
                            ? Math.max(1e-6, Math.sqrt(task.unprompted().features().square().mean().item())) : 1);
        }

        /// No change of the negative prompt [P, L, D].
        Tensor start() {
            return Tensor.zeros(negative.dtype(), negative.device(), basis.size(1),
                    options.means == Means.BIAS ? 1 : negative.size(1),
                    options.means == Means.TEXT ? negative.size(2) : task.tokens().width());
        }

        /// The unprompted branch, led by u.
        Branch branch(Tensor u) {
            if (options.means == Means.TEXT && options.layout instanceof Layout.Shared) {
                return task.unprompted().with(negative.plus(u));
            }
            var offsets = basis.matmul(u.flatten(1, 2)).reshape(1, basis.size(0), u.size(1), u.size(2)); // [1, T, L, D]
            return switch (options.means) {
                case TEXT -> task.unprompted().with(negative.unsqueeze(1).plus(offsets));
                case KEYS -> task.unprompted().with(FrameShift.ofText(offsets));
                case BIAS -> task.unprompted().with(FrameShift.ofVideo(offsets.squeeze(2)));
            };
        }

        Aim aim(Step step, Tensor x, Tensor pivot) {
            return Scope.run(() -> new Aim(step, x, task.sourceVelocity(x, step, 1),
                    pivot.minus(x).div(step.to().sigma() - step.from().sigma())));
        }

        Tensor guided(Aim aim, Tensor unprompted) {
            return unprompted.plus(aim.prompted.minus(unprompted).times(scale));
        }

        /// The best of a search at every rate.
        Fit best(Aim aim, Tensor from) {
            DoubleFunction<Fit> at = rate -> fit(aim, from, rate);
            var best = at.apply(RATES[0]);
            for (var i = 1; i < RATES.length; i++) {
                var other = at.apply(RATES[i]);
                best = other.loss < best.loss ? other : best;
            }
            return best;
        }

        Fit fit(Aim aim, Tensor from, double rate) {
            return Scope.run(() -> {
                var u = from.copy();
                var parameters = new LinkedHashMap<String, Tensor>();
                parameters.put("u", u);
                // Young moments at every step, as published.
                var adam = new AdamW(parameters, new AdamW.Options(0.9, 0.999, 1e-8, 0));
                var now = rate * unit * (1 - aim.step.index() / (2.0 * aim.step.total()));
                var bests = new ArrayList<Double>();
                var seen = look(aim, u, options.iterations == 0);
                var best = new Fit(u.copy(), seen.loss, seen.unprompted, rate);
                bests.add(best.loss);
                for (var k = 1; seen.gradient.isPresent() && !stalls(bests); k++) {
                    adam.step(k, now, List.of(seen.gradient.get()));
                    seen = look(aim, u, k == options.iterations);
                    if (seen.loss < best.loss) {
                        best = new Fit(u.copy(), seen.loss, seen.unprompted, rate);
                    }
                    bests.add(best.loss);
                }
                return best;
            });
        }

        /// Whether the last iterations together gained too little.
        private static boolean stalls(List<Double> bests) {
            var before = bests.size() - 1 - PATIENCE;
            return before >= 0 && bests.getLast() > (1 - GAIN) * bests.get(before);
        }

        /// @param last whether no gradient is wanted, whatever the loss
        private Look look(Aim aim, Tensor u, boolean last) {
            return Scope.run(() -> Torch.withGradients(() -> {
                var leaf = u.detach().requireGradient(!last);
                var unprompted = task.velocity(branch(leaf), aim.x, aim.step);
                var error = guided(aim, unprompted).minus(aim.wanted);
                var norm = aim.wanted.square().mean().item() + 1e-8;
                var rho = error.square().mean().div(norm);
                var loss = rho;
                var frames = error.size(1);
                if (options.temporalWeight > 0 && frames > 1) {
                    var change = error.narrow(1, 1, frames - 1).minus(error.narrow(1, 0, frames - 1));
                    loss = rho.plus(change.square().mean().times(options.temporalWeight / (2 * norm)));
                }
                if (last || rho.item() < options.tolerance) {
                    return new Look(loss.item(), rho.item(), unprompted.detach(), Optional.empty());
                }
                task.counter().backward(1);
                var gradient = Tensor.gradients(loss, List.of(leaf)).getFirst();
                return new Look(loss.item(), rho.item(), unprompted.detach(), Optional.of(gradient));
            }));
        }
    }
}
