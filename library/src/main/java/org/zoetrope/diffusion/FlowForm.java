package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import org.zoetrope.tensor.Tensor;

/// A network of any prediction, presented as a rectified-flow network: an exact change of variables.
///
/// A state `z = alpha x0 + sigma n` is a multiple of the flow state `x = (1 - s) x0 + s n` with the share of noise
/// `s = sigma / (alpha + sigma)`: `z = (alpha + sigma) x`. The flow velocity `n - x0` follows from any prediction, and an
/// Euler step in s is the deterministic DDIM step. A level without signal becomes s = 1 and is no special case. So
/// methods written for flow models run on the others unchanged.
///
/// @param network    the run as the network's scheduler has it
/// @param prediction what the network's output means
public record FlowForm(Plan network, Prediction prediction) {
    /// @throws SamplingException if the run calls the network more than once per move (Heun, PNDM)
    public FlowForm {
        require(network.steps().stream().allMatch(step -> step.at().equals(step.from())),
                "this run calls the network twice for one move, which has no flow form; use a DDIM, Euler or multistep "
                        + "scheduler");
    }

    /// The run of a sampler.
    public static FlowForm of(Sampler sampler, int steps) {
        return new FlowForm(sampler.plan(steps), sampler.prediction());
    }

    /// The same run in flow levels. Indices and timesteps are those of the network's run.
    public Plan plan() {
        return new Plan(network.steps().stream().map(step -> new Step(step.index(), step.total(), step.timestep(),
                flow(step.at()), flow(step.from()), flow(step.to()))).toList(), 1);
    }

    private static Level flow(Level level) {
        return Level.flow(level.noiseShare());
    }

    /// The network as its flow velocity, in steps of [#plan()].
    public Denoiser velocity(Denoiser raw) {
        return (x, step) -> {
            var own = network.steps().get(step.index() - network.steps().getFirst().index());
            var z = over(x, own.at());
            return prediction.convert(z, raw.predict(z, own), own.at(), Prediction.flow());
        };
    }

    /// The network's state for a flow state.
    private static Tensor over(Tensor x, Level level) {
        var scale = level.sum().value();
        return scale == 1 ? x : x.times(scale);
    }
}
