package org.zoetrope.train;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Adam with decoupled weight decay (arXiv 1711.05101, algorithm 2). Its two moments are ordinary tensors under the
/// parameters' names, so a checkpoint can hold them.
public final class AdamW {
    /// @param beta1   decay of the mean of gradients
    /// @param beta2   decay of the mean of squared gradients
    /// @param epsilon added to the root of the second moment
    /// @param decay   weight decay per step and unit of learning rate; applies to matrices, not to biases and norms
    public record Options(double beta1, double beta2, double epsilon, double decay) {
        public static Options defaults() {
            return new Options(0.9, 0.99, 1e-8, 1e-2);
        }
    }

    private final SequencedMap<String, Tensor> parameters;
    private final Options options;
    private final SequencedMap<String, Tensor> mean = new LinkedHashMap<>();
    private final SequencedMap<String, Tensor> square = new LinkedHashMap<>();

    /// Starts with zero moments, which belong to the scope open now.
    public AdamW(SequencedMap<String, Tensor> parameters, Options options) {
        this.parameters = parameters;
        this.options = options;
        parameters.forEach((name, p) -> {
            mean.put(name, Tensor.zeros(p.dtype(), p.device(), p.shape()));
            square.put(name, Tensor.zeros(p.dtype(), p.device(), p.shape()));
        });
    }

    /// Moves every parameter.
    ///
    /// @param step         steps taken so far, this one included; corrects the bias of young moments
    /// @param learningRate alpha of this step
    /// @param gradients    one per parameter, in their order
    public void step(int step, double learningRate, List<Tensor> gradients) {
        var correction1 = 1 - Math.pow(options.beta1, step);
        var correction2 = 1 - Math.pow(options.beta2, step);
        Scope.run(() -> {
            var next = gradients.iterator();
            parameters.forEach((name, parameter) -> {
                var gradient = next.next();
                var target = parameter.detach();
                var m = mean.get(name).lerpInPlace(gradient, 1 - options.beta1);
                var v = square.get(name).timesInPlace(options.beta2).addProductInPlace(gradient, gradient, 1 - options.beta2);
                if (options.decay > 0 && parameter.rank() > 1) {
                    target.timesInPlace(1 - learningRate * options.decay);
                }
                target.addQuotientInPlace(m, v.div(correction2).sqrt().plus(options.epsilon), -learningRate / correction1);
            });
        });
    }

    /// Both moments by name, for a checkpoint.
    Map<String, Tensor> state() {
        var state = new LinkedHashMap<String, Tensor>();
        mean.forEach((name, m) -> state.put("mean." + name, m));
        square.forEach((name, v) -> state.put("square." + name, v));
        return state;
    }
}
