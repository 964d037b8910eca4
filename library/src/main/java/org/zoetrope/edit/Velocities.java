package org.zoetrope.edit;

import java.util.List;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// The velocities of both sides under one draw of noise, both [1, T, C, H, W].
record Velocities(Tensor source, Tensor target) implements Tensors {
    /// V = V_t - V_s, what drives an edit.
    Tensor difference() {
        return target.minus(source);
    }

    @Override
    public List<Tensor> tensors() {
        return List.of(source, target);
    }

    /// The mean of tensors of one shape, added up in their order.
    static Tensor mean(List<Tensor> draws) {
        var sum = draws.getFirst();
        for (var draw : draws.subList(1, draws.size())) {
            sum = sum.plus(draw);
        }
        return draws.size() == 1 ? sum : sum.div(draws.size());
    }
}
