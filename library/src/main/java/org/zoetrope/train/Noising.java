package org.zoetrope.train;

import org.zoetrope.diffusion.Level;
import org.zoetrope.diffusion.NoiseSchedule;
import org.zoetrope.diffusion.TimeSampler;
import org.zoetrope.tensor.Rng;

/// How clips are noised in training: which moments between clean and noise a step looks at, the level of each, and what
/// the network is told of it.
public sealed interface Noising {
    /// One moment of one sample.
    ///
    /// @param timestep the network's input
    record Moment(Level level, float timestep) {}

    /// The moments of part `part` of a step's `parts`, `batch` samples each.
    Moment[] draw(Rng rng, int batch, int part, int parts);

    /// A discrete schedule, its timesteps stratified over the whole step: sample i of part p looks at interval
    /// `p + i * parts` of `batch * parts` equal ones (arXiv 2408.06072, section 3.4).
    ///
    /// @param lean 1 looks at all timesteps alike; more looks at noisy ones more often: fraction f of the schedule becomes
    ///             `1 - (1 - f)^lean`, which with 2 puts 45 of 100 samples into the noisiest fifth
    record Discrete(NoiseSchedule schedule, double lean) implements Noising {
        @Override
        public Moment[] draw(Rng rng, int batch, int part, int parts) {
            var times = new TimeSampler.Uniform().draw(rng, batch);
            var moments = new Moment[batch];
            for (var i = 0; i < batch; i++) {
                var fraction = (part + (double) i * parts + times[i]) / (batch * parts);
                var t = (int) ((1 - Math.pow(1 - fraction, lean)) * schedule.trainSteps());
                moments[i] = new Moment(schedule.level(t), t);
            }
            return moments;
        }
    }

    /// The straight path of rectified flow, `z = (1 - sigma) x + sigma eps` (arXiv 2209.03003, 2403.03206): times from a
    /// density, moved towards the noise by `sigma = shift t / (1 + (shift - 1) t)`; the network is told `1000 sigma`.
    ///
    /// @param shift 1 leaves the times alone; larger clips need more
    record Flow(TimeSampler times, double shift) implements Noising {
        @Override
        public Moment[] draw(Rng rng, int batch, int part, int parts) {
            var drawn = times.draw(rng, batch);
            var moments = new Moment[batch];
            for (var i = 0; i < batch; i++) {
                // Equal intervals are shared among the parts of a step as well.
                var t = times instanceof TimeSampler.Stratified ? (drawn[i] * batch - i + part) / parts / batch + (double) i / batch : drawn[i];
                var sigma = shift * t / (1 + (shift - 1) * t);
                moments[i] = new Moment(Level.flow(sigma), (float) (1000 * sigma));
            }
            return moments;
        }
    }
}
