package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.ArrayList;
import java.util.Arrays;
import org.zoetrope.tensor.Tensor;

/// Ancestral sampling (Ho et al., arXiv 2006.11239), between any two levels t > p of the schedule.
///
/// With `beta' = 1 - abar_t / abar_p` (`added` below) the next state is drawn around
/// `sqrt(abar_p) beta' / (1 - abar_t) x + sqrt(1 - beta') (1 - abar_p) / (1 - abar_t) z`.
/// One draw a step, none at timestep 0.
public record Ddpm(NoiseSchedule schedule, Prediction prediction, Spacing spacing, int offset, Clip clip,
        Variance variance) implements Sampler {
    /// Below this the logarithm of a variance is not taken.
    private static final double SMALLEST = 1e-20;

    /// The variance of a step, by the names of the published configs.
    public enum Variance {
        /// The variance of the true posterior, `(1 - abar_p) / (1 - abar_t) beta'`.
        FIXED_SMALL,
        /// The same, kept as a logarithm by the reference.
        FIXED_SMALL_LOG,
        /// `beta'`.
        FIXED_LARGE,
        /// The same, kept as a logarithm by the reference.
        FIXED_LARGE_LOG,
        /// The second half of the network's channels is the variance.
        LEARNED,
        /// The second half of the network's channels interpolates between the two logarithms (Nichol and Dhariwal).
        LEARNED_RANGE
    }

    @Override
    public Plan plan(int steps) {
        var timesteps = spacing.timesteps(schedule.trainSteps(), steps, offset);
        var levels = new ArrayList<Level>();
        for (var t : timesteps) {
            levels.add(schedule.level(t));
        }
        levels.add(schedule.end(true));
        return Plan.through(Arrays.stream(timesteps).asDoubleStream().toArray(), levels, 1);
    }

    @Override
    public Level level(double timestep) {
        return schedule.level((int) timestep);
    }

    @Override
    public State step(Plan plan, State state, Tensor prediction, Noise noise) {
        var step = plan.steps().get(state.done());
        Level from = step.from(), to = step.to();
        var z = state.x();
        var output = isLearned() ? half(prediction, z, 0) : prediction;
        var clean = clip.apply(prediction().clean(z, output, from));

        var kept = from.abar().div(to.abar());
        var added = kept.fromOne();
        var mean = new Mix(to.signal().times(added).div(from.variance()).value(),
                kept.sqrt().times(to.variance()).div(from.variance()).value()).of(clean, z);
        if (step.timestep() == 0) {
            return state.next(mean);
        }
        var fresh = noise.like(z);
        var small = Math.max(to.variance().div(from.variance()).times(added).value(), SMALLEST);
        var beta = added.value();
        return state.next(switch (variance) {
            case FIXED_SMALL, FIXED_SMALL_LOG -> mean.plus(fresh.times(Math.sqrt(small)));
            case FIXED_LARGE, FIXED_LARGE_LOG -> mean.plus(fresh.times(Math.sqrt(beta)));
            case LEARNED -> mean.plus(half(prediction, z, 1).sqrt().times(fresh));
            case LEARNED_RANGE -> {
                // exp of half the logarithm at the place (v + 1) / 2 between ln(small) and ln(beta)
                double low = Math.log(small), high = Math.log(beta);
                var halfLog = half(prediction, z, 1).times((high - low) / 4).plus((high + low) / 4);
                yield mean.plus(halfLog.exp().times(fresh));
            }
        });
    }

    private boolean isLearned() {
        return variance == Variance.LEARNED || variance == Variance.LEARNED_RANGE;
    }

    private Tensor half(Tensor prediction, Tensor z, int which) {
        var channels = z.size(1);
        require(prediction.size(1) == 2 * channels, "variance_type %s needs %d channels from the network, twice those "
                + "of the latents, found %d", variance, 2 * channels, prediction.size(1));
        return prediction.narrow(1, which * channels, channels);
    }
}
