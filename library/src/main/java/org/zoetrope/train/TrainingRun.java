package org.zoetrope.train;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.zoetrope.nn.AdamW;
import org.zoetrope.nn.Muon;
import org.zoetrope.nn.Optimizer;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.WeightsException;

/// One optimisation: parameters, moments, running averages and losses, in one checkpoint file.
///
/// The loss of step k may depend on the parameters and on k alone, never on what was drawn before; then a run that
/// continues from a checkpoint repeats the run that was never stopped, bit for bit on the same machine.
public final class TrainingRun {
    /// @param steps        steps in all
    /// @param learningRate the plateau of the rate
    /// @param warmup       steps of linear rise
    /// @param cooldown     steps of linear fall to zero at the end
    /// @param average      decay of the running average of parameters (arXiv 2006.11239, section 4)
    /// @param clip         largest joint norm of the gradients
    /// @param parts        how many parts the batch of a step is worked through in; parts that fit the processor's cache
    ///                     are several times faster than the whole batch at once
    /// @param workers      threads that work on parts at the same time, each on one core; the result does not depend on it
    /// @param saveEvery    steps between checkpoints
    /// @param adam         of the parameters that [AdamW] moves
    /// @param muon         names of the parameters that [Muon] moves instead, where they are matrices or kernels
    public record Options(int steps, double learningRate, int warmup, int cooldown, double average, double clip, int parts, int workers, int saveEvery,
            AdamW.Options adam, Predicate<String> muon) {
        public static Options of(int steps, double learningRate) {
            return new Options(steps, learningRate, Math.min(200, steps / 10 + 1), steps / 4, 0.999, 1.0, 1, 1, 200, AdamW.Options.defaults(),
                    _ -> false);
        }

        public Options steps(int count) {
            return new Options(count, learningRate, warmup, cooldown, average, clip, parts, workers, saveEvery, adam, muon);
        }

        public Options saveEvery(int count) {
            return new Options(steps, learningRate, warmup, cooldown, average, clip, parts, workers, count, adam, muon);
        }

        public Options parts(int count) {
            return new Options(steps, learningRate, warmup, cooldown, average, clip, count, workers, saveEvery, adam, muon);
        }

        public Options workers(int count) {
            return new Options(steps, learningRate, warmup, cooldown, average, clip, parts, count, saveEvery, adam, muon);
        }

        public Options cooldown(int count) {
            return new Options(steps, learningRate, warmup, count, average, clip, parts, workers, saveEvery, adam, muon);
        }

        public Options average(double decay) {
            return new Options(steps, learningRate, warmup, cooldown, decay, clip, parts, workers, saveEvery, adam, muon);
        }

        public Options muon(Predicate<String> names) {
            return new Options(steps, learningRate, warmup, cooldown, average, clip, parts, workers, saveEvery, adam, names);
        }

        /// The rate of step k, counted from 0: up, level, down.
        public double rate(int step) {
            var up = Math.min(1, (step + 1.0) / Math.max(1, warmup));
            var down = Math.min(1, (steps - step) / (double) Math.max(1, cooldown));
            return learningRate * Math.min(up, down);
        }
    }

    /// What is reported after each step.
    ///
    /// @param step    steps taken so far
    /// @param loss    of this step
    /// @param norm    of all gradients together, before clipping
    public record Progress(int step, int steps, double loss, double norm, double rate) {}

    /// What a step minimises.
    @FunctionalInterface
    public interface Loss {
        /// The scalar loss of one part of a step's batch; the loss of the step is the mean of its parts. Depends on the
        /// parameters and these numbers only.
        ///
        /// @param step counted from 0
        /// @param part counted from 0, below [Options#parts()]
        Tensor of(int step, int part);
    }

    /// Hears of every step.
    @FunctionalInterface
    public interface Listener {
        void onStep(Progress progress);
    }

    private final Path checkpoint;
    private final SequencedMap<String, Tensor> parameters;
    private final Options options;
    private final AdamW adam;
    private final Muon muon;
    private final SequencedMap<String, Tensor> averages = new LinkedHashMap<>();
    private final List<Double> losses = new ArrayList<>();

    /// Opens the run of a folder: continues from its checkpoint if there is one, else begins. Parameters take gradients
    /// from now on. Moments and averages belong to the scope open now.
    public TrainingRun(Path checkpoint, SequencedMap<String, Tensor> parameters, Options options) {
        this.checkpoint = checkpoint;
        this.parameters = parameters;
        this.options = options;
        var matrices = new LinkedHashMap<String, Tensor>();
        var others = new LinkedHashMap<String, Tensor>();
        parameters.forEach((name, p) -> (p.rank() >= 2 && options.muon.test(name) ? matrices : others).put(name, p));
        this.adam = new AdamW(others, options.adam);
        this.muon = new Muon(matrices, options.adam.decay());
        parameters.forEach((name, p) -> averages.put(name, p.copy()));
        parameters.values().forEach(p -> p.requireGradient(true));
        if (Files.exists(checkpoint)) {
            restore();
        }
    }

    /// Steps taken so far.
    public int step() {
        return losses.size();
    }

    /// The loss of every step so far.
    public List<Double> losses() {
        return List.copyOf(losses);
    }

    /// The running averages of the parameters, under their names: what a finished model is made of.
    public SequencedMap<String, Tensor> averages() {
        return averages;
    }

    /// Takes the remaining steps.
    ///
    /// @throws IllegalStateException at the first loss that is not finite; the last checkpoint stays
    public void run(Loss loss, Listener listener) {
        var threads = Torch.threads();
        if (options.workers > 1) {
            // One core per part needs no agreement between threads inside an operation.
            Torch.threads(1);
        }
        try (var workers = Executors.newFixedThreadPool(options.workers)) {
            while (step() < options.steps) {
                listener.onStep(take(loss, workers));
                if (step() % options.saveEvery == 0 || step() == options.steps) {
                    save();
                }
            }
        } finally {
            Torch.threads(threads);
        }
    }

