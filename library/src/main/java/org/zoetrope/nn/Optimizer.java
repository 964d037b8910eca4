package org.zoetrope.nn;

import java.util.Map;
import org.zoetrope.tensor.Tensor;

/// Moves parameters along their gradients, each by name and on its own: threads may move different ones at the same time.
/// What it remembers of the past is ordinary tensors, so a checkpoint can hold it.
public sealed interface Optimizer permits AdamW, Muon {
    /// Moves one parameter.
    ///
    /// @param step         steps taken so far, this one included
    /// @param learningRate of this step
    /// @param gradient     of the parameter's shape
    void step(String name, int step, double learningRate, Tensor gradient);

    /// What it remembers, by name.
    Map<String, Tensor> state();
}
