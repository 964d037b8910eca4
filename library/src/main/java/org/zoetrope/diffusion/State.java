package org.zoetrope.diffusion;

import java.util.List;
import java.util.stream.Stream;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// Where a run stands: all a sampler knows from one step to the next.
///
/// @param x    the latents
/// @param past what the method remembers, in an order of its own
/// @param done steps of the plan behind this state
public record State(Tensor x, List<Tensor> past, int done) implements Tensors {
    public State {
        past = List.copyOf(past);
    }

    /// The beginning of a run.
    public static State of(Tensor x) {
        return new State(x, List.of(), 0);
    }

    /// The same state on another device.
    public State to(Device device) {
        return new State(x.to(device), past.stream().map(tensor -> tensor.to(device)).toList(), done);
    }

    /// After one more step.
    State next(Tensor x, List<Tensor> past) {
        return new State(x, past, done + 1);
    }

    /// After one more step of a method that remembers nothing.
    State next(Tensor x) {
        return next(x, List.of());
    }

    @Override
    public List<Tensor> tensors() {
        return Stream.concat(Stream.of(x), past.stream()).toList();
    }
}
