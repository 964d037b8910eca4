package org.zoetrope.edit;

import java.util.List;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// The pivots of an inversion: the states that the sampler would pass through on its way to the clip.
///
/// @param start  step that begins at the first state
/// @param states [1, T, C, H, W] before each step from `start` on, and the clip itself at the end
public record Trajectory(int start, List<Tensor> states) implements Tensors {
    public Trajectory {
        states = List.copyOf(states);
    }

    /// The state at which a step begins.
    ///
    /// @param step index in the whole run
    public Tensor before(int step) {
        return states.get(step - start);
    }

    /// The state to which a step leads.
    public Tensor after(int step) {
        return states.get(step - start + 1);
    }

    @Override
    public List<Tensor> tensors() {
        return states;
    }
}
