package org.zoetrope.tensor;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.function.ObjIntConsumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/// Threads that work on the parts of one operation, each with a core to itself: what a part computes with stays in the cache of
/// its core, and nobody waits for the others but once, at the end.
final class Team {
    private static final Optional<MethodHandle> OPEN_MP = NativeFunction.find("omp_set_num_threads",
            FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
    private static final ExecutorService MEMBERS = Executors.newCachedThreadPool(Thread.ofPlatform().name("zoetrope-part-", 0).daemon()
            .factory());

    private Team() {}

    /// Does parts 0 to `count` - 1, as many at a time as an operation may use threads, and returns when all are done. A part
    /// runs in a scope of its own.
    ///
    /// @param own what a thread makes for itself before its first part and has in all its parts, in a scope around them
    static <W> void share(int count, Supplier<W> own, ObjIntConsumer<W> part) {
        var size = OPEN_MP.isPresent() ? Math.min(Torch.threads(), count) : 1;
        var next = new AtomicInteger();
        if (size == 1) {
            work(count, next, own, part);
            return;
        }
        var members = Stream.generate(() -> CompletableFuture.runAsync(() -> {
            beAlone();
            work(count, next, own, part);
        }, MEMBERS)).limit(size).toArray(CompletableFuture<?>[]::new);
        // Not to be interrupted: the others would go on writing into memory that the caller has freed.
        try {
            CompletableFuture.allOf(members).join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /// Computes tensors, as many at a time as an operation may use threads, each in a thread of its own whose operations have no
    /// other, and returns them in the scope of the caller. Gradients are not recorded.
    static List<Tensor> compute(List<Supplier<Tensor>> bodies) {
        var results = new @Nullable Tensor[bodies.size()];
        try {
            OpenBlas.onOneThread(() -> {
                share(results.length, () -> results, (all, index) -> all[index] = Torch.withoutGradients(
                        () -> Scope.disown(bodies.get(index).get().detach())));
                return results;
            });
        } catch (RuntimeException e) {
            Stream.of(results).filter(Objects::nonNull).forEach(Tensor::close); // of the bodies that did not fail
            throw e;
        }
        return Stream.of(results).map(Objects::requireNonNull).peek(result -> result.moveTo(null, Scope.current())).toList();
    }

    /// Does parts 0 to `count` - 1, all at once, and returns when all are done. Parts may wait for each other.
    static void together(int count, IntConsumer part) {
        var others = IntStream.range(1, count).mapToObj(index -> CompletableFuture.runAsync(() -> part.accept(index), MEMBERS))
                .toArray(CompletableFuture<?>[]::new);
        part.accept(0);
        CompletableFuture.allOf(others).join();
    }

    private static <W> void work(int count, AtomicInteger next, Supplier<W> own, ObjIntConsumer<W> part) {
        Scope.run(() -> {
            var mine = own.get();
            for (var i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
                var index = i;
                Scope.run(() -> part.accept(mine, index));
            }
        });
    }

    private static void beAlone() {
        torch.get_num_threads(); // when first asked in a thread, libtorch sets that thread's number to its own
        try {
            OPEN_MP.orElseThrow().invokeExact(1);
        } catch (Throwable e) {
            throw new IllegalStateException("OpenMP did not take a number of threads", e);
        }
    }
}
