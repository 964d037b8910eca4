package org.zoetrope.nn;

import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// Two layers with a tanh GELU between them, stored as `net.0.proj` and `net.2`.
public record FeedForward(Linear in, Linear out) {
    public FeedForward(Weights w, long width, long hidden) {
        this(new Linear(w.at("net.0.proj"), width, hidden), new Linear(w.at("net.2"), hidden, width));
    }

    public Tensor forward(Tensor x) {
        return out.forward(in.forward(x).geluTanhInPlace());
    }
}
