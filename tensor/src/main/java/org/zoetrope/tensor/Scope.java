package org.zoetrope.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Owns the native memory of tensors. A tensor belongs to the innermost open scope of the thread that made it and is
/// freed when that scope closes, unless it was kept for the scope outside.
///
/// ```java
/// try (var scope = Scope.open()) {
///     var features = encoder.forward(tokens);
///     return scope.keep(features.mean(1));        // everything else made here is freed
/// }
/// ```
///
/// Loops own scopes, layers do not. Scopes close in the reverse order of opening, on the thread that opened them. A
/// tensor made while no scope is open lives until the garbage collector finds it, which sees only its few bytes on the
/// Java side: open a scope.
public final class Scope implements AutoCloseable {
    private static final ThreadLocal<@Nullable Scope> CURRENT = new ThreadLocal<>();

    private final @Nullable Scope outer;
    private final Thread thread;
    private List<Tensor> owned = new ArrayList<>();
    private boolean open = true;

    private Scope(@Nullable Scope outer) {
        this.outer = outer;
        this.thread = Thread.currentThread();
    }

    /// Opens a scope inside the innermost one of this thread.
    public static Scope open() {
        var scope = new Scope(CURRENT.get());
        CURRENT.set(scope);
        return scope;
    }

    /// Hands a tensor to the scope outside this one (or to the garbage collector when there is none) and returns it.
    public Tensor keep(Tensor tensor) {
        tensor.moveTo(this, outer);
        return tensor;
    }

    /// Keeps every tensor of a value, as [#keep(Tensor)].
    public <T extends Tensors> T keep(T value) {
        value.tensors().forEach(this::keep);
        return value;
    }

    /// Keeps every tensor of a list, as [#keep(Tensor)].
    public List<Tensor> keepAll(List<Tensor> tensors) {
        tensors.forEach(this::keep);
        return tensors;
    }

    /// Takes a tensor out of its scope. Whoever holds it closes it; meant for state that outlives the steps of a loop, such
    /// as the feature caches of a streamed autoencoder.
    public static Tensor disown(Tensor tensor) {
        if (tensor.owner != null) {
            tensor.moveTo(tensor.owner, null);
        }
        return tensor;
    }

    /// Runs the body in a scope of its own and keeps its result, which is a [Tensor], a [Tensors], a list of them, or
    /// a value without tensors.
    public static <T extends @Nullable Object> T run(Supplier<T> body) {
        try (var scope = open()) {
            var result = body.get();
            scope.keepAny(result);
            return result;
        }
    }

    /// Runs the body in a scope of its own; nothing is kept.
    public static void run(Runnable body) {
        try (var _ = open()) {
            body.run();
        }
    }

    /// Folds steps over a running value and frees what each step leaves behind. The value is kept from step to step;
    /// a value that a step replaced is freed with that step, except the start, which belongs to the caller.
    public static <T, S> T fold(T start, Iterable<? extends S> steps, BiFunction<? super T, ? super S, ? extends T> body) {
        var value = start;
        Scope previous = null;
        try {
            for (var step : steps) {
                // The running value lives in a holder scope until the next value is there.
                var holder = new Scope(CURRENT.get());
                try (var scope = open()) {
                    var next = body.apply(value, step);
                    scope.moveAny(next, holder);
                    value = next;
                }
                if (previous != null) {
                    previous.moveAny(value, holder);
                    previous.release();
                }
                previous = holder;
            }
            if (previous != null) {
                previous.moveAny(value, previous.outer);
            }
            return value;
        } finally {
            if (previous != null) {
                previous.release();
            }
        }
    }

    /// Takes everything this scope owns out of the nesting of scopes. For what outlives the call that made it, such as the
    /// weights of a model; the rest of the body may go on using it.
    public Detached detach() {
        var mine = owned.stream().filter(tensor -> tensor.owner == this).toList();
        mine.forEach(tensor -> tensor.owner = null);
        owned = new ArrayList<>();
        return new Detached(mine);
    }

    /// Tensors that live until they are closed here, in any order and by any thread.
    public static final class Detached implements AutoCloseable {
        private List<Tensor> tensors;

        private Detached(List<Tensor> tensors) {
            this.tensors = tensors;
        }

        /// Frees the tensors; closing twice is harmless. No thread may be computing with them.
        @Override
        public synchronized void close() {
            tensors.stream().filter(tensor -> !tensor.isClosed()).forEach(Tensor::free);
            tensors = List.of();
        }
    }

    /// How many tensors this scope would free if it closed now.
    public int size() {
        var live = 0;
        for (var tensor : owned) {
            if (tensor.owner == this) {
                live++;
            }
        }
        return live;
    }

    @Override
    public void close() {
        if (!open) {
            return;
        }
        if (thread != Thread.currentThread() || CURRENT.get() != this) {
            throw new IllegalStateException("scopes close in the reverse order of opening, on the thread that opened them");
        }
        if (outer == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(outer);
        }
        release();
    }

    private void release() {
        open = false;
        for (var tensor : owned) {
            if (tensor.owner == this) {
                tensor.free();
            }
        }
        owned = new ArrayList<>();
    }

    private void keepAny(@Nullable Object value) {
        moveAny(value, outer);
    }

    private void moveAny(@Nullable Object value, @Nullable Scope target) {
        switch (value) {
            case null -> {}
            case Tensor tensor -> tensor.moveTo(this, target);
            case Tensors many -> many.tensors().forEach(t -> t.moveTo(this, target));
            case List<?> list -> list.forEach(item -> moveAny(item, target));
            default -> {}
        }
    }

    void adopt(Tensor tensor) {
        owned.add(tensor);
    }

    static @Nullable Scope current() {
        return CURRENT.get();
    }
}
