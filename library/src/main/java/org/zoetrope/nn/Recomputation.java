package org.zoetrope.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;

/// Gradients through a stack of blocks with the memory of one (activation recomputation, arXiv 1604.06174): on the way
/// forward only the inputs of blocks are kept, and on the way back each block is evaluated once more, recorded, and
/// forgotten. It costs one more evaluation of the blocks for each gradient.
///
/// ```java
/// var memory = new Recomputation();
/// var loss = model.forward(x, t, words, Optional.empty(), Pass.plain().with(memory)).square().mean();
/// var gradient = memory.gradients(loss, List.of(words)).getFirst();
/// ```
///
/// Several calls of networks may share one memory until the gradients are taken. Gradients reach what leads to the first
/// block and what blocks are told to share, not the weights of blocks. Not safe to share between threads.
public final class Recomputation {
    private final List<Segment> segments = new ArrayList<>();

    /// @param start  what leads into the first block, with its history
    /// @param inputs of every block, without one
    /// @param shared what all blocks read beside their input, with its history
    /// @param ends   what left the last block, without a history; what follows is recorded from here on
    private record Segment(List<Tensor> start, List<Integer> blocks, List<List<Tensor>> inputs, List<Tensor> shared,
            List<Tensor> ends, Pass pass, Pass.Body body) {}

    List<Tensor> through(Pass pass, List<Tensor> start, List<Tensor> shared, List<Integer> blocks, Pass.Body body) {
        var inputs = new ArrayList<List<Tensor>>();
        var state = start.stream().map(Tensor::detach).toList();
        for (var block : blocks) {
            inputs.add(state);
            var now = state;
            state = Scope.run(() -> Torch.withoutGradients(() -> body.forward(now, pass.at(block))));
        }
        var ends = state.stream().map(end -> end.detach().requireGradient(true)).toList();
        segments.add(new Segment(start, blocks, inputs, shared.stream().filter(Tensor::requiresGradient).toList(), ends,
                pass, body));
        return ends;
    }

    /// The gradients of a scalar with respect to some of its inputs; zeros for one that it does not depend on. Called once,
    /// after the calls that led to the scalar.
    public List<Tensor> gradients(Tensor loss, List<Tensor> inputs) {
        return Scope.run(() -> {
            var ends = segments.stream().flatMap(segment -> segment.ends.stream()).toList();
            var first = Tensor.gradients(List.of(loss), List.of(Tensor.ones().like(loss)),
                    Stream.concat(inputs.stream(), ends.stream()).toList(), true);
            var sums = new ArrayList<>(first.subList(0, inputs.size()));
            var outputs = new ArrayList<Tensor>();
            var upstream = new ArrayList<Tensor>();
            var at = inputs.size();
            for (var segment : segments) {
                var count = segment.ends.size();
                var reached = back(segment, first.subList(at, at + count));
                at += count;
                var leads = Stream.concat(segment.start.stream(), segment.shared.stream()).toList();
                for (var i = 0; i < leads.size(); i++) {
                    if (leads.get(i).requiresGradient()) {
                        outputs.add(leads.get(i));
                        upstream.add(reached.get(i));
                    }
                }
            }
            if (!outputs.isEmpty()) {
                var rest = Tensor.gradients(outputs, upstream, inputs, false);
                for (var i = 0; i < inputs.size(); i++) {
                    sums.set(i, sums.get(i).plus(rest.get(i)));
                }
            }
            return List.copyOf(sums);
        });
    }

    /// From the gradients of what left the last block to those of what entered the first, and of what is shared.
    private static List<Tensor> back(Segment segment, List<Tensor> ends) {
        var shared = segment.shared;
        var zeros = shared.stream().map(t -> Tensor.zeros(t.dtype(), t.device(), t.shape()));
        var start = Stream.concat(ends.stream(), zeros).toList();
        var width = ends.size();
        return Scope.fold(start, backwards(segment.blocks.size()), (gradients, i) -> Torch.withGradients(() -> {
            var in = segment.inputs.get(i).stream().map(t -> t.detach().requireGradient(true)).toList();
            // The scope inside lets go of what is not needed for the gradient.
            var out = Scope.run(() -> segment.body.forward(in, segment.pass.at(segment.blocks.get(i))));
            var found = Tensor.gradients(out, gradients.subList(0, width), Stream.concat(in.stream(), shared.stream()).toList(), false);
            var next = new ArrayList<>(found.subList(0, width));
            for (var s = 0; s < shared.size(); s++) {
                next.add(gradients.get(width + s).plus(found.get(width + s)));
            }
            return List.copyOf(next);
        }));
    }

    private static List<Integer> backwards(int count) {
        var indices = new ArrayList<Integer>();
        for (var i = count - 1; i >= 0; i--) {
            indices.add(i);
        }
        return indices;
    }
}
