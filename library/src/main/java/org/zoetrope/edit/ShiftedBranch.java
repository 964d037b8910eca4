package org.zoetrope.edit;

import java.util.ArrayList;
import java.util.List;
import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.FrameShift;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Tensor;

/// A network under one prompt in which every frame has something of its own besides.
record ShiftedBranch(Branch plain, FrameShift shift) implements Branch {
    @Override
    public Tensor velocity(Tensor x, Step step, Pass pass) {
        return plain.velocity(x, step, pass.with(shift));
    }

    @Override
    public Tensor features() {
        return plain.features();
    }

    @Override
    public Branch with(Tensor features) {
        return new ShiftedBranch(plain.with(features), shift);
    }

    @Override
    public Branch behind(Branch other) {
        return new ShiftedBranch(plain.behind(other), shift.behindNothing());
    }

    @Override
    public List<Tensor> tensors() {
        var all = new ArrayList<>(plain.tensors());
        all.addAll(shift.tensors());
        return all;
    }
}
