package org.zoetrope.server;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// Where the jobs of this node stand at this moment, for clients that watch them: ahead of the database, which is told
/// less often, and with previews, which it is never told.
final class Live {
    /// @param version counts the reports of a job
    /// @param preview how the clip looks so far
    record Moment(long version, String stage, int step, int steps, int progress, Optional<Preview> preview) {}

    /// Latent frames beside each other in one PNG.
    record Preview(byte[] png, int width, int height, int frames, double fps) {}

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition news = lock.newCondition();
    private final Map<String, Moment> moments = new HashMap<>();
    private long versions;

    void report(String id, String stage, int step, int steps, int progress, Optional<Preview> preview) {
        lock.lock();
        try {
            var seen = preview.or(() -> Optional.ofNullable(moments.get(id)).flatMap(Moment::preview));
            moments.put(id, new Moment(++versions, stage, step, steps, progress, seen));
            news.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /// The job is in nobody's hands any more.
    void forget(String id) {
        lock.lock();
        try {
            moments.remove(id);
            news.signalAll();
        } finally {
            lock.unlock();
        }
    }

    Optional<Moment> moment(String id) {
        lock.lock();
        try {
            return Optional.ofNullable(moments.get(id));
        } finally {
            lock.unlock();
        }
    }

    /// Waits until a job has moved on from a version, or is forgotten, or the time is over.
    void await(String id, long version, Duration patience) throws InterruptedException {
        lock.lock();
        try {
            var left = patience.toNanos();
            while (left > 0) {
                var now = moments.get(id);
                if (now == null ? version > 0 : now.version() > version) {
                    return;
                }
                left = news.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }
}
