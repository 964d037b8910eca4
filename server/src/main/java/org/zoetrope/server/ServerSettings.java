package org.zoetrope.server;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.zoetrope.media.Limits;
import org.zoetrope.pipeline.OpenOptions;

/// How a server is run.
///
/// @param host            address to listen on; anything but loopback needs keys
/// @param port            0 takes a free one
/// @param data            folder of the database, the videos and the keys
/// @param database        JDBC address of a PostgreSQL shared by several nodes; empty keeps an embedded database in `data`
/// @param models          the models that can be asked for; the first answers to the names of OpenAI's models
/// @param options         how models are opened
/// @param workers         jobs that run at the same time on this node; 0 only answers requests
/// @param checkpointEvery a running job is saved when this much time has passed since it was saved last
/// @param attempts        how often a job may be begun without getting any further before it has failed
/// @param queueLength     unfinished jobs that one key may have
/// @param characters      characters that one key may keep
/// @param memoryBytes     what one job may take; empty takes the machine's free memory at the time
/// @param limits          what one request may bring
/// @param uploads         what an uploaded video may be
/// @param fetchUrls       whether requests may give an address of the web in place of a picture or a video
public record ServerSettings(String host, int port, Path data, Optional<String> database, List<Installed> models,
        OpenOptions options, int workers, Duration checkpointEvery, int attempts, int queueLength,
        int characters, Optional<Long> memoryBytes, RequestLimits limits, UploadLimits uploads, boolean fetchUrls) {
    /// A model under the name by which it is asked for.
    public record Installed(String name, Path folder) {}

    /// What one request may bring, checked before anything is decoded.
    ///
    /// @param bodyBytes    bytes of a request
    /// @param parts        parts of a form
    /// @param promptLength characters of a prompt
    /// @param pixels       width times height of a picture
    /// @param frames       frames of a video
    public record RequestLimits(long bodyBytes, int parts, int promptLength, long pixels, int frames) {
        public static RequestLimits defaults() {
            return new RequestLimits(64L << 20, 32, 10_000, 4096L * 2304, 1000);
        }
    }

    /// What an uploaded video may be, and what may be spent on finding out. The first four are checked against what
    /// the file states before anything is decoded, and again while it is.
    ///
    /// @param pixels       width times height of a frame
    /// @param frames       frames of the video
    /// @param duration     length of the video
    /// @param decodedBytes memory of its frames, 3 bytes a pixel
    /// @param heapBytes    memory of the process that decodes it, beside one gigabyte for native libraries
    /// @param time         by the clock that decoding may take, and about as much processor time
    public record UploadLimits(long pixels, int frames, Duration duration, long decodedBytes, long heapBytes,
            Duration time) {
        private static final long MOST_DECODED = 1L << 30;
        private static final int SHARE_OF_HEAP = 8; // the clip, its edit and what passes between them are in memory
        private static final long DECODING = 192L << 20; // heap of the other process beside the frames

        /// What `zoetrope edit` reads, at most a gigabyte of frames and an eighth of this process's heap; two minutes,
        /// of which a quiet machine needs seconds, and one whose cores make other videos many.
        public static UploadLimits defaults() {
            var read = Limits.ofEdits();
            var decoded = Math.min(MOST_DECODED, Runtime.getRuntime().maxMemory() / SHARE_OF_HEAP);
            return new UploadLimits(read.pixels(), read.frames(), read.duration(), decoded, decoded + DECODING,
                    Duration.ofMinutes(2));
        }

        public UploadLimits frames(int count) {
            return new UploadLimits(pixels, count, duration, decodedBytes, heapBytes, time);
        }

        public UploadLimits heapBytes(long bytes) {
            return new UploadLimits(pixels, frames, duration, decodedBytes, bytes, time);
        }

        public UploadLimits time(Duration most) {
            return new UploadLimits(pixels, frames, duration, decodedBytes, heapBytes, most);
        }
    }

    public ServerSettings {
        models = List.copyOf(models);
        if (models.isEmpty()) {
            throw new ServerException("no model to serve; name one with --model, or fetch one: zoetrope pull");
        }
    }

    /// Loopback, port 8188, one worker, an embedded database.
    public static ServerSettings of(Path data, List<Installed> models) {
        return new ServerSettings("127.0.0.1", 8188, data, Optional.empty(), models, OpenOptions.defaults(), 1,
                Duration.ofSeconds(5), 4, 500, 100, Optional.empty(), RequestLimits.defaults(),
                UploadLimits.defaults(), false);
    }

    public ServerSettings address(String newHost, int newPort) {
        return new ServerSettings(newHost, newPort, data, database, models, options, workers, checkpointEvery, attempts,
                queueLength, characters, memoryBytes, limits, uploads, fetchUrls);
    }

    public ServerSettings database(Optional<String> url) {
        return new ServerSettings(host, port, data, url, models, options, workers, checkpointEvery, attempts,
                queueLength, characters, memoryBytes, limits, uploads, fetchUrls);
    }

    public ServerSettings options(OpenOptions how) {
        return new ServerSettings(host, port, data, database, models, how, workers, checkpointEvery, attempts,
                queueLength, characters, memoryBytes, limits, uploads, fetchUrls);
    }

    public ServerSettings workers(int count) {
        return new ServerSettings(host, port, data, database, models, options, count, checkpointEvery, attempts,
                queueLength, characters, memoryBytes, limits, uploads, fetchUrls);
    }

    public ServerSettings checkpointEvery(Duration time) {
        return new ServerSettings(host, port, data, database, models, options, workers, time, attempts,
                queueLength, characters, memoryBytes, limits, uploads, fetchUrls);
    }

    public ServerSettings queueLength(int jobs) {
        return new ServerSettings(host, port, data, database, models, options, workers, checkpointEvery, attempts, jobs,
                characters, memoryBytes, limits, uploads, fetchUrls);
    }

    public ServerSettings characters(int most) {
        return new ServerSettings(host, port, data, database, models, options, workers, checkpointEvery, attempts,
                queueLength, most, memoryBytes, limits, uploads, fetchUrls);
    }

    public ServerSettings memoryBytes(long bytes) {
        return new ServerSettings(host, port, data, database, models, options, workers, checkpointEvery, attempts,
                queueLength, characters, Optional.of(bytes), limits, uploads, fetchUrls);
    }

    public ServerSettings uploads(UploadLimits most) {
        return new ServerSettings(host, port, data, database, models, options, workers, checkpointEvery, attempts,
                queueLength, characters, memoryBytes, limits, most, fetchUrls);
    }

    public ServerSettings fetchUrls(boolean may) {
        return new ServerSettings(host, port, data, database, models, options, workers, checkpointEvery, attempts,
                queueLength, characters, memoryBytes, limits, uploads, may);
    }
}
