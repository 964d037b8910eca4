package org.zoetrope.nn;

import java.util.List;
import java.util.function.Supplier;
import org.zoetrope.tensor.Tensor;

/// What one run remembers from step to step, so that a later call of the network can take it over. A cache belongs to one
/// run on one thread and is closed with it; what it holds does not grow with the steps. The branches of guidance are
/// remembered apart, whether they are computed in one batch or one by one.
///
/// ```java
/// try (var cache = FeatureCache.of(Reuse.Stack.usual(), drift)) {
///     var pass = cache.pass(step.timestep(), step.isLast(), Branch.UNCOND, Branch.COND);
///     var both = model.forward(x, t, words, Optional.empty(), pass);
/// }
/// ```
public abstract sealed class FeatureCache implements AutoCloseable permits FeatureCache.None, StackCache, AttentionCache {
    private int calls;
    private int blocks;
    private int reusedBlocks;
    private int attentions;
    private int reusedAttentions;

    /// Whose prediction a sample of a batch is.
    public enum Branch {
        COND, UNCOND,
        /// By the network without some of its blocks.
        WEAKENED
    }

    /// How much of a run was computed. Attentions of blocks that were not run are in neither of their counts.
    ///
    /// @param calls            of the network, of one or more samples
    /// @param blocks           of all these calls
    /// @param reusedBlocks     those that were not run
    /// @param attentions       of the blocks that were run
    /// @param reusedAttentions those that were not computed
    public record Counts(int calls, int blocks, int reusedBlocks, int attentions, int reusedAttentions) {}

    /// One call of the network.
    ///
    /// @param samples whose prediction each sample of its batch is
    record Turn(FeatureCache cache, double timestep, boolean isLast, List<Branch> samples) {}

    /// A cache for one run.
    ///
    /// @param drift how the model's changes are counted
    public static FeatureCache of(Reuse reuse, Drift drift) {
        return switch (reuse) {
            case Reuse.Stack(var threshold) -> new StackCache(drift, threshold.orElse(drift.threshold()));
            case Reuse.Attention attention -> new AttentionCache(attention);
        };
    }

    /// Remembers nothing.
    public static FeatureCache none() {
        return new None();
    }

    /// The pass of one call.
    ///
    /// @param isLast  whether this is the last step, which is always computed (as the first is, since nothing is known)
    /// @param samples whose prediction each sample of the batch is
    public Pass pass(double timestep, boolean isLast, Branch... samples) {
        return Pass.plain().with(new Turn(this, timestep, isLast, List.of(samples)));
    }

    /// What happened so far.
    public Counts counts() {
        return new Counts(calls, blocks, reusedBlocks, attentions, reusedAttentions);
    }

    /// What leaves the last block.
    ///
    /// @param moment what the network made of the timestep [B, D]
    /// @param start  what enters the first block, each [B, ...]
    /// @param count  how many blocks there are to run
    final List<Tensor> stack(Turn turn, Tensor moment, List<Tensor> start, int count, Supplier<List<Tensor>> run) {
        calls++;
        blocks += count;
        return through(turn, moment, start, run, () -> reusedBlocks += count);
    }

    /// What an attention adds to the stream of a block [B, S, D].
    final Tensor attention(Turn turn, int block, AttentionTap.Kind kind, Supplier<Tensor> run) {
        attentions++;
        return attend(turn, block, kind, run, () -> reusedAttentions++);
    }

    List<Tensor> through(Turn turn, Tensor moment, List<Tensor> start, Supplier<List<Tensor>> run, Runnable reused) {
        return run.get();
    }

    Tensor attend(Turn turn, int block, AttentionTap.Kind kind, Supplier<Tensor> run, Runnable reused) {
        return run.get();
    }

    /// Frees what is remembered.
    @Override
    public abstract void close();

    static final class None extends FeatureCache {
        @Override
        public Pass pass(double timestep, boolean isLast, Branch... samples) {
            return Pass.plain();
        }

        @Override
        public void close() {}
    }
}
