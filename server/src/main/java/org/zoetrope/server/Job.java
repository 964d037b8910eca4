package org.zoetrope.server;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// A job as the database knows it. Times are milliseconds since 1970.
///
/// @param id         unguessable
/// @param model      name of the model that makes it
/// @param asked      what the client called the model
/// @param seconds    length as the client knows it
/// @param size       size as the client knows it, such as `1280x720`
/// @param owner      name of the key that asked for it
/// @param priority   jobs of a higher one run first
/// @param attempts   how often it was begun since it last got any further
/// @param claim      counts its beginnings; only the worker of the last one may write
/// @param node       the process that began it last
/// @param cancelled  somebody asked to stop it
/// @param stage      what is being done, such as `denoise`
/// @param progress   percent
/// @param recipe     what made the finished video, as JSON
/// @param source     the job whose video this one started from
record Job(String id, Kind kind, Status status, String model, String asked, Wanted wanted, String seconds, String size,
        String owner, int priority, long createdAt, Optional<Long> startedAt, Optional<Long> completedAt, int attempts,
        long claim, Optional<String> node, boolean cancelled, String stage, int step, int steps, int progress,
        Optional<Failure> failure, Optional<String> recipe, List<String> notices, Optional<String> source) {
    /// What kind of request made it.
    enum Kind { CREATE, REMIX, EXTEND, EDIT }

    /// The statuses of the videos API; there are no others.
    enum Status {
        QUEUED, IN_PROGRESS, COMPLETED, FAILED;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }

        static Status of(String word) {
            return valueOf(word.toUpperCase(Locale.ROOT));
        }

        boolean isFinal() {
            return this == COMPLETED || this == FAILED;
        }
    }

    /// Why there is no video.
    ///
    /// @param code a word for programs, such as `cancelled`
    record Failure(String code, String message) {}

    Job {
        notices = List.copyOf(notices);
    }

    /// Whether it starts from a video that its client has uploaded.
    boolean isUploaded() {
        return wanted.video().filter(Container::isUpload).isPresent();
    }

    /// A job that nobody has begun.
    static Job queued(String id, Kind kind, String model, String asked, Wanted wanted, String seconds, String size,
            String owner, int priority, List<String> notices, Optional<String> source) {
        return new Job(id, kind, Status.QUEUED, model, asked, wanted, seconds, size, owner, priority,
                System.currentTimeMillis(), Optional.empty(), Optional.empty(), 0, 0, Optional.empty(), false, "queued",
                0, wanted.steps(), 0, Optional.empty(), Optional.empty(), notices, source);
    }
}
