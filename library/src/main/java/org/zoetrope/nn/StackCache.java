package org.zoetrope.nn;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// TeaCache: see [Reuse.Stack]. The sum of changes starts anew whenever the blocks are run, and grows by the change since
/// the step before, whether that was computed or not.
final class StackCache extends FeatureCache {
    private final Drift drift;
    private final double threshold;
    private final Map<Branch, Memory> memories = new EnumMap<>(Branch.class);

    StackCache(Drift drift, double threshold) {
        this.drift = drift;
        this.threshold = threshold;
    }

    /// What is known of one branch.
    private static final class Memory {
        @Nullable Tensor moment; // [1, D] of the step before
        double change;
        List<Tensor> residual = List.of(); // what the blocks added when they were last run, each [1, ...]

        /// Counts the way to this moment; says how far it is from where the blocks were last run.
        double come(Tensor now, Drift drift) {
            change += moment == null ? Double.POSITIVE_INFINITY : drift.of(Drift.relativeChange(moment, now));
            var before = moment;
            moment = Scope.disown(now.copy());
            if (before != null) {
                before.close();
            }
            return change;
        }

        void keep(List<Tensor> start, List<Tensor> end, int sample) {
            forget();
            residual = IntStream.range(0, end.size()).mapToObj(i -> Scope.disown(
                    end.get(i).narrow(0, sample, 1).minus(start.get(i).narrow(0, sample, 1)))).toList();
            change = 0;
        }

        void forget() {
            residual.forEach(Tensor::close);
            residual = List.of();
        }
    }

    /// A batch is taken over as a whole or not at all.
    @Override
    List<Tensor> through(Turn turn, Tensor moment, List<Tensor> start, Supplier<List<Tensor>> run, Runnable reused) {
        var branches = turn.samples().stream().map(b -> memories.computeIfAbsent(b, _ -> new Memory())).toList();
        var near = !turn.isLast();
        for (var i = 0; i < branches.size(); i++) {
            near &= branches.get(i).come(moment.narrow(0, i, 1), drift) < threshold;
        }
        if (near) {
            reused.run();
            return IntStream.range(0, start.size()).mapToObj(i -> start.get(i).plus(
                    Tensor.cat(branches.stream().map(memory -> memory.residual.get(i)).toList(), 0))).toList();
        }
        var end = run.get();
        for (var i = 0; i < branches.size(); i++) {
            branches.get(i).keep(start, end, i);
        }
        return end;
    }

    @Override
    public void close() {
        memories.values().forEach(memory -> {
            memory.forget();
            if (memory.moment != null) {
                memory.moment.close();
            }
        });
        memories.clear();
    }
}
