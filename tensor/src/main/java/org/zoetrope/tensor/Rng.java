package org.zoetrope.tensor;

import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.global.torch;

/// A stream of random numbers made from a seed. Numbers are drawn on the CPU whatever the device of a model, so that a
/// seed means the same on every machine, and equal those of PyTorch's CPU generator with the same seed, shape and order.
///
/// A stream is not safe to share between threads.
public final class Rng {
    private final Generator generator;
    private final GeneratorOptional argument;

    public Rng(long seed) {
        Torch.load();
        generator = torch.make_generator_cpu(seed);
        argument = new GeneratorOptional(generator);
    }

    /// Draws from N(0, 1) as float32.
    public Tensor normal(long... shape) {
        return normal(DType.FLOAT32, shape);
    }

    /// Draws from N(0, 1) in the given type.
    public Tensor normal(DType dtype, long... shape) {
        try (var options = Tensor.options(dtype, Device.CPU)) {
            return Tensor.own(torch.randn(shape, argument, options));
        }
    }

    /// Draws uniformly from [0, 1) as float32.
    public Tensor uniform(long... shape) {
        try (var options = Tensor.options(DType.FLOAT32, Device.CPU)) {
            return Tensor.own(torch.rand(shape, argument, options));
        }
    }

    /// Draws integers uniformly from [low, high) as int64.
    public Tensor integers(long low, long high, long... shape) {
        try (var options = Tensor.options(DType.INT64, Device.CPU)) {
            return Tensor.own(torch.randint(low, high, shape, argument, options));
        }
    }

    /// A random order of 0 .. n-1 as int64.
    public Tensor permutation(long n) {
        try (var options = Tensor.options(DType.INT64, Device.CPU)) {
            return Tensor.own(torch.randperm(n, argument, options));
        }
    }

    /// The state of the stream, a uint8 tensor that [#restore(Tensor)] takes.
    public Tensor state() {
        return Tensor.own(generator.get_state());
    }

    /// Continues the stream from a saved state.
    public void restore(Tensor state) {
        generator.set_state(state.handle());
    }
}
