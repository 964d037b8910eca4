package org.zoetrope.diffusion;

import org.zoetrope.tensor.Tensor;

/// One step of a run as it happened. Its tensors are valid while the listener that hears of it is called.
///
/// @param from       where the run stood
/// @param prediction what the network returned for it
/// @param to         where the step led
public record Move(Step step, State from, Tensor prediction, State to) {}
