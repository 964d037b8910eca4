package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AttentionBackwardTest {
    private static final int BEFORE = Torch.threads();

    @BeforeEach
    void twoThreads() {
        Torch.threads(2);
    }

    @AfterEach
    void asBefore() {
        Torch.threads(BEFORE);
    }

    @Test
    void productsInsideHaveOneThreadAndThoseBehindHaveAllAgain() {
        var seen = new ArrayList<Integer>();
        try (var look = new VoidTensorHook() {
            @Override
            public void call(TensorBase gradient) {
                seen.add(OpenBlas.threads());
            }
        };
                var x = torch.randn(1, 2, 100, 16).requires_grad_(true);
                var begin = x.alias();
                var q = begin.alias();
                var k = begin.alias();
                var v = begin.alias();
                var result = torch.scaled_dot_product_attention(q, k, v);
                var loss = result.sum()) {
            AttentionBackward.watch(result, List.of(q, k, v));
            result.register_hook(look);
            begin.register_hook(look);
            AttentionBackward.during(() -> {
                loss.backward();
                return 0;
            });
            assertThat(seen).containsExactly(1, 2);
            assertThat(OpenBlas.threads()).isEqualTo(2);
        }
    }

    @Test
    void gradientsAreThoseOfOneThread() {
        var two = gradients();
        Torch.threads(1);
        var one = gradients();
        for (var i = 0; i < one.size(); i++) {
            assertThat(two.get(i).minus(one.get(i)).abs().max().item()).isLessThan(1e-6);
        }
        assertThat(one.getFirst().square().mean().item()).isCloseTo(two.getFirst().square().mean().item(), within(1e-6)).isGreaterThan(0);
    }

    @Test
    void onlyTheWordsMayNeedAGradient() {
        var rng = new Rng(4);
        var q = rng.normal(1, 2, 100, 16);
        var k = rng.normal(1, 2, 30, 16).requireGradient(true);
        var v = rng.normal(1, 2, 30, 16);
        assertThat(Tensor.gradients(q.attention(k, v, null, 0.25).square().sum(), List.of(k)).getFirst().square().mean().item()).isGreaterThan(0);
        assertThat(OpenBlas.threads()).isEqualTo(2);
    }

    @Test
    void withoutRecordingNothingIsWatched() {
        var x = new Rng(5).normal(1, 2, 100, 16).requireGradient(true);
        assertThat(Torch.<Boolean>withoutGradients(() -> x.attention(x, x, null, 0.25).requiresGradient())).isFalse();
    }

    @Test
    void nothingIsHeldBehindAPass() {
        var x = new Rng(6).normal(1, 2, 100, 16).requireGradient(true);
        Runnable pass = () -> Scope.run(() -> {
            var _ = Tensor.gradients(x.attention(x, x, null, 0.25).square().sum(), List.of(x));
        });
        pass.run();
        var before = Torch.liveObjects();
        for (var i = 0; i < 20; i++) {
            pass.run();
        }
        assertThat(Torch.liveObjects()).isEqualTo(before);
    }

    private static List<Tensor> gradients() {
        var rng = new Rng(3);
        var q = rng.normal(1, 2, 300, 16).requireGradient(true);
        var k = rng.normal(1, 2, 200, 16).requireGradient(true);
        var v = rng.normal(1, 2, 200, 16).requireGradient(true);
        return Tensor.gradients(q.attention(k, v, null, 0.25).square().sum(), List.of(q, k, v));
    }
}