    /// The loss of a part and its gradients, which belong to nobody until they are summed.
    private record Part(double loss, List<Tensor> gradients) {}

    private Progress take(Loss loss, ExecutorService workers) {
        var index = step();
        var parts = IntStream.range(0, options.parts).mapToObj(part -> workers.submit(() -> differentiate(loss, index, part))).toList();
        var results = parts.stream().map(TrainingRun::finished).toList();
        var total = results.stream().mapToDouble(Part::loss).sum();
        if (!Double.isFinite(total)) {
            throw new IllegalStateException("the loss of step " + index + " is " + total + "; lower the learning rate and continue from " + checkpoint);
        }
        var squares = new double[parameters.size()];
        everyParameter(workers, (i, _) -> squares[i] = sumParts(results, i));
        var norm = Math.sqrt(Arrays.stream(squares).sum()) / options.parts;
        if (!Double.isFinite(norm)) {
            var wrong = IntStream.range(0, squares.length).filter(i -> !Double.isFinite(squares[i])).boxed().toList();
            var names = List.copyOf(parameters.keySet());
            throw new IllegalStateException("the gradient of " + names.get(wrong.getFirst()) + " at step " + index + " is not finite (and of "
                    + (wrong.size() - 1) + " more parameters); the last checkpoint is " + checkpoint);
        }
        var factor = Math.min(1, options.clip / (norm + 1e-6)) / options.parts;
        // Young averages follow quickly: (1 + k) / (10 + k) until the decay is reached.
        var decay = Math.min(options.average, (1.0 + index) / (10.0 + index));
        everyParameter(workers, (i, name) -> {
            var gradient = results.getFirst().gradients.get(i);
            optimizer(name).step(name, index + 1, options.rate(index), gradient.timesInPlace(factor));
            gradient.close();
            Objects.requireNonNull(averages.get(name)).lerpInPlace(Objects.requireNonNull(parameters.get(name)).detach(), 1 - decay);
        });
        losses.add(total / options.parts);
        return new Progress(step(), options.steps, total / options.parts, norm, options.rate(index));
    }

    private Optimizer optimizer(String name) {
        return muon.moves(name) ? muon : adam;
    }

    /// Adds the gradients of later parts to the first part's, in their order, whichever finished first: sums of floats
    /// depend on it.
    ///
    /// @return the sum of their squares
    private static double sumParts(List<Part> parts, int parameter) {
        var sum = parts.getFirst().gradients.get(parameter);
        for (var later : parts.subList(1, parts.size())) {
            sum.addInPlace(later.gradients.get(parameter), 1);
            later.gradients.get(parameter).close();
        }
        return sum.square().sum().item();
    }

    private interface Work {
        void on(int index, String parameter);
    }

    /// Shares the parameters among the workers. What is done to one does not depend on the others, so their order is free.
    private void everyParameter(ExecutorService workers, Work work) {
        var names = List.copyOf(parameters.keySet());
        var next = new AtomicInteger();
        var shares = IntStream.range(0, options.workers).mapToObj(_ -> workers.submit(() -> {
            for (var i = next.getAndIncrement(); i < names.size(); i = next.getAndIncrement()) {
                var index = i;
                Scope.run(() -> work.on(index, names.get(index)));
            }
        })).toList();
        shares.forEach(TrainingRun::finished);
    }

    private Part differentiate(Loss loss, int index, int part) {
        try (var scope = Scope.open()) {
            var value = loss.of(index, part);
            return new Part(value.item(), scope.keepAll(Tensor.gradients(value, List.copyOf(parameters.values()))));
        }
    }

    private static <T> T finished(Future<T> work) {
        try {
            return work.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("training was interrupted; continue from the last checkpoint", e);
        }
    }

    /// Replaces the checkpoint by one of this moment. A crash leaves the old one or the new one, never half a file.
    public void save() {
        Scope.run(() -> {
            var all = new LinkedHashMap<String, Tensor>();
            parameters.forEach((name, p) -> all.put("parameter." + name, p.detach()));
            averages.forEach((name, a) -> all.put("average." + name, a));
            adam.state().forEach((name, t) -> all.put("adam." + name, t));
            muon.state().forEach((name, t) -> all.put("muon." + name, t));
            all.put("losses", Tensor.of(losses.stream().mapToDouble(Double::doubleValue).toArray(), losses.size()));
            SafetensorsWriter.write(checkpoint, all, Map.of("format", "zoetrope-training-run"));
        });
    }

    private void restore() {
        Scope.run(() -> {
            var stored = SafetensorsFile.open(checkpoint).tensors();
            parameters.forEach((name, p) -> p.detach().set(find(stored, "parameter." + name)));
            averages.forEach((name, a) -> a.set(find(stored, "average." + name)));
            adam.state().forEach((name, t) -> t.set(find(stored, "adam." + name)));
            muon.state().forEach((name, t) -> t.set(find(stored, "muon." + name)));
            for (var loss : find(stored, "losses").to(DType.FLOAT64).toDoubles()) {
                losses.add(loss);
            }
        });
    }

    private Tensor find(Map<String, Tensor> stored, String name) {
        var tensor = stored.get(name);
        if (tensor == null) {
            throw new WeightsException("no tensor \"" + name + "\" in " + checkpoint + "; it is a checkpoint of another model: choose an empty folder or delete it");
        }
        return tensor;
    }
}
