package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.ArrayList;
import org.zoetrope.tensor.Tensor;

/// Denoising diffusion implicit models (Song et al., arXiv 2010.02502, equation 12):
/// `z_p = sqrt(abar_p) x + sqrt(1 - abar_p - s^2) eps + s n`, with
/// `s = eta sqrt((1 - abar_p) / (1 - abar_t)) sqrt(1 - abar_t / abar_p)`.
///
/// Deterministic at eta 0, where CogVideoX's DDIM is this method on its own schedule; one draw a step otherwise.
///
/// @param alphaToOne the last step ends without noise; otherwise at the level of timestep 0
/// @param previous   which level a step leads to
public record Ddim(NoiseSchedule schedule, Prediction prediction, Spacing spacing, int offset, Clip clip,
        boolean alphaToOne, double eta, Previous previous) implements Sampler {
    public Ddim {
        require(eta >= 0 && eta <= 1, "eta must be within 0 .. 1, found %s", eta);
    }

    /// Which level follows timestep t in a run of n steps.
    public enum Previous {
        /// That of `t - T / n` in whole numbers, as published; with trailing spacing it is the next entry only if n
        /// divides T.
        WHOLE_STRIDE {
            @Override
            int after(int[] timesteps, int i, int trainSteps) {
                return timesteps[i] - trainSteps / timesteps.length;
            }
        },
        /// That of the next entry of the list.
        NEXT_ENTRY {
            @Override
            int after(int[] timesteps, int i, int trainSteps) {
                return i + 1 < timesteps.length ? timesteps[i + 1] : -1;
            }
        };

        /// The timestep after entry i, negative at the end.
        abstract int after(int[] timesteps, int i, int trainSteps);
    }

    /// The deterministic sampler without clipping that ends without noise.
    public static Ddim of(NoiseSchedule schedule, Prediction prediction, Spacing spacing) {
        return new Ddim(schedule, prediction, spacing, 0, new Clip.Off(), true, 0, Previous.WHOLE_STRIDE);
    }

    public Ddim withEta(double eta) {
        return new Ddim(schedule, prediction, spacing, offset, clip, alphaToOne, eta, previous);
    }

    public Ddim withPrevious(Previous previous) {
        return new Ddim(schedule, prediction, spacing, offset, clip, alphaToOne, eta, previous);
    }

    @Override
    public Plan plan(int steps) {
        return plan(schedule, spacing.timesteps(schedule.trainSteps(), steps, offset), alphaToOne, previous);
    }

    /// A run over these timesteps; the sampler of CogVideoX shares it.
    static Plan plan(NoiseSchedule schedule, int[] timesteps, boolean alphaToOne, Previous previous) {
        var last = schedule.end(alphaToOne);
        var steps = new ArrayList<Step>();
        for (var i = 0; i < timesteps.length; i++) {
            var from = schedule.level(timesteps[i]);
            var after = previous.after(timesteps, i, schedule.trainSteps());
            var to = after < 0 ? last : schedule.level(after);
            steps.add(new Step(i, timesteps.length, timesteps[i], from, from, to));
        }
        return new Plan(steps, 1);
    }

    @Override
    public Level level(double timestep) {
        return schedule.level((int) timestep);
    }

    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        Level from = step.from(), to = step.to();
        var clean = clip.apply(prediction().clean(state.x(), prediction, from));
        // The reference keeps the noise of the prediction even where the clean sample was clipped.
        var epsilon = prediction().noise(state.x(), prediction, from);
        if (eta == 0) {
            return state.next(to.noisy(clean, epsilon));
        }
        var ratio = from.alpha() / to.alpha();
        var s = eta * to.sigma() / from.sigma() * Math.sqrt(1 - ratio * ratio);
        var towards = Math.sqrt(Math.max(to.sigma() * to.sigma() - s * s, 0));
        return state.next(new Mix(to.alpha(), towards).of(clean, epsilon).plus(noise.like(clean).times(s)));
    }
}
