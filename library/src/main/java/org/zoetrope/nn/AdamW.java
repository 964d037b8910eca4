package org.zoetrope.nn;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Adam with decoupled weight decay (arXiv 1711.05101, algorithm 2). Its two moments are ordinary tensors under the
/// parameters' names, so a checkpoint can hold them.
public final class AdamW implements Optimizer {
    /// @param beta1   decay of the mean of gradients
    /// @param beta2   decay of the mean of squared gradients
    /// @param epsilon added to the root of the second moment
    /// @param decay   weight decay per step and unit of learning rate; applies to matrices, not to biases and norms
    public record Options(double beta1, double beta2, double epsilon, double decay) {
        public static Options defaults() {
            return new Options(0.9, 0.99, 1e-8, 1e-2);
        }
    }

    /// A parameter and its running moments.
    private record Slot(Tensor parameter, Tensor mean, Tensor square) {
        static Slot of(Tensor p) {
            return new Slot(p, Tensor.zeros(p.dtype(), p.device(), p.shape()), Tensor.zeros(p.dtype(), p.device(), p.shape()));
        }
    }

    private final SequencedMap<String, Slot> slots = new LinkedHashMap<>();
    private final Options options;

    /// Starts with zero moments, which belong to the scope open now.
    public AdamW(SequencedMap<String, Tensor> parameters, Options options) {
        this.options = options;
        parameters.forEach((name, p) -> slots.put(name, Slot.of(p)));
    }

    /// Moves every parameter.
    ///
    /// @param step         steps taken so far, this one included; corrects the bias of young moments
    /// @param learningRate alpha of this step
    /// @param gradients    one per parameter, in their order
    public void step(int step, double learningRate, List<Tensor> gradients) {
        var next = gradients.iterator();
        slots.keySet().forEach(name -> step(name, step, learningRate, next.next()));
    }

    @Override
    public void step(String name, int step, double learningRate, Tensor gradient) {
        var slot = Objects.requireNonNull(slots.get(name), name);
        Scope.run(() -> {
            var target = slot.parameter.detach();
            var m = slot.mean.lerpInPlace(gradient, 1 - options.beta1);
            var v = slot.square.timesInPlace(options.beta2).addProductInPlace(gradient, gradient, 1 - options.beta2);
            if (options.decay > 0 && target.rank() > 1) {
                target.timesInPlace(1 - learningRate * options.decay);
            }
            var root = v.div(1 - Math.pow(options.beta2, step)).sqrt().plus(options.epsilon);
            target.addQuotientInPlace(m, root, -learningRate / (1 - Math.pow(options.beta1, step)));
        });
    }

    /// Both moments by name.
    @Override
    public Map<String, Tensor> state() {
        var state = new LinkedHashMap<String, Tensor>();
        slots.forEach((name, slot) -> {
            state.put("mean." + name, slot.mean);
            state.put("square." + name, slot.square);
        });
        return state;
    }
}
