package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.function.Consumer;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// A method that turns noise into data by calling a network at falling noise levels.
///
/// Samplers are immutable values and hold no state: [#plan(int)] lists the steps of a run, [#step] is a function from
/// one [State] to the next, and [#sample] folds it over the plan. One object serves many runs at once.
///
/// ```java
/// var plan = sampler.plan(50);
/// var clean = sampler.sample(plan, plan.fromNoise(noise), denoiser, Noise.from(rng), StepListener.none());
/// ```
public sealed interface Sampler permits CogVideoXDpm, Ddim, DdimInverse, Ddpm, DpmSolver, Euler, EulerAncestral,
        FlowMatchEuler, Heun, Lcm, Pndm, UniPc {
    /// The steps of a run.
    ///
    /// @param steps how many times the levels fall; Heun and Pndm call the network more often
    /// @throws SamplingException if the schedule does not take that many
    Plan plan(int steps);

    /// The last part of a run, for starting from a clip with noise at `plan.start()`.
    ///
    /// @param strength share of the steps to take, over 0 to 1; at least one step is taken
    default Plan plan(int steps, double strength) {
        return plan(steps).drop(skipped(steps, strength));
    }

    /// This sampler for samples of so many latent tokens; only schedules with a resolution-dependent shift change.
    default Sampler forTokens(int tokens) {
        return this;
    }

    /// What the network's output means.
    Prediction prediction();

    /// The forward process at a timestep of training, in the coordinates of this sampler.
    Level level(double timestep);

    /// What the network is shown of the state: for most methods the state itself.
    default Tensor scaleInput(Tensor x, Step step) {
        return x;
    }

    /// The state after the step `plan.steps().get(state.done())`.
    ///
    /// @param prediction what the network returned for the scaled `state.x()`
    /// @param noise      fresh noise, drawn only by stochastic methods
    State step(Plan plan, State state, Tensor prediction, Noise noise);

    /// Runs a plan to its end. Every step has a memory scope of its own, so the peak is one step's worth.
    ///
    /// @param latents  where the run begins: `plan.fromNoise(noise)`, or a clip with noise at `plan.start()`
    /// @param listener hears of every step
    /// @return the latents after the last step
    /// @throws SamplingException after the first step whose result is not finite
    default Tensor sample(Plan plan, Tensor latents, Denoiser denoiser, Noise noise, StepListener listener) {
        return Scope.run(() -> sample(plan, State.of(latents), denoiser, noise,
                move -> listener.after(move.step(), move.to().x())).x());
    }

    /// As [#sample(Plan, Tensor, Denoiser, Noise, StepListener)], from any state of the run: one that was kept continues
    /// bit for bit where it was left, if the noise continues there as well.
    ///
    /// @param start where the run stands; the steps behind it are not taken again
    /// @return the state after the last step
    default State sample(Plan plan, State start, Denoiser denoiser, Noise noise, Consumer<Move> listener) {
        var ahead = plan.steps().subList(start.done(), plan.steps().size());
        return Scope.run(() -> Scope.fold(start, ahead, (state, step) -> {
            var prediction = denoiser.predict(scaleInput(state.x(), step), step).like(state.x());
            var next = step(plan, state, prediction, noise);
            if (!next.x().isFinite()) {
                throw new SamplingException("step %d of %d (timestep %s) gave latents that are not finite; "
                        .formatted(step.index() + 1, step.total(), step.timestep())
                        + (prediction.isFinite()
                                ? "the prediction was finite, so the sampler's options do not fit the network"
                                : "the prediction already was not, so look at the weights and the number type"));
            }
            listener.accept(new Move(step, state, prediction, next));
            return next;
        }));
    }

    /// The clean sample that the network saw behind the noise of a step.
    ///
    /// @throws SamplingException where the level has no signal to see it by
    default Tensor clean(Move move) {
        return prediction().clean(move.from().x(), move.prediction(), move.step().at());
    }

    /// How many steps a partial run leaves out.
    static int skipped(int steps, double strength) {
        require(strength > 0 && strength <= 1, "strength must be over 0 and at most 1, found %s", strength);
        return steps - Math.max(1, (int) (steps * strength));
    }
}
