package org.zoetrope.edit;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import org.zoetrope.diffusion.Plan;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.AttentionKernel;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// What every method works with: the clip, the network under both prompts and under none, the levels of the run.
///
/// Axes: T latent frames, C latent channels, H W latent height and width.
///
/// @param source     latents of the clip at the network's scale [1, T, C, H, W]
/// @param plan       flow levels from noise to data
/// @param from       the network under the words that describe the source
/// @param to         the network under the words that describe the edited clip
/// @param unprompted the network under the negative prompt; the same for both sides
/// @param tokens     how the network sees latents
/// @param words      how the words of both prompts belong together
/// @param recompute  whether gradients are taken in little memory, at the cost of one more evaluation each
/// @param windows    how a long clip is looked at
/// @param mask       where the edit may act
/// @param draws      the noise
/// @param counter    counts every evaluation
/// @param course     what hears of the steps, and where an earlier run was stopped
public record EditTask(Tensor source, Plan plan, Branch from, Branch to, Branch unprompted, TokenGrid tokens,
        WordMap words, boolean recompute, Windows windows, EditMask mask, Draws draws, EvaluationCounter counter, Course course) {
    /// A task without a mask, in one window, of a network whose tokens are the cells of the latents.
    public static EditTask of(Tensor source, Plan plan, Branch from, Branch to, Branch unprompted, Draws draws) {
        return new EditTask(source, plan, from, to, unprompted, new TokenGrid(1, 1, 1, (int) source.size(2)),
                WordMap.none(), false, Windows.one((int) source.size(1)), EditMask.everywhere(), draws, new EvaluationCounter(), Course.plain());
    }

    public EditTask withMask(EditMask where) {
        return new EditTask(source, plan, from, to, unprompted, tokens, words, recompute, windows, where, draws, counter, course);
    }

    /// The same, the network under the target prompt and under none seen in another way.
    EditTask withTarget(Branch prompted, Branch awayFrom) {
        return new EditTask(source, plan, from, prompted, awayFrom, tokens, words, recompute, windows, mask, draws, counter, course);
    }

    public EditTask withWindows(Windows parts) {
        return new EditTask(source, plan, from, to, unprompted, tokens, words, recompute, parts, mask, draws, counter, course);
    }

    public EditTask withTokens(TokenGrid grid) {
        return new EditTask(source, plan, from, to, unprompted, grid, words, recompute, windows, mask, draws, counter, course);
    }

    public EditTask withWords(WordMap map) {
        return new EditTask(source, plan, from, to, unprompted, tokens, map, recompute, windows, mask, draws, counter, course);
    }

    public EditTask withRecompute(boolean little) {
        return new EditTask(source, plan, from, to, unprompted, tokens, words, little, windows, mask, draws, counter, course);
    }

    public EditTask withCourse(Course other) {
        return new EditTask(source, plan, from, to, unprompted, tokens, words, recompute, windows, mask, draws, counter, other);
    }

    /// Steps of the whole run.
    public int steps() {
        return plan.steps().size();
    }

    /// The step at whose level the network is told a sigma nearest to this.
    Step nearest(double sigma) {
        return plan.steps().stream().min(Comparator.comparingDouble(s -> Math.abs(s.at().sigma() - sigma))).orElseThrow();
    }

    /// Unit noise of the clip's shape.
    Tensor noise(Step step, int draw) {
        return draws.noise(step.index(), draw, source);
    }

    /// A change of nothing.
    Tensor unchanged() {
        return Tensor.zeros(source.dtype(), source.device(), source.shape());
    }

    /// The guided velocity of the source side.
    Tensor sourceVelocity(Tensor x, Step step, double guidanceScale) {
        return predicted(from, unprompted, EditMask.Side.SOURCE, x, step, guidanceScale).velocity();
    }

    /// The guided velocity of the target side.
    Tensor targetVelocity(Tensor x, Step step, double guidanceScale) {
        return target(x, step, guidanceScale, unprompted).velocity();
    }

    /// What is predicted on the target side, led away from another branch than [#unprompted()].
    Prediction target(Tensor x, Step step, double guidanceScale, Branch awayFrom) {
        return predicted(to, awayFrom, EditMask.Side.TARGET, x, step, guidanceScale);
    }

    /// The velocity of one branch, not guided and not watched.
    Tensor velocity(Branch branch, Tensor x, Step step) {
        return velocity(branch, x, step, Pass.plain());
    }

    /// The same with something special about the calls.
    Tensor velocity(Branch branch, Tensor x, Step step, Pass pass) {
        return windows.across(x, (part, _) -> counted(branch, part, step, pass));
    }

    /// The velocity of one branch whose attention sees that of another at the same time, as the first sample of a batch.
    ///
    /// @param reference the other branch
    /// @param pivot     where the other branch stands, shaped like x
    /// @param kernel    attention over two samples, the reference first
    Tensor beside(Branch reference, Tensor pivot, Branch branch, Tensor x, Step step, AttentionKernel kernel) {
        return counted(branch.behind(reference), Tensor.cat(List.of(pivot, x), 0), step, Pass.plain().with(kernel)).narrow(0, 1, 1);
    }

    /// Both velocities under the same noise, where the edit so far is `delta`.
    ///
    /// The target side stands at z_s + delta and not at `Z + z_s - X`, which in floating point is not z_s where nothing
    /// was edited: equal prompts would leave the source (EditorsTest.equalPromptsReturnTheSourceBitForBit).
    Velocities velocities(Tensor delta, Step step, Tensor noise, double sourceScale, double targetScale) {
        var zs = step.at().noisy(source, noise);
        return new Velocities(sourceVelocity(zs, step, sourceScale),
                targetVelocity(zs.plus(delta), step, targetScale));
    }

    private Prediction predicted(Branch prompted, Branch awayFrom, EditMask.Side side, Tensor x, Step step, double scale) {
        var cond = windows.across(x, (part, start) -> mask.watch(side, start,
                pass -> counted(prompted, part, step, pass)));
        return new Prediction(cond, scale == 1 ? Optional.empty() : Optional.of(velocity(awayFrom, x, step)), scale);
    }

    private Tensor counted(Branch branch, Tensor x, Step step, Pass pass) {
        counter.forward(x.size(0));
        return branch.velocity(x, step, pass);
    }

    /// What the mask leaves of a velocity or of a change.
    Tensor masked(Tensor change) {
        return mask.weights().map(weights -> change.times(weights.like(change))).orElse(change);
    }

    /// Reports the state after a step.
    ///
    /// @throws SamplingException if it is not finite
    Tensor stepped(Step step, Tensor latents) {
        if (!latents.isFinite()) {
            throw new SamplingException(("step %d of %d of the edit gave latents that are not finite; try less guidance "
                    + "or another number type").formatted(step.index() + 1, step.total()));
        }
        course.heard().after(step, latents);
        return latents;
    }

    // ---------------------------------------------------------------- from step to step

    /// Changes the source step by step, from no change at all. A run that was stopped on the way goes on from there.
    ///
    /// @param steps in which it changes, successive ones of the plan
    /// @param move  from the change before a step to the one behind it
    Tensor changed(List<Step> steps, BiFunction<Tensor, Step, Tensor> move) {
        return followed(unchanged(), steps, move, (_, _, change) -> source.plus(change));
    }

    /// Takes a sample step by step. A run that was stopped on the way goes on from there.
    ///
    /// @param start at the first level
    /// @param steps that it takes, successive ones of the plan
    /// @param move  from the state before a step to the one behind it
    Tensor sampled(Tensor start, List<Step> steps, BiFunction<Tensor, Step, Tensor> move) {
        // The straight line through the last two states, as far as the clean level.
        return followed(start, steps, move, (step, before, x) -> x.minus(x.minus(before)
                .times(step.to().sigma() / (step.to().sigma() - step.from().sigma()))));
    }

    /// What a state says of the clean latents.
    private interface Clean {
        Tensor of(Step step, Tensor before, Tensor state);
    }

    /// A state that was kept stands for everything up to it: of a method with several phases those before are not run.
    private Tensor followed(Tensor begin, List<Step> steps, BiFunction<Tensor, Step, Tensor> move, Clean clean) {
        var done = course.reached().map(Course.Reached::done).orElse(0);
        var left = steps.stream().filter(step -> step.index() >= done).toList();
        var start = left.size() < steps.size() ? course.reached().orElseThrow().state() : begin;
        return Scope.run(() -> Scope.fold(start, left, (x, step) -> {
            mask.beginStep();
            var next = stepped(step, move.apply(x, step));
            course.kept().behind(new Course.Reached(step.index() + 1, next), () -> clean.of(step, x, next));
            return next;
        }));
    }
}
