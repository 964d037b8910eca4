package org.zoetrope.edit;

import java.util.Optional;
import java.util.function.Function;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Tensor;

/// Where an edit may act, as a method asks for it on its way. A mask belongs to one run: one that is read from attention
/// learns while the network is evaluated.
public interface EditMask {
    /// Whose velocity is evaluated.
    enum Side {
        SOURCE, TARGET
    }

    /// A step begins; what was learned in the step before is forgotten.
    default void beginStep() {}

    /// Takes up what an earlier run, stopped on its way, had found up to there.
    default void goOn(LatentMask found) {}

    /// Evaluates a prompted velocity, watched if this mask learns from attention.
    ///
    /// @param start latent frame at which the evaluated window begins
    /// @param call  the evaluation
    default Tensor watch(Side side, int start, Function<Pass, Tensor> call) {
        return call.apply(Pass.plain());
    }

    /// Weights [1, T, 1, H, W] for the velocities of this step, from 0 (keep) to 1; empty if the edit may act everywhere.
    /// Asked after the evaluations of the step.
    Optional<Tensor> weights();

    /// The cells that were inside at any step so far; empty if the edit may act everywhere.
    Optional<LatentMask> inside();

    /// The edit may act everywhere.
    static EditMask everywhere() {
        return new Fixed(Optional.empty(), Optional.empty());
    }

    /// The same cells in every step.
    static EditMask fixed(LatentMask inside, SoftEdge edge) {
        return new Fixed(Optional.of(inside.weights(edge)), Optional.of(inside));
    }

    /// The same weights in every step.
    record Fixed(Optional<Tensor> weights, Optional<LatentMask> inside) implements EditMask {}
}
