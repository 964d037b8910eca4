package org.zoetrope.nn;

import static org.zoetrope.weights.Init.ones;
import static org.zoetrope.weights.Init.zeros;

import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// Normalises groups of channels of [B, C, ...] over all axes behind them (arXiv 1803.08494), then scales and shifts
/// each channel. On a video tensor the statistics pool every frame of the call.
public record GroupNorm(int groups, Tensor weight, Tensor bias, double epsilon) {
    public GroupNorm(Weights w, int groups, long channels, double epsilon) {
        this(groups, w.get("weight", ones(), channels), w.get("bias", zeros(), channels), epsilon);
    }

    public Tensor forward(Tensor x) {
        return x.groupNorm(groups, weight, bias, epsilon);
    }
}
