package org.zoetrope.edit;

/// Counts calls of a network; the costs that methods state are checked against it.
///
/// Not safe to share between threads.
public final class EvaluationCounter {
    private long forwards;
    private long backwards;

    /// The network predicted for this many samples.
    public void forward(long samples) {
        forwards += samples;
    }

    /// Gradients were taken through the network for this many samples.
    public void backward(long samples) {
        backwards += samples;
    }

    /// Goes on from what an earlier run had counted, instead of what was counted here.
    void goOn(long predictions) {
        forwards = predictions;
    }

    /// Predictions so far.
    public long forwards() {
        return forwards;
    }

    /// Gradients so far.
    public long backwards() {
        return backwards;
    }
}
