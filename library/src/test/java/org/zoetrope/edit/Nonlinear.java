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
        var biased = pass.frames().video().map(b -> x.plus(b.reshape(1, b.size(1), b.size(2), 1, 1))).orElse(x);
        var near = biased.plus(biased.mean(true, 1, 3, 4).times(reach));
        var told = pass.frames().onText(features).orElse(features);
        var words = told.reshape(1, told.rank() == 4 ? told.size(1) : 1, told.size(-1), 1, 1);
        var mixed = mix.matmul(near.rearrange("B T C H W -> B T C (H W)")).reshape(x.shape());
        return mixed.plus(words).plus(step.at().sigma()).tanh();
    }
}
