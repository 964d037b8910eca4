package org.zoetrope.edit;

import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;

/// A small network with random weights that mixes the channels of a cell with those of its neighbours in time and space
/// and knows nothing; words [1, 1, C], or [1, T, 1, C], are added to the channels: what holds for it holds for any.
record Nonlinear(Tensor mix, Tensor features, double reach) implements Branch {
    /// @param weights seed of the weights
    /// @param words   seed of the prompt; equal words of equal weights are the same branch
    static Nonlinear of(long weights, long words, int channels) {
        return new Nonlinear(new Rng(weights).normal(channels, channels),
                new Rng(words).normal(1, 1, channels), 0.5);
    }

    @Override
    public Nonlinear with(Tensor other) {
        return new Nonlinear(mix, other, reach);
    }

    @Override
    public Tensor velocity(Tensor x, Step step, Pass pass) {
        var near = x.plus(x.mean(true, 1, 3, 4).times(reach));
        var words = features.reshape(1, features.rank() == 4 ? features.size(1) : 1, features.size(-1), 1, 1);
        var mixed = mix.matmul(near.rearrange("B T C H W -> B T C (H W)")).reshape(x.shape());
        return mixed.plus(words).plus(step.at().sigma()).tanh();
    }
}
