package org.zoetrope.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Turns Ctrl-C into a request to stop: the command leaves its loop, takes back what is half written, and says so,
/// before the process ends with the signal's exit code.
public final class Interruption implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 20;

    private final Thread worker = Thread.currentThread();
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Thread hook = new Thread(this::stop, "stop on interrupt");
    private volatile boolean requested;
    private volatile boolean disposable = true;

    private Interruption() {}

    /// Watches the process on behalf of the calling thread, until closed.
    static Interruption watch() {
        var interruption = new Interruption();
        Runtime.getRuntime().addShutdownHook(interruption.hook);
        return interruption;
    }

    /// Whether somebody asked to stop.
    boolean isRequested() {
        return requested;
    }

    /// Says whether the worker holds anything half written. While it does not, the process does not wait for a long
    /// computation to notice the request.
    void disposable(boolean now) {
        disposable = now;
    }

    private void stop() {
        requested = true;
        worker.interrupt();
        try {
            var patience = disposable ? 2 : PATIENCE_SECONDS;
            if (!ended.await(patience, TimeUnit.SECONDS) && !disposable) {
                ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        ended.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException _) {
            // The process is ending already, by way of this hook.
        }
    }
}
