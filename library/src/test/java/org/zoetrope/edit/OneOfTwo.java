package org.zoetrope.edit;

import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Tensor;

/// A perfect network for a world of two clips. Its velocity is that of their mean after Bayes: words say how likely each is,
/// the noisy latents what speaks for it.
///
/// @param clips  both, [2, T, C, H, W]
/// @param second what the words give the second one, 0 .. 1
record OneOfTwo(Tensor clips, double second) implements Branch {
    @Override
    public Tensor features() {
        return clips;
    }

    @Override
    public OneOfTwo with(Tensor features) {
        return new OneOfTwo(features, second);
    }

    @Override
    public Tensor velocity(Tensor x, Step step, Pass pass) {
        double a = step.at().alpha(), b = step.at().sigma();
        Tensor one = clips.narrow(0, 0, 1), two = clips.narrow(0, 1, 1);
        var evidence = (misfit(x, one, a) - misfit(x, two, a)) / (2 * b * b);
        var share = 1 / (1 + Math.exp(-evidence - Math.log(second / (1 - second))));
        return x.minus(one.times(1 - share).plus(two.times(share))).div(b);
    }

    private static double misfit(Tensor x, Tensor clip, double alpha) {
        var off = x.minus(clip.times(alpha)).toDoubles();
        var sum = 0.0;
        for (var value : off) {
            sum += value * value;
        }
        return sum;
    }
}
