package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.edit.RandomDit.Network;
import org.zoetrope.nn.AttentionKernel;
import org.zoetrope.nn.AttentionTap;
import org.zoetrope.nn.BlockTap;
import org.zoetrope.nn.FrameShift;
import org.zoetrope.nn.Pass;
import org.zoetrope.nn.Recomputation;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.tools.InScope;

/// The seam of both networks: what is plugged in there, and that nothing else changes.
@InScope
class PassTest {
    private static final int FRAMES = 3;

    static Stream<Network> networks() {
        return Stream.of(RandomDit.joint(3, DType.FLOAT32), RandomDit.cross(3));
    }

    private static Tensor clip() {
        return new Rng(3).normal(1, FRAMES, RandomDit.CHANNELS, 4, 4);
    }

    private static Tensor words() {
        return new Rng(5).normal(1, RandomDit.WORDS, RandomDit.TEXT_WIDTH);
    }

    private static Tensor predict(Network network, Tensor words, Pass pass) {
        return network.forward(clip(), Tensor.full(500, 1), words, pass);
    }

    // ---------------------------------------------------------------- blocks

    /// What leaves a block, the video last, and the prediction is what it was.
    @ParameterizedTest
    @MethodSource("networks")
    void aTapSeesWhatLeavesTheBlocksItWatches(Network network) {
        var seen = new ArrayList<Tensor>();
        BlockTap tap = new BlockTap() {
            @Override
            public boolean watches(int block) {
                return block != 1;
            }

            @Override
            public void see(int block, List<Tensor> state) {
                assertThat(block).isEqualTo(seen.isEmpty() ? 0 : 2);
                seen.add(Scope.disown(state.getLast().copy()));
            }
        };
        var watched = predict(network, words(), Pass.plain().with(tap));
        assertThat(watched.toFloats()).isEqualTo(predict(network, words(), Pass.plain()).toFloats());
        assertThat(seen).hasSize(2).allSatisfy(tokens -> assertThat(tokens.shape()).containsExactly(1, FRAMES * 4, seen.getFirst().size(2)));
        assertThat(seen.getFirst().minus(seen.getLast()).abs().max().item()).isGreaterThan(1e-3);
        seen.forEach(Tensor::close);
    }

    // ---------------------------------------------------------------- kernels

    /// V-17: one attention over all copies with a mask between them is what the frames do one by one.
    @Test
    void framesOneByOneAreOneMaskedAttention() {
        var network = RandomDit.joint(3, DType.FLOAT32);
        var each = new Rng(6).normal(1, FRAMES, RandomDit.WORDS, RandomDit.TEXT_WIDTH);
        AttentionKernel masked = (_, site) -> site.q().attention(site.k(), site.v(), allowed(site), site.scale());
        var whole = predict(network, each.flatten(1, 2), Pass.plain().with(masked));
        assertThat(predict(network, each, Pass.plain()).minus(whole).abs().max().item()).isLessThan(1e-5);
        assertThat(predict(network, each.flatten(1, 2), Pass.plain()).minus(whole).abs().max().item()).isGreaterThan(1e-3);
    }

    /// Copy f and frame f see copy f and the whole video.
    private static Tensor allowed(AttentionTap.Site site) {
        int texts = (int) site.textTokens(), all = (int) site.k().size(2), length = texts / FRAMES, area = (all - texts) / FRAMES;
        var values = new float[all * all];
        for (var q = 0; q < all; q++) {
            var frame = q < texts ? q / length : (q - texts) / area;
            for (var k = 0; k < texts; k++) {
                values[q * all + k] = k / length == frame ? 0 : Float.NEGATIVE_INFINITY;
            }
        }
        return Tensor.of(values, 1, 1, all, all);
    }

    @ParameterizedTest
    @MethodSource("networks")
    void aKernelThatDoesTheSameChangesNothing(Network network) {
        var kinds = new ArrayList<AttentionTap.Kind>();
        var seen = predict(network, words(), Pass.plain().with((AttentionKernel) (_, site) -> {
            kinds.add(site.kind());
            return site.attended();
        }));
        assertThat(seen.toFloats()).isEqualTo(predict(network, words(), Pass.plain()).toFloats());
        assertThat(kinds.size() % 3).isZero();
        assertThat(kinds).isNotEmpty();
    }

    // ---------------------------------------------------------------- blocks

    /// V-51.
    @ParameterizedTest
    @MethodSource("networks")
    void skippingNothingChangesNothing(Network network) {
        assertThat(predict(network, words(), Pass.plain().skipping(Set.of())).toFloats())
                .isEqualTo(predict(network, words(), Pass.plain()).toFloats());
    }

