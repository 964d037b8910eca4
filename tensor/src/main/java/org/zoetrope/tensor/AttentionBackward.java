package org.zoetrope.tensor;

import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;

/// Has the backward pass of attention in float32 multiply on one thread a product, as its forward pass does: libtorch's threads
/// divide both, and products inside that looked for threads of their own would wait for each other, tens of times as long as
/// they take.
///
/// The pass is begun by libtorch, so hooks say when: one on the gradient of the result, right before it, and one on those of the
/// factors, right after it, since what was recorded last comes first. Backward passes run in the thread that asks for them.
final class AttentionBackward {
    private static final String DIVIDED = "ScaledDotProductFlashAttentionForCpuBackward";
    private static final ThreadLocal<Boolean> INSIDE = ThreadLocal.withInitial(() -> false);

    private static final VoidTensorHook BEGIN = hook(() -> {
        if (!INSIDE.get()) {
            INSIDE.set(true);
            OpenBlas.enter();
        }
    });
    private static final VoidTensorHook END = hook(AttentionBackward::end);

    // Native code holds hooks weakly, so these are constants. A gradient that is handed over is a copy of the handle, which would
    // hold its memory until the next garbage collection.
    private static VoidTensorHook hook(Runnable body) {
        return new VoidTensorHook() {
            @Override
            public void call(TensorBase gradient) {
                gradient.close();
                body.run();
            }
        };
    }

    private AttentionBackward() {}

    /// Watches over the gradients of attention.
    ///
    /// @param factors what the result was computed from and nothing else was: views
    static void watch(org.bytedeco.pytorch.Tensor result, List<org.bytedeco.pytorch.Tensor> factors) {
        try (var node = result.grad_fn(); var name = node.name()) {
            if (name.getString().startsWith(DIVIDED)) {
                result.register_hook(BEGIN);
                factors.stream().filter(org.bytedeco.pytorch.Tensor::requires_grad).forEach(factor -> factor.register_hook(END));
            }
        }
    }

    /// Runs a backward pass; however it ends, products have their threads again.
    static <T> T during(Supplier<T> pass) {
        try {
            return pass.get();
        } finally {
            end();
        }
    }

    private static void end() {
        if (INSIDE.get()) {
            INSIDE.set(false);
            OpenBlas.leave();
        }
    }
}
