package org.zoetrope.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.zoetrope.nn.FeatureCache.Branch;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.tools.InScope;

/// What is taken over, and when: over a stack of two blocks that each add the number of the step.
@InScope
class FeatureCacheTest {
    private static final Drift PLAIN = Drift.plain(0.15);
    private static final float[] MOMENTS = {1, 1.1f, 1.21f, 1.22f, 1.83f, 1.83f};
    private static final int BLOCKS = 2;

    /// The result of a call at a step for samples that start at 0.
    private static double[] call(FeatureCache cache, int step, Branch... samples) {
        return call(cache, step, step == MOMENTS.length - 1, samples);
    }

    private static double[] call(FeatureCache cache, int step, boolean isLast, Branch... samples) {
        return Scope.run(() -> {
            var moment = Tensor.full(MOMENTS[step], samples.length, 3);
            var end = cache.pass(500, isLast, samples).through(moment, List.of(Tensor.zeros(samples.length, 4)), List.of(),
                    BLOCKS, (state, _) -> List.of(state.getFirst().plus(step + 1)));
            return end.getFirst().mean(false, 1).toDoubles();
        });
    }

    /// The changes are 0.1, 0.1, 0.008, 0.5 and 0: the second brings the sum to 0.2, the fourth to 0.508, and the last
    /// step is computed although nothing moved.
    @Test
    void blocksAreRunAgainWhenTheChangesAddUp() {
        try (var cache = FeatureCache.of(Reuse.Stack.usual(), PLAIN)) {
            var ends = new ArrayList<Double>();
            for (var step = 0; step < MOMENTS.length; step++) {
                ends.add(call(cache, step, Branch.COND)[0]);
            }
            assertThat(ends).containsExactly(2.0, 2.0, 6.0, 6.0, 10.0, 12.0);
            assertThat(cache.counts()).isEqualTo(new FeatureCache.Counts(6, 12, 4, 0, 0));
        }
    }

    /// 2 (0.1)^2 + 0.1 (0.1) + 0.01 = 0.04 a step: four of them reach 0.15, and the change of 0.5 alone does.
    @Test
    void changesAreCountedByThePolynomialOfTheModel() {
        var drift = new Drift(List.of(2.0, 0.1, 0.01), 0.15);
        assertThat(drift.of(0.1)).isCloseTo(0.04, within(1e-12));
        assertThat(new Drift(List.of(1.0, -1.0), 0.15).of(0.5)).isZero();
        try (var cache = FeatureCache.of(Reuse.Stack.usual(), drift)) {
            var ends = new ArrayList<Double>();
            for (var step = 0; step < MOMENTS.length; step++) {
                ends.add(call(cache, step, Branch.COND)[0]);
            }
            assertThat(ends).containsExactly(2.0, 2.0, 2.0, 2.0, 10.0, 12.0);
        }
    }

    @Test
    void aThresholdOfNothingTakesNothingOver() {
        try (var cache = FeatureCache.of(Reuse.Stack.usual().threshold(0), PLAIN)) {
            for (var step = 0; step < MOMENTS.length; step++) {
                assertThat(call(cache, step, Branch.COND)).containsExactly(2.0 * (step + 1));
            }
            assertThat(cache.counts().reusedBlocks()).isZero();
        }
    }

    /// A branch that joins later, as with guidance in an interval, has nothing to take over yet: the batch is computed.
    @Test
    void branchesAreRememberedApart() {
        try (var cache = FeatureCache.of(Reuse.Stack.usual(), PLAIN)) {
            call(cache, 0, Branch.COND);
            assertThat(call(cache, 1, Branch.UNCOND, Branch.COND)).containsExactly(4.0, 4.0);
            assertThat(call(cache, 1, Branch.COND)).containsExactly(4.0);
            assertThat(call(cache, 1, Branch.WEAKENED)).containsExactly(4.0);
            assertThat(call(cache, 2, Branch.UNCOND)).containsExactly(4.0);
        }
    }

    @Test
    void twoInABatchAreTwoApart() {
        try (var together = FeatureCache.of(Reuse.Stack.usual(), PLAIN); var apart = FeatureCache.of(Reuse.Stack.usual(), PLAIN)) {
            for (var step = 0; step < MOMENTS.length; step++) {
                var both = call(together, step, Branch.UNCOND, Branch.COND);
                assertThat(both).containsExactly(call(apart, step, Branch.UNCOND)[0], call(apart, step, Branch.COND)[0]);
            }
        }
    }

    private static double attend(FeatureCache cache, AttentionTap.Kind kind, double timestep, boolean isLast, double value) {
        return Scope.run(() -> cache.pass(timestep, isLast, Branch.UNCOND, Branch.COND).at(1)
                .branch(kind, () -> Tensor.full(value, 2, 3, 4)).mean().item());
    }

    /// Timesteps from 900 to 0: above 850 and below 100 all is computed, and so is the last step.
    @Test
    void attentionsServeAsManyCallsAsTheirKindSays() {
        try (var cache = FeatureCache.of(Reuse.Attention.published(), PLAIN)) {
            var self = new ArrayList<Double>();
            var cross = new ArrayList<Double>();
            for (var t = 900; t >= 0; t -= 100) {
                self.add(attend(cache, AttentionTap.Kind.SELF, t, t == 0, t));
                cross.add(attend(cache, AttentionTap.Kind.CROSS, t, t == 0, t));
            }
            assertThat(self).containsExactly(900.0, 900.0, 700.0, 700.0, 500.0, 500.0, 300.0, 300.0, 100.0, 0.0);
            assertThat(cross).containsExactly(900.0, 900.0, 900.0, 900.0, 900.0, 900.0, 300.0, 300.0, 100.0, 0.0);
            assertThat(cache.counts()).isEqualTo(new FeatureCache.Counts(0, 0, 0, 20, 10));
        }
    }

    @Test
    void theLastStepIsComputed() {
        try (var cache = FeatureCache.of(new Reuse.Attention(9, 9, 0, 1000), PLAIN)) {
            attend(cache, AttentionTap.Kind.JOINT, 500, false, 1);
            assertThat(attend(cache, AttentionTap.Kind.JOINT, 400, false, 2)).isEqualTo(1);
            assertThat(attend(cache, AttentionTap.Kind.JOINT, 300, true, 3)).isEqualTo(3);
        }
    }

    @Test
    void whatIsRememberedDoesNotGrowAndEndsWithTheRun() {
        var before = Torch.liveObjects();
        for (var reuse : List.of(Reuse.Stack.usual(), Reuse.Attention.published())) {
            try (var cache = FeatureCache.of(reuse, PLAIN)) {
                var most = 0L;
                for (var round = 0; round < 20; round++) {
                    for (var step = 0; step < MOMENTS.length; step++) {
                        call(cache, step, Branch.UNCOND, Branch.COND);
                        attend(cache, AttentionTap.Kind.SELF, 500, false, step);
                    }
                    most = round == 0 ? Torch.liveObjects() : most;
                }
                assertThat(Torch.liveObjects()).isLessThanOrEqualTo(most);
            }
        }
        assertThat(Torch.liveObjects()).isLessThanOrEqualTo(before);
    }
}
