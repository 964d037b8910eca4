package org.zoetrope.edit;

import java.util.List;
import java.util.Optional;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// What a network says of one state under a prompt and, where guidance needs it, without.
///
/// @param cond   velocity under the prompt [1, T, C, H, W]
/// @param uncond velocity of the branch that guidance leads away from; empty at guidance 1
/// @param scale  of guidance
record Prediction(Tensor cond, Optional<Tensor> uncond, double scale) implements Tensors {
    /// The guided velocity.
    Tensor velocity() {
        return uncond.map(away -> away.plus(cond.minus(away).times(scale))).orElse(cond);
    }

    @Override
    public List<Tensor> tensors() {
        return uncond.map(away -> List.of(cond, away)).orElse(List.of(cond));
    }
}
