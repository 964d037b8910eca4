package org.zoetrope.nn;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// What may differ between two calls of one network besides its inputs: the seam through which attention is watched and
/// replaced, frames are told apart, blocks are left out or taken over from an earlier call, and gradients are taken in little
/// memory. Networks take it as their last argument and are complete without it.
///
/// @param tap     sees queries, keys and values on their way into attention
/// @param behind  sees what leaves each block
/// @param kernel  computes attention
/// @param frames  what every frame gets for itself
/// @param skipped blocks that pass their input on as it is
/// @param blocks  how many blocks are run at most, for callers who are interested in what a tap sees of the first ones;
///                what the network makes of the rest of such a call means nothing
/// @param memory  keeps what gradients need, if they are to be taken in little memory
/// @param turn    what may be taken over from earlier calls, see [FeatureCache]
public record Pass(AttentionTap tap, BlockTap behind, AttentionKernel kernel, FrameShift frames, Set<Integer> skipped, int blocks,
        Optional<Recomputation> memory, Optional<FeatureCache.Turn> turn) {
    private static final AttentionKernel FUSED = AttentionKernel.plain();
    private static final Pass PLAIN = new Pass(AttentionTap.none(), BlockTap.none(), FUSED, FrameShift.none(), Set.of(), Integer.MAX_VALUE,
            Optional.empty(), Optional.empty());

    public Pass {
        skipped = Set.copyOf(skipped);
    }

    /// A call that differs in nothing.
    public static Pass plain() {
        return PLAIN;
    }

    /// A call whose attention is watched.
    public static Pass watched(AttentionTap tap) {
        return PLAIN.with(tap);
    }

    /// This call, watched.
    public Pass with(AttentionTap other) {
        return new Pass(other, behind, kernel, frames, skipped, blocks, memory, turn);
    }

    /// This call, watched behind its blocks. What a call in little memory computes again is not shown.
    public Pass with(BlockTap other) {
        return new Pass(tap, other, kernel, frames, skipped, blocks, memory, turn);
    }

    /// This call with another attention.
    public Pass with(AttentionKernel other) {
        return new Pass(tap, behind, other, frames, skipped, blocks, memory, turn);
    }

    /// This call, every frame with something of its own.
    public Pass with(FrameShift other) {
        return new Pass(tap, behind, kernel, other, skipped, blocks, memory, turn);
    }

    /// This call, prepared for gradients in little memory.
    public Pass with(Recomputation other) {
        return new Pass(tap, behind, kernel, frames, skipped, blocks, Optional.of(other), turn);
    }

    /// This call as a turn of a run that remembers.
    Pass with(FeatureCache.Turn other) {
        return new Pass(tap, behind, kernel, frames, skipped, blocks, memory, Optional.of(other));
    }

    /// This call without some blocks.
    public Pass skipping(Set<Integer> indices) {
        return new Pass(tap, behind, kernel, frames, indices, blocks, memory, turn);
    }

    /// This call up to and including a block.
    public Pass upTo(int block) {
        return new Pass(tap, behind, kernel, frames, skipped, block + 1, memory, turn);
    }

    /// The part of a pass that one block sees.
    ///
    /// @param index of the block, from 0
    public Block at(int index) {
        return new Block(this, index);
    }

    /// One block of a network.
    @FunctionalInterface
    public interface Body {
        /// @return as many tensors as were given, shaped like them
        List<Tensor> forward(List<Tensor> state, Block block);
    }

    /// Runs the blocks of a network one after another, or takes over what they did at an earlier step.
    ///
    /// @param moment what the network made of the timestep [B, D], by which steps are told apart
    /// @param start  what enters the first
    /// @param shared what blocks read beside it and gradients should reach
    /// @param count  how many blocks the network has
    /// @return what leaves the last
    public List<Tensor> through(Tensor moment, List<Tensor> start, List<Tensor> shared, int count, Body body) {
        var indices = IntStream.range(0, Math.min(count, blocks)).filter(i -> !skipped.contains(i)).boxed().toList();
        Supplier<List<Tensor>> all = () -> through(start, shared, count, indices, body);
        return turn.map(t -> t.cache().stack(t, moment, start, indices.size(), all)).orElseGet(all);
    }

    private List<Tensor> through(List<Tensor> start, List<Tensor> shared, int count, List<Integer> indices, Body body) {
        var run = Math.min(count, blocks);
        if (memory.isEmpty()) {
            return Scope.fold(start, indices, (state, i) -> {
                var next = body.forward(state, at(i));
                if (behind.watches(i)) {
                    behind.see(i, next);
                }
                return next;
            });
        }
        // What a tap sees in the last block of a call that stops there is what the caller differentiates.
        var last = run < count && !indices.isEmpty() && indices.getLast() == run - 1;
        var kept = last ? indices.subList(0, indices.size() - 1) : indices;
        var state = memory.get().through(this, start, shared, kept, body);
        return last ? body.forward(state, at(run - 1)) : state;
    }

    /// A pass inside one block.
    public record Block(Pass pass, int index) {
        /// Shows an attention to the tap, if it watches this block, and computes it.
        ///
        /// @return [B, heads, queries, d]
        public Tensor attend(AttentionTap.Site site) {
            if (pass.tap.watches(index)) {
                pass.tap.see(index, site);
            }
            return unwatched(site);
        }

        /// What an attention with its projections adds to the stream of this block, computed or taken over.
        ///
        /// @param branch computes it [B, S, D]
        public Tensor branch(AttentionTap.Kind kind, Supplier<Tensor> branch) {
            return pass.turn.map(t -> t.cache().attention(t, index, kind, branch)).orElseGet(branch);
        }

        /// Computes an attention that is a part of one, and of no use to a tap.
        public Tensor unwatched(AttentionTap.Site site) {
            return pass.kernel.attend(index, site);
        }
    }
}
