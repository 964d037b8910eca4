package org.zoetrope.edit;

import java.util.List;
import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.FrameShift;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// A network under one prompt, in flow form.
public interface Branch extends Tensors {
    /// The velocity `n - x0` at `x = (1 - sigma) x0 + sigma n`.
    ///
    /// @param x    noisy latents [1, T, C, H, W]
    /// @param step of the task's plan; sigma is `step.at().sigma()`
    /// @param pass what is special about this call
    /// @return shaped like x, float32 or better: differences of velocities cancel large equal parts
    Tensor velocity(Tensor x, Step step, Pass pass);

    /// The prompt as the network reads it: text features [1, L, D].
    Tensor features();

    /// The same network under other words. Gradients flow from the velocity back to them.
    ///
    /// @param features text features [1, L, D], or one text for each latent frame [1, T, L, D]
    Branch with(Tensor features);

    /// The same network under the same words, where every frame has something of its own besides. Gradients flow back to
    /// the shift.
    default Branch with(FrameShift shift) {
        return new ShiftedBranch(this, shift);
    }

    /// The network for two samples at once: the first under the words of another branch, the second as this one.
    default Branch behind(Branch other) {
        Tensor mine = features(), theirs = other.features();
        var copies = mine.rank() == 4 && theirs.rank() == 3 ? theirs.unsqueeze(1).expand(mine.shape()) : theirs;
        return with(Tensor.cat(List.of(copies, mine), 0));
    }

    /// What must stay alive while this branch is used, the weights aside.
    @Override
    default List<Tensor> tensors() {
        return List.of(features());
    }
}
