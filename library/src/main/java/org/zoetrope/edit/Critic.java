package org.zoetrope.edit;

import java.util.LinkedHashMap;
import java.util.List;
import org.zoetrope.nn.AdamW;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// A small judge of latents that learns one clip while null-text runs: real are crops of the clip, fake the same crops of
/// the estimate. Three 3 x 3 x 3 convolutions with spectral norm (arXiv 1802.05957) and the hinge loss. The target of
/// null-text is known exactly, so a critic adds no information and can only trade distance for sharpness.
///
/// Not safe to share between threads.
final class Critic {
    private static final int[] CHANNELS = {32, 64, 1};
    private static final int[] STRIDES = {1, 2, 2};
    private static final double RATE = 2e-4;
    private static final double SLOPE = 0.2; // of leaky rectifiers, as in the cited paper
    private static final int SMALLEST = 4;   // cells of a crop along an axis, where there are as many

    /// @param left the left singular vector, followed by power iteration [out]
    private record Layer(Tensor weight, Tensor bias, Tensor left) {}

    private final Tensor real;
    private final Rng rng;
    private final List<Layer> layers;
    private final List<Tensor> parameters;
    private final AdamW adam;
    private int steps;

    /// @param real latents of the clip [1, T, C, H, W]
    Critic(Tensor real, long seed) {
        this.real = real;
        rng = new Rng(seed);
        layers = List.of(layer((int) real.size(2), 0), layer(CHANNELS[0], 1), layer(CHANNELS[1], 2));
        var named = new LinkedHashMap<String, Tensor>();
        for (var i = 0; i < layers.size(); i++) {
            named.put("weight" + i, layers.get(i).weight.requireGradient(true));
            named.put("bias" + i, layers.get(i).bias.requireGradient(true));
        }
        parameters = List.copyOf(named.values());
        adam = new AdamW(named, new AdamW.Options(0, 0.9, 1e-8, 0)); // moments of the cited paper
    }

    private Layer layer(int in, int at) {
        var out = CHANNELS[at];
        var weight = rng.normal(out, in, 3, 3, 3).times(1 / Math.sqrt(27.0 * in)).like(real);
        return new Layer(weight, Tensor.zeros(real.dtype(), real.device(), out), rng.normal(out).like(real));
    }

    /// Learns from one crop and gives its opinion of that crop of the estimate.
    ///
    /// @param fake estimate of the clean latents, shaped like the clip; gradients flow back to it
    /// @return a scalar, lower where the estimate looks like the clip
    Tensor opinion(Tensor fake) {
        var from = new long[5];
        var length = real.shape();
        for (var axis : new int[] {1, 3, 4}) {
            length[axis] = Math.min(real.size(axis), Math.max(SMALLEST, (real.size(axis) + 1) / 2));
            from[axis] = (long) Math.floor(rng.uniform(1).item() * (real.size(axis) - length[axis] + 1));
        }
        learn(crop(real, from, length), crop(fake, from, length).detach());
        return judge(crop(fake, from, length)).mean().negate();
    }

    private void learn(Tensor yes, Tensor no) {
        steps++;
        Scope.run(() -> {
            var loss = judge(yes).negate().plus(1).relu().mean().plus(judge(no).plus(1).relu().mean());
            adam.step(steps, RATE, Tensor.gradients(loss, parameters));
        });
    }

    private static Tensor crop(Tensor x, long[] from, long[] length) {
        return x.narrow(1, from[1], length[1]).narrow(3, from[3], length[3]).narrow(4, from[4], length[4]);
    }

    private Tensor judge(Tensor latents) {
        var y = latents.rearrange("B T C H W -> B C T H W");
        for (var i = 0; i < layers.size(); i++) {
            var layer = layers.get(i);
            var stride = STRIDES[i];
            y = y.conv3d(normed(layer), layer.bias, new long[] {stride, stride, stride}, new long[] {1, 1, 1});
            y = i < layers.size() - 1 ? y.maximum(y.times(SLOPE)) : y;
        }
        return y;
    }

    /// The weight divided by its largest singular value, one power iteration nearer at every look.
    private static Tensor normed(Layer layer) {
        var matrix = layer.weight.flatten(1, -1);                                                 // [out, in 27]
        var right = unit(matrix.detach().transpose(0, 1).matmul(layer.left.unsqueeze(1)));        // [in 27, 1]
        var left = unit(matrix.detach().matmul(right));                                           // [out, 1]
        layer.left.set(left.squeeze(1));
        return layer.weight.div(left.transpose(0, 1).matmul(matrix).matmul(right).reshape(1));
    }

    private static Tensor unit(Tensor v) {
        return v.div(v.square().sum().sqrt().plus(1e-12));
    }
}
