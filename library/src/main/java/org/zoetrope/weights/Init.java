package org.zoetrope.weights;

import java.util.Arrays;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// How a tensor begins when it does not come from a checkpoint. Numbers are drawn in float32 on the CPU and then
/// converted, so a seed gives the same beginning in every type and on every device.
public sealed interface Init {
    /// Every element the same; nothing is drawn.
    record Constant(double value) implements Init {}

    /// N(0, std^2).
    record Normal(double std) implements Init {}

    /// Uniform in [-bound, bound).
    record Uniform(double bound) implements Init {}

    /// Uniform with variance 2 / (fan in + fan out), "Understanding the difficulty of training deep feedforward neural
    /// networks" equation 16.
    record XavierUniform() implements Init {}

    /// Uniform in +-1 / sqrt(fan in), which is how PyTorch begins the weights of Linear and Conv.
    record Linear() implements Init {}

    static Init zeros() {
        return new Constant(0);
    }

    static Init ones() {
        return new Constant(1);
    }

    static Init constant(double value) {
        return new Constant(value);
    }

    static Init normal(double std) {
        return new Normal(std);
    }

    static Init uniform(double bound) {
        return new Uniform(bound);
    }

    static Init xavierUniform() {
        return new XavierUniform();
    }

    /// For the weight of a linear layer or convolution, whose fan in is read off its shape [out, in, ...].
    static Init linear() {
        return new Linear();
    }

    /// For the bias beside such a weight, whose shape does not tell the fan in.
    static Init linear(long fanIn) {
        return new Uniform(1 / Math.sqrt((double) fanIn));
    }

    /// A new tensor that begins this way. There is no default branch: a new kind is a compile error here.
    default Tensor draw(Rng rng, DType dtype, Device device, long... shape) {
        return Scope.run(() -> switch (this) {
            case Constant(var value) -> Tensor.full(value, dtype, device, shape);
            case Normal(var std) -> rng.normal(shape).timesInPlace(std).to(device, dtype);
            case Uniform(var bound) -> uniform(rng, bound, shape).to(device, dtype);
            case XavierUniform() -> uniform(rng, Math.sqrt(6.0 / (fanIn(shape) + fanOut(shape))), shape)
                    .to(device, dtype);
            case Linear() -> uniform(rng, 1 / Math.sqrt(fanIn(shape)), shape).to(device, dtype);
        });
    }

    private static Tensor uniform(Rng rng, double bound, long... shape) {
        return rng.uniform(shape).timesInPlace(2 * bound).minus(bound);
    }

    private static double fanIn(long... shape) {
        return product(shape, 1);
    }

    private static double fanOut(long... shape) {
        return shape[0] * product(shape, 2);
    }

    private static double product(long[] shape, int from) {
        if (shape.length < 2) {
            throw new IllegalArgumentException(
                    "a tensor %s has no fan in; use linear(fanIn) or uniform(bound)".formatted(Arrays.toString(shape)));
        }
        return Arrays.stream(shape).skip(from).asDoubleStream().reduce(1, (a, b) -> a * b);
    }
}
