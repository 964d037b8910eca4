package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.DoubleBinaryOperator;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.FrameShift;
import org.zoetrope.nn.Pass;
import org.zoetrope.nn.Recomputation;
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
/// of the latter, see [NullLoss]. The published loss is the error after the step, which is that times the squared width of
/// the step: on schedules with short steps, such as those of flow models with a shift, its tolerance would accept
/// anything. Features and moments are float32, and the best features met are kept, so that optimising never makes a step
/// worse.
///
/// @param means      through what the prediction is led
/// @param layout     how that depends on the frame
/// @param descent    how the lowest loss is looked for
/// @param iterations most optimiser steps per sampling step
/// @param rate       learning rate in units of [Means]; empty to search for it on the first step
/// @param loss       what is minimised
/// @param curriculum in what order
/// @param tolerance  rho at which a step is good enough
/// @param guidance   guidance towards the pivots under which the features are optimised; with no iterations, it alone
public record NullText(Means means, Layout layout, Descent descent, int iterations, OptionalDouble rate, NullLoss loss,
        Curriculum curriculum, double tolerance, Optional<DecoupledGuidance> guidance) implements Anchor {
    private static final double[] RATES = {0.01, 0.03, 0.1, 0.3};
    private static final String UNGUIDED = "null-text has nothing to optimise at guidance 1, which leaves the negative prompt "
            + "out; invert and sample without it, or give a guidance above 1";
    private static final double JUDGED_FROM = 2 / 3.0; // of the steps, where a critic begins

    public NullText {
        require(iterations >= 0, "%d iterations; give 0 or more", iterations);
        require(rate.isEmpty() || rate.getAsDouble() > 0, "a rate of %s; give more than 0", rate);
        require(loss.critic() == 0 || !(descent instanceof Descent.Lbfgs), "a critic changes what is minimised at every "
                + "look, and L-BFGS compares looks; give it no weight, or choose Adam");
    }

    /// One text for all frames, ten iterations of Adam, a searched rate.
    public static NullText defaults() {
        return new NullText(Means.TEXT, new Layout.Shared(), new Descent.Adam(), 10, OptionalDouble.empty(),
                NullLoss.defaults(), new Curriculum.Plain(), 1e-3,
                Optional.empty());
    }

    /// The same with something else for each frame.
    public NullText layout(Layout other) {
        return new NullText(means, other, descent, iterations, rate, loss, curriculum, tolerance, guidance);
    }

    /// The same through something else.
    public NullText means(Means other) {
        return new NullText(other, layout, descent, iterations, rate, loss, curriculum, tolerance, guidance);
    }

    /// The same by another optimiser.
    public NullText descent(Descent other) {
        return new NullText(means, layout, other, iterations, rate, loss, curriculum, tolerance, guidance);
    }

    /// The same with other work in each step.
    public NullText iterations(int most) {
        return new NullText(means, layout, descent, most, rate, loss, curriculum, tolerance, guidance);
    }

    /// The same with a known learning rate.
    public NullText rate(double known) {
        return new NullText(means, layout, descent, iterations, OptionalDouble.of(known), loss, curriculum, tolerance, guidance);
    }

    /// The same with another loss.
    public NullText loss(NullLoss other) {
        return new NullText(means, layout, descent, iterations, rate, other, curriculum, tolerance, guidance);
    }

    /// The same in another order.
    public NullText curriculum(Curriculum other) {
        return new NullText(means, layout, descent, iterations, rate, loss, other, tolerance, guidance);
    }

    /// The same until another rho is reached.
    public NullText tolerance(double rho) {
        return new NullText(means, layout, descent, iterations, rate, loss, curriculum, rho, guidance);
    }

    /// The same under guidance towards the pivots.
    public NullText guidance(DecoupledGuidance other) {
        return new NullText(means, layout, descent, iterations, rate, loss, curriculum, tolerance, Optional.of(other));
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
        if (isUnguided(guidanceScale)) {
            throw new SamplingException(UNGUIDED);
        }
        require(layout instanceof Layout.Shared && means == Means.TEXT || task.windows().count() == 1,
                "what each latent frame has for itself needs a clip that the model takes as a whole; this one is looked at in %d "
                        + "windows", task.windows().count());
        require(!(curriculum instanceof Curriculum.ClipLength) || task.windows().count() == 1,
                "learning from every second frame first needs a clip that the model takes as a whole; this one is looked at in %d "
                        + "windows", task.windows().count());
        return Scope.run(() -> {
            var fitter = new Fitter(this, task, guidanceScale);
            var steps = Anchor.steps(task, pivots);
            var budgets = fitter.budgets(steps, pivots);
            var holds = new ArrayList<Hold>();
            var x = pivots.before(pivots.start());
            var offset = fitter.start();
            var chosen = rate;
            for (var i = 0; i < steps.size(); i++) {
                var step = steps.get(i);
                if (isIdle(step)) {
                    holds.add(new Hold(task.unprompted(), Optional.empty(), live(step)));
                    continue;
                }
                var found = fitter.step(step, x, pivots, offset, chosen, budgets[i]);
                // The first step that has work tries the rates; later ones keep the best.
                chosen = found.fit.rate;
                offset = found.fit.offset;
                var live = live(step);
                holds.add(new Hold(fitter.branch(offset), live.isPresent() ? Optional.empty() : found.shift, live));
                x = found.reached;
            }
            return holds;
        });
    }

    /// Whether guidance is all there is and has nothing to do on the source's way back.
    private boolean isIdle(Step step) {
        return iterations == 0 && guidance.filter(g -> g.live() || !g.acts(step)).isPresent();
    }

    /// What is left to be found while the edit runs.
    private Optional<DecoupledGuidance> live(Step step) {
        return guidance.filter(g -> g.live() && g.acts(step));
    }

    private boolean isUnguided(double guidanceScale) {
        return guidanceScale == 1 && (iterations > 0 || guidance.isEmpty());
    }

    private boolean isForEachFrame() {
        return !(layout instanceof Layout.Shared);
    }

    @Override
    public List<String> obstacles(ClipShape clip, double guidanceScale) {
        var all = new ArrayList<String>();
        if (isUnguided(guidanceScale)) {
            all.add(UNGUIDED);
        }
        if (isForEachFrame() || means != Means.TEXT) {
            all.addAll(clip.inParts("what each latent frame has for itself"));
        }
        if (iterations > 0) {
            all.addAll(curriculum.obstacles(clip));
        }
        guidance.ifPresent(g -> all.addAll(g.obstacles(clip)));
        return all;
    }

    @Override
    public List<String> caveats(ClipShape clip) {
        var all = new ArrayList<String>();
        if (clip.tokens() == 1 && isForEachFrame()) {
            all.add("the model sees the clip as one frame: a text for each frame is one text for all");
        }
        guidance.ifPresent(g -> all.addAll(g.caveats(clip)));
        return all;
    }

    @Override
    public long mostEvaluations(int steps, double guidanceScale) {
        var looks = (long) curriculum.mostStages() + (curriculum.mostStages() > 1 ? 1 : 0) + curriculum.besides();
        var searched = rate.isPresent() ? 0 : (RATES.length - 1) * (mostIterations(steps) + looks);
        var measured = curriculum instanceof Curriculum.Budget ? 2L * steps : 0;
        var live = guidance.filter(DecoupledGuidance::live).isPresent();
        // Prompted, unprompted, and up to the watched block at the state and at the pivot.
        var whileEditing = live ? guided(steps) * (guidanceScale == 1 ? 3L : 2L) : 0;
        if (iterations == 0) {
            return guidance.isEmpty() ? 2L * steps : live ? whileEditing : guided(steps) * 4L;
        }
        return steps * (iterations + looks + 1) + searched + measured + guided(steps) * 3L + whileEditing;
    }

    @Override
    public long mostGradients(int steps) {
        var live = guidance.filter(DecoupledGuidance::live).isPresent();
        var searched = rate.isPresent() || iterations == 0 ? 0 : (RATES.length - 1) * mostIterations(steps);
        return guided(steps) * (live && iterations > 0 ? 2L : 1L) + (long) steps * iterations + searched;
    }

    /// Steps under guidance towards the pivots.
    private int guided(int steps) {
        return guidance.map(g -> g.mostSteps(steps)).orElse(0);
    }

    /// Of the step that searches for a rate.
    private long mostIterations(int steps) {
        return curriculum instanceof Curriculum.Budget ? (long) steps * iterations : iterations;
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

    /// What a step found.
    ///
    /// @param offset     of the negative prompt [1, L, D] or [frames, L, D]
    /// @param unprompted velocity that it leads to
    private record Fit(Tensor offset, double loss, Tensor unprompted, OptionalDouble rate) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return List.of(offset, unprompted);
        }
    }

    /// What came of one step.
    ///
    /// @param shift   that guidance towards the pivots added
    /// @param reached the state after it
    private record Found(Fit fit, Optional<Tensor> shift, Tensor reached) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            var all = new ArrayList<>(fit.tensors());
            shift.ifPresent(all::add);
            all.add(reached);
            return all;
        }
    }

    /// The optimisation of one run.
    ///
    /// @param frames of tokens
    /// @param unit   of learning rates
    private record Fitter(NullText options, EditTask task, double scale, Tensor negative, int frames, double unit,
            Optional<Critic> critic) {
        Fitter(NullText options, EditTask task, double scale) {
            this(options, task, scale, task.unprompted().features(), task.tokens().frames(task.source().size(1)),
                    options.means == Means.TEXT
                            ? Math.max(1e-6, Math.sqrt(task.unprompted().features().square().mean().item())) : 1,
                    options.loss.critic() > 0 ? Optional.of(new Critic(task.source(), 0)) : Optional.empty());
        }

        /// No change of the negative prompt [1, L, D].
        Tensor start() {
            return Tensor.zeros(negative.dtype(), negative.device(), 1,
                    options.means == Means.BIAS ? 1 : negative.size(1),
                    options.means == Means.TEXT ? negative.size(2) : task.tokens().width());
        }

        /// The unprompted branch, led by an offset [1, L, D] for all frames or [frames, L, D].
        Branch branch(Tensor offset) {
            return switch (options.means) {
                case TEXT -> task.unprompted().with(offset.size(0) == 1 ? negative.plus(offset)
                        : negative.unsqueeze(1).plus(offset.unsqueeze(0)));
                case KEYS -> task.unprompted().with(FrameShift.ofText(everyFrame(offset)));
                case BIAS -> task.unprompted().with(FrameShift.ofVideo(everyFrame(offset).squeeze(2)));
            };
        }

        private Tensor everyFrame(Tensor offset) {                                                // [1, frames, L, D]
            return offset.expand(frames, offset.size(1), offset.size(2)).unsqueeze(0);
        }

        /// Iterations of each step.
        int[] budgets(List<Step> steps, Trajectory pivots) {
            var total = steps.size() * options.iterations;
            if (!(options.curriculum instanceof Curriculum.Budget) || total == 0) {
                return Curriculum.proportional(total, steps.stream().map(_ -> 1.0).toList());
            }
            return Curriculum.proportional(total, steps.stream().map(step -> Scope.run(() -> {
                var x = pivots.before(step.index());
                var aim = aim(step, x, task.sourceVelocity(x, step, 1), pivots.after(step.index()));
                return at(aim, scale, task.velocity(task.unprompted(), aim.x, step)).rho();
            })).toList());
        }

        /// One step of the source's way back.
        Found step(Step step, Tensor x, Trajectory pivots, Tensor offset, OptionalDouble rate, int budget) {
            return Scope.run(() -> {
                var prompted = task.sourceVelocity(x, step, 1);
                var guidance = options.guidance.filter(g -> g.acts(step));
                var looked = guidance.isPresent() || options.iterations == 0
                        ? Optional.of(task.velocity(branch(offset), x, step)) : Optional.<Tensor>empty();
                // The shift is decided before the features are, which are optimised given it.
                var shift = guidance.map(g -> g.shift(task, step, x, pivots.before(step.index()), prompted.minus(looked.orElseThrow())));
                var pivot = shift.map(pivots.after(step.index())::minus).orElse(pivots.after(step.index()));
                var aim = aim(step, x, prompted, pivot);
                var fit = budget == 0 && looked.isPresent() ? new Fit(offset, 0, looked.get(), rate) : fit(aim, offset, rate, budget);
                var moved = InversionEdit.moved(x, guided(aim, fit.unprompted, scale), step);
                return new Found(fit, shift, shift.map(moved::plus).orElse(moved));
            });
        }

        private static Aim aim(Step step, Tensor x, Tensor prompted, Tensor pivot) {
            return new Aim(step, x, prompted, pivot.minus(x).div(step.to().sigma() - step.from().sigma()));
        }

        Tensor guided(Aim aim, Tensor unprompted, double guidance) {
            return unprompted.plus(aim.prompted.minus(unprompted).times(guidance));
        }

        private NullLoss.Value at(Aim aim, double guidance, Tensor unprompted) {
            return options.loss.of(guided(aim, unprompted, guidance).minus(aim.wanted), aim.wanted, task.mask().weights(),
                    aim.step);
        }

        /// @param rate empty to try several and keep the best
        Fit fit(Aim aim, Tensor from, OptionalDouble rate, int budget) {
            if (budget == 0) {
                var plain = fit(aim, from, RATES[0], 0);
                return new Fit(plain.offset, plain.loss, plain.unprompted, rate);
            }
            if (rate.isPresent()) {
                return fit(aim, from, rate.getAsDouble(), budget);
            }
            var best = fit(aim, from, RATES[0], budget);
            for (var i = 1; i < RATES.length; i++) {
                var other = fit(aim, from, RATES[i], budget);
                best = other.loss < best.loss ? other : best;
            }
            return best;
        }

        private Fit fit(Aim aim, Tensor from, double rate, int budget) {
            return Scope.run(() -> {
                var stages = options.curriculum.stages(options.layout, scale, budget);
                var best = Optional.<Fit>empty();
                if (stages.size() > 1) {
                    // A stage at another guidance scale may lead away from what the run wants.
                    best = Optional.of(stage(aim, from, new Curriculum.Stage(options.layout, scale, 0), rate));
                }
                var offset = from;
                for (var stage : stages) {
                    if (stage.stride() > 1) {
                        offset = learnedShort(aim, offset, stage, rate);
                        continue;
                    }
                    var found = stage(aim, offset, stage, rate);
                    offset = found.offset;
                    if (stage.guidance() == scale && (best.isEmpty() || found.loss < best.get().loss)) {
                        best = Optional.of(found);
                    }
                    if (options.curriculum instanceof Curriculum.Temporal(_, var even) && spread(aim, found) < even) {
                        break;
                    }
                }
                return best.orElseThrow();
            });
        }

        /// What a clip of every second frame of tokens asks for, as far as all frames go.
        private Tensor learnedShort(Aim aim, Tensor from, Curriculum.Stage stage, double rate) {
            return Scope.run(() -> {
                var kept = Curriculum.ClipLength.kept(frames);
                var perToken = Math.toIntExact(aim.x.size(1) / frames);
                var latents = LongStream.of(kept).flatMap(f -> LongStream.range(f * perToken, (f + 1) * perToken)).toArray();
                UnaryOperator<Tensor> ofLatents = x -> x.indexSelect(1, Tensor.of(latents, latents.length).to(x.device()));
                var x = ofLatents.apply(aim.x);
                var part = task.withMask(new EditMask.Fixed(task.mask().weights().map(ofLatents), Optional.empty()));
                // The critic knows the whole clip.
                var fitter = new Fitter(options, part, scale, negative, kept.length, unit, Optional.empty());
                var fewer = from.size(0) == 1 ? from : from.indexSelect(0, Tensor.of(kept, kept.length).to(from.device()));
                var found = fitter.stage(new Aim(aim.step, x, part.sourceVelocity(x, aim.step, 1), ofLatents.apply(aim.wanted)), fewer,
                        stage, rate).offset;
                return found.size(0) == 1 && !(stage.layout() instanceof Layout.PerFrame) ? found
                        : Curriculum.ClipLength.between(frames).like(found).matmul(found.flatten(1, 2)).reshape(frames, found.size(1), found.size(2));
            });
        }

        /// The largest error of a frame over the mean of all.
        private double spread(Aim aim, Fit fit) {
            return Scope.run(() -> {
                var errors = guided(aim, fit.unprompted, scale).minus(aim.wanted).square().mean(false, 0, 2, 3, 4);
                return errors.max().item() / Math.max(1e-30, errors.mean().item());
            });
        }

        private Fit stage(Aim aim, Tensor from, Curriculum.Stage stage, double rate) {
            return Scope.run(() -> {
                // [frames, P], or one row for all frames where they have been alike so far
                var basis = (stage.layout() instanceof Layout.Shared ? Tensor.ones(1, 1) : stage.layout().basis(frames)).like(from);
                UnaryOperator<Tensor> offset = u -> from.plus(basis.matmul(u.flatten(1, 2)).reshape(basis.size(0), u.size(1), u.size(2)));
                var start = Tensor.zeros(from.dtype(), from.device(), basis.size(1), from.size(1), from.size(2));
                // Steps shorten evenly to half of the first, as published.
                var first = rate * unit * (1 - aim.step.index() / (2.0 * aim.step.total()));
                var best = options.descent.lowest((u, last) -> look(aim, stage.guidance(), u, offset, last), start, first,
                        stage.iterations() + 1);
                return new Fit(offset.apply(best.u()), best.loss(), best.value(), OptionalDouble.of(rate));
            });
        }

        private Descent.Look look(Aim aim, double guidance, Tensor u, UnaryOperator<Tensor> offset, boolean last) {
            return Scope.run(() -> Torch.withGradients(() -> {
                var leaf = u.detach().requireGradient(!last);
                var memory = new Recomputation();
                var little = task.recompute() && !last;
                var unprompted = task.velocity(branch(offset.apply(leaf)), aim.x, aim.step,
                        little ? Pass.plain().with(memory) : Pass.plain());
                var value = at(aim, guidance, unprompted);
                var loss = value.total().item();
                if (last || value.rho() < options.tolerance) {
                    return new Descent.Look(loss, unprompted.detach(), Optional.empty());
                }
                task.counter().backward(1);
                var total = judged(aim) ? value.total().plus(critic.orElseThrow()
                        .opinion(aim.x.minus(guided(aim, unprompted, guidance).times(aim.step.from().sigma())))
                        .times(options.loss.critic())) : value.total();
                var gradient = (little ? memory.gradients(total, List.of(leaf)) : Tensor.gradients(total, List.of(leaf))).getFirst();
                return new Descent.Look(loss, unprompted.detach(), Optional.of(gradient));
            }));
        }

        private boolean judged(Aim aim) {
            return critic.isPresent() && aim.step.index() >= JUDGED_FROM * aim.step.total();
        }
    }
}
