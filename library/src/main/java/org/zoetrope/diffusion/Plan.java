package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.ArrayList;
import java.util.List;
import org.zoetrope.tensor.Tensor;

/// The steps of one run, from noise to data: an immutable list made by a [Sampler].
///
/// @param initialNoiseScale the standard deviation of pure noise at the start of the whole run
public record Plan(List<Step> steps, double initialNoiseScale) {
    public Plan {
        steps = List.copyOf(steps);
        require(!steps.isEmpty(), "a run needs at least one step");
    }

    /// A run through levels, one more than timesteps.
    static Plan through(double[] timesteps, List<Level> levels, double initialNoiseScale) {
        var steps = new ArrayList<Step>();
        for (var i = 0; i < timesteps.length; i++) {
            steps.add(new Step(i, timesteps.length, timesteps[i], levels.get(i), levels.get(i), levels.get(i + 1)));
        }
        return new Plan(steps, initialNoiseScale);
    }

    /// The run without its first `count` steps.
    public Plan drop(int count) {
        require(count >= 0 && count < steps.size(), "cannot leave out %d of %d steps", count, steps.size());
        return count == 0 ? this : new Plan(steps.subList(count, steps.size()), initialNoiseScale);
    }

    /// The level a run starts from: `start().noisy(clean, noise)` is where a run that keeps some of a clip begins.
    public Level start() {
        return steps.getFirst().from();
    }

    /// Where a run from nothing begins: unit noise at the scale of this sampler.
    public Tensor fromNoise(Tensor noise) {
        return initialNoiseScale == 1 ? noise : noise.times(initialNoiseScale);
    }

    /// The first step that tells the network this timestep, up to the rounding of float32.
    ///
    /// @throws SamplingException if there is none
    public Step at(double timestep) {
        var near = 1e-5 * Math.max(1, Math.abs(timestep));
        return steps.stream().filter(s -> Math.abs(s.timestep() - timestep) <= near).findFirst()
                .orElseThrow(() -> new SamplingException("this run of %d steps has no timestep %s; it has %s".formatted(
                        steps.size(), timestep, timesteps())));
    }

    /// What the network is told, step by step.
    public List<Double> timesteps() {
        return steps.stream().map(Step::timestep).toList();
    }
}
