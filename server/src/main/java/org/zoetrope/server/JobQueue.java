package org.zoetrope.server;

import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.SchedulerName;
import com.github.kagkarlsson.scheduler.logging.LogLevel;
import com.github.kagkarlsson.scheduler.task.TaskInstance;
import com.github.kagkarlsson.scheduler.task.helper.OneTimeTask;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Consumer;

/// Which job runs when, and where: a row of db-scheduler says "run job X", the job itself stands in [JobStore]. A node
/// sends heartbeats for the jobs it runs, beside the job; one that misses them for eight seconds is taken for dead and
/// its jobs run elsewhere.
final class JobQueue implements AutoCloseable {
    private static final String TASK = "video";
    private static final Duration POLL = Duration.ofSeconds(1);
    private static final Duration HEARTBEAT = Duration.ofSeconds(2);
    private static final int MISSED = 4;
    private static final Duration BACKOFF = Duration.ofSeconds(2);
    private static final Duration LAST_STEP = Duration.ofSeconds(15);

    /// A job is to run again.
    static final class Again extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final Duration delay;

        private Again(Duration delay, String why) {
            super(why, null, false, false);
            this.delay = delay;
        }

        /// After a failure that another attempt may not meet.
        static Again later(int attempts, String why) {
            return new Again(BACKOFF.multipliedBy(attempts), why);
        }

        /// Because this node stops.
        static Again elsewhere() {
            return new Again(Duration.ZERO, "the node stops");
        }
    }

    private final Scheduler scheduler;
    private final boolean works;

    /// @param node    name of this process, unlike that of any other
    /// @param workers jobs at the same time
    /// @param run     runs the job of an id, or throws [Again]
    JobQueue(Database database, String node, int workers, Consumer<String> run) {
        OneTimeTask<Void> task = Tasks.oneTime(TASK)
                .onFailure((complete, operations) -> {
                    var delay = complete.getCause().filter(Again.class::isInstance)
                            .map(cause -> ((Again) cause).delay).orElse(BACKOFF);
                    operations.reschedule(complete, Instant.now().plus(delay));
                })
                .onDeadExecutionRevive()
                .execute((instance, _) -> run.accept(instance.getId()));
        works = workers > 0;
        scheduler = Scheduler.create(database.source(), task)
                .schedulerName(new SchedulerName.Fixed(node))
                .threads(Math.max(1, workers))
                .pollingInterval(POLL)
                .heartbeatInterval(HEARTBEAT)
                .missedHeartbeatsLimit(MISSED)
                .enableImmediateExecution()
                .enablePriority()
                .alwaysPersistTimestampInUTC()
                .failureLogging(LogLevel.OFF, false)
                .shutdownMaxWait(LAST_STEP)
                .build();
    }

    /// Begins to work.
    void start() {
        if (works) {
            scheduler.start();
        }
    }

    /// Lines a job up, if it is not.
    void add(String id, int priority) {
        scheduler.scheduleIfNotExists(new TaskInstance.Builder<Void>(TASK, id).priority(priority).build(),
                Instant.now());
    }

    /// Takes no more jobs, and waits for those that run to reach a place to stop.
    @Override
    public void close() {
        if (works) {
            scheduler.stop();
        }
    }
}