    @ParameterizedTest
    @MethodSource("networks")
    void aSkippedBlockIsNotRun(Network network) {
        var run = new ArrayList<Integer>();
        AttentionKernel noting = (block, site) -> {
            if (site.kind() != AttentionTap.Kind.CROSS) {
                run.add(block);
            }
            return site.attended();
        };
        var without = predict(network, words(), Pass.plain().skipping(Set.of(1)).with(noting));
        assertThat(run).containsExactly(0, 2);
        assertThat(without.minus(predict(network, words(), Pass.plain())).abs().max().item()).isGreaterThan(1e-3);
        run.clear();
        predict(network, words(), Pass.plain().upTo(1).with(noting));
        assertThat(run).containsExactly(0, 1);
    }

    // ---------------------------------------------------------------- gradients in little memory

    private static Tensor gradient(Network network, Tensor words, Pass pass, boolean little) {
        return Torch.withGradients(() -> {
            var leaf = words.detach().requireGradient(true);
            var memory = new Recomputation();
            var loss = predict(network, leaf, little ? pass.with(memory) : pass).square().mean();
            return little ? memory.gradients(loss, List.of(leaf)).getFirst() : Tensor.gradients(loss, List.of(leaf)).getFirst();
        });
    }

    private static double difference(Tensor a, Tensor b) {
        return a.minus(b).abs().max().item() / b.abs().max().item();
    }

    @ParameterizedTest
    @MethodSource("networks")
    void gradientsOfWordsAreThePlainOnes(Network network) {
        assertThat(difference(gradient(network, words(), Pass.plain(), true), gradient(network, words(), Pass.plain(), false)))
                .isLessThan(1e-6);
        var each = new Rng(6).normal(1, FRAMES, RandomDit.WORDS, RandomDit.TEXT_WIDTH);
        assertThat(difference(gradient(network, each, Pass.plain(), true), gradient(network, each, Pass.plain(), false)))
                .isLessThan(1e-6);
    }

    /// Offsets enter every block, so their gradients are gathered from all.
    @ParameterizedTest
    @MethodSource("networks")
    void gradientsOfShiftsAreThePlainOnes(Network network) {
        for (var text : List.of(true, false)) {
            var found = Stream.of(true, false).map(little -> Torch.withGradients(() -> {
                var leaf = (text ? new Rng(1).normal(1, FRAMES, RandomDit.WORDS, RandomDit.WIDTH) : new Rng(1).normal(1, FRAMES, RandomDit.WIDTH))
                        .requireGradient(true);
                var shift = text ? FrameShift.ofText(leaf.times(0.5)) : FrameShift.ofVideo(leaf.times(0.5));
                var memory = new Recomputation();
                var loss = predict(network, words(), little ? Pass.plain().with(shift).with(memory) : Pass.plain().with(shift)).square().mean();
                return little ? memory.gradients(loss, List.of(leaf)).getFirst() : Tensor.gradients(loss, List.of(leaf)).getFirst();
            })).toList();
            assertThat(difference(found.get(0), found.get(1))).isLessThan(1e-6);
        }
    }

    /// What is recorded grows with depth; what is kept to compute it again is one input a block.
    @Test
    void memoryHardlyGrowsWithDepth() {
        peak(2, true); // the machine warms up
        var little = peak(16, true);
        assertThat(little).isLessThan(0.35 * peak(16, false));
    }

    /// Most bytes that a gradient takes, as seen from its attentions.
    private static double peak(int blocks, boolean little) {
        return Scope.run(() -> {
            var network = RandomDit.joint(blocks, DType.FLOAT32);
            var x = new Rng(3).normal(1, 9, RandomDit.CHANNELS, 32, 32);
            var most = new AtomicLong();
            var before = allocatedBytes();
            AttentionKernel watching = (_, site) -> {
                most.accumulateAndGet(allocatedBytes() - before, Math::max);
                return site.attended();
            };
            return Torch.withGradients(() -> {
                var leaf = words().requireGradient(true);
                var memory = new Recomputation();
                var pass = Pass.plain().with(watching);
                var loss = network.forward(x, Tensor.full(500, 1), leaf, little ? pass.with(memory) : pass).square().mean();
                var gradient = little ? memory.gradients(loss, List.of(leaf)) : Tensor.gradients(loss, List.of(leaf));
                assertThat(gradient.getFirst().abs().max().item()).isPositive();
                return (double) most.get();
            });
        });
    }

    /// Bytes that the process has allocated natively and not freed, by glibc's own count. What is resident would not do: memory that
    /// earlier tests freed is still there, and is taken first.
    private static long allocatedBytes() {
        var counts = MemoryLayout.structLayout(MemoryLayout.sequenceLayout(10, ValueLayout.JAVA_LONG).withName("mallinfo2"));
        var linker = Linker.nativeLinker();
        var handle = linker.downcallHandle(linker.defaultLookup().find("mallinfo2").orElseThrow(), FunctionDescriptor.of(counts));
        try (var arena = Arena.ofConfined()) {
            var info = (MemorySegment) handle.invoke((SegmentAllocator) arena);
            return info.getAtIndex(ValueLayout.JAVA_LONG, 4) + info.getAtIndex(ValueLayout.JAVA_LONG, 7); // hblkhd and uordblks
        } catch (Throwable e) {
            throw new AssertionError("mallinfo2 failed", e);
        }
    }
}
