package org.zoetrope.train;

import java.util.List;
import java.util.SequencedMap;
import org.zoetrope.tensor.Tensor;

/// What a stage made.
///
/// @param tensors finished weights by name, running averages where they were trained
/// @param losses  of every step
public record Trained(SequencedMap<String, Tensor> tensors, List<Double> losses) {}
