package org.zoetrope.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.zoetrope.media.Frames;
import org.zoetrope.media.Resize;

/// Reads uploaded videos, each in a process of its own with limits on time, memory, processor time and files. Decoders
/// of video are large programs in C that read what strangers made; here a video that makes one hang, crash or eat
/// memory ends that process and nothing else.
final class UploadDecoder {
    private static final Logger LOG = LoggerFactory.getLogger(UploadDecoder.class);
    private static final int AT_ONCE = 2; // processes
    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(50);
    private static final Duration DYING = Duration.ofSeconds(5);
    private static final long NATIVE_BYTES = 1L << 30; // beside the heap: the runtime, code, and FFmpeg's own pictures
    private static final long FILE_BYTES = 1L << 30; // beside the frames: native libraries that are unpacked once
    private static final int LONGEST_REASON = 500;
    /// What the process may know of this one's environment: no passwords, no options of Java.
    private static final Set<String> ENVIRONMENT = Set.of("LD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE",
            "HOME");
    private static final Pattern SEEN = Pattern.compile(
            "(\\d{1,9}) (\\d{1,9}) (\\d{1,9}) ([0-9.E-]{1,30}) (true|false) (true|false)");
    // The last word on limits is the kernel's: also on what FFmpeg allocates, and if this server is gone.
    private static final String LIMITED = "ulimit -c 0; ulimit -d \"$1\"; ulimit -f \"$2\"; ulimit -t \"$3\"; shift 3; "
            + "exec \"$@\"";

    /// What an upload is, after its last frame was decoded.
    ///
    /// @param variableRate whether its frames are shown for different times
    /// @param sound        whether it has a sound track
    record Seen(int width, int height, int count, double fps, boolean variableRate, boolean sound) {
        /// A clip of this size, length and rate that shows nothing, as [#read] would give one that does.
        Frames blank() {
            var picture = even().frames();
            return new Frames(picture.width(), picture.height(), fps, Collections.nCopies(count,
                    picture.images().getFirst()));
        }

        /// What becomes of it before it is edited.
        List<String> notices() {
            var notices = new ArrayList<String>();
            even().changes().forEach(change -> notices.add("the video was %s, since .mp4 holds even sizes".formatted(
                    change)));
            if (variableRate) {
                notices.add(String.format(Locale.ROOT, "the frames of the video are shown for different times; they "
                        + "are taken at their average rate, %.2f a second", fps));
            }
            if (sound) {
                notices.add("the sound of the video is left out");
            }
            return notices;
        }

        private Resize.Result even() {
            return Resize.even(Frames.picture(width, height, new byte[width * height * Frames.CHANNELS]));
        }
    }

    /// Asks whether somebody still waits for a video, and throws if not.
    @FunctionalInterface
    interface Patience {
        void check();
    }

    private final Path work;
    private final ServerSettings.UploadLimits limits;
    private final long bytes;
    private final Semaphore free = new Semaphore(AT_ONCE, true);

    UploadDecoder(ServerSettings settings) {
        work = settings.data().toAbsolutePath().resolve("uploads");
        limits = settings.uploads();
        bytes = settings.limits().bodyBytes();
    }

    /// Decodes an upload from its first frame to its last, and keeps nothing of it.
    ///
    /// @throws UploadException if it cannot be read or exceeds a limit
    /// @throws ApiException    if too many uploads are being looked at
    Seen look(Container kind, byte[] content) {
        return look(kind, content, 0, this::seen);
    }

    /// The first frame of an upload, which is decoded to its last as well, so that one that is kept is known to be whole.
    ///
    /// @throws UploadException if it cannot be read or exceeds a limit
    /// @throws ApiException    if too many uploads are being looked at
    Frames first(Container kind, byte[] content) {
        return look(kind, content, 1, folder -> frames(folder, limits.pixels() * Frames.CHANNELS));
    }

    /// @param wanted how many of its frames are left in the folder
    /// @param left   reads what was left there
    private <T> T look(Container kind, byte[] content, int wanted, Work<T> left) {
        try {
            if (!free.tryAcquire(limits.time().toMillis(), TimeUnit.MILLISECONDS)) {
                throw ApiException.busy("other uploaded videos are being looked at; send this one again in a moment");
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            throw ApiException.unavailable("this server is stopping; try again in a moment");
        }
        try {
            return inFolder(folder -> {
                var video = Files.write(folder.resolve(kind.file()), content);
                run(video, folder, wanted, () -> {});
                return left.in(folder);
            });
        } finally {
            free.release();
        }
    }

    /// The frames of an upload, their sides even.
    ///
    /// @param patience asked several times a second
    /// @throws UploadException if it cannot be read or exceeds a limit
    Frames read(Path video, Patience patience) {
        while (true) {
            patience.check();
            if (waited(patience)) {
                break;
            }
        }
        try {
            return inFolder(folder -> {
                run(video.toAbsolutePath(), folder, Integer.MAX_VALUE, patience);
                return Resize.even(frames(folder, limits.decodedBytes())).frames();
            });
        } finally {
            free.release();
        }
    }

    private boolean waited(Patience patience) {
        try {
            return free.tryAcquire(BETWEEN_LOOKS.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException _) {
            throw interrupted(patience);
        }
    }

    /// Something that is done in a folder of its own.
    @FunctionalInterface
    private interface Work<T> {
        T in(Path folder) throws IOException;
    }

    private <T> T inFolder(Work<T> body) {
        try {
            var folder = Files.createDirectories(work.resolve(UUID.randomUUID().toString()));
            try {
                return body.in(folder);
            } finally {
                new DurableFolder(folder).delete();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Deletes what a server that was killed has left.
    void tidy() {
        try {
            DurableFolder.leftBehind(work).forEach(DurableFolder::delete);
        } catch (UncheckedIOException e) {
            LOG.warn("could not tidy {}: {}", work, e.getMessage());
        }
    }

    // ---------------------------------------------------------------- the process

    private void run(Path video, Path folder, int wanted, Patience patience) throws IOException {
        var started = System.nanoTime();
        var process = start(video, folder, wanted);
        try {
            while (!process.waitFor(BETWEEN_LOOKS.toMillis(), TimeUnit.MILLISECONDS)) {
                patience.check();
                if (System.nanoTime() - started > limits.time().toNanos()) {
                    throw new UploadException("video_too_slow", "the video was not decoded within %s seconds; cut it "
                            .formatted(Admission.trimmed(limits.time().toMillis() / 1000.0)) + "or convert it to H.264");
                }
            }
        } catch (InterruptedException _) {
            throw interrupted(patience);
        } finally {
            kill(process);
        }
        LOG.info("looked at an upload of {} bytes in {} ms, exit code {}", Files.size(video),
                (System.nanoTime() - started) / 1_000_000, process.exitValue());
        switch (process.exitValue()) {
            case 0 -> {
                // What it left is read next.
            }
            case UploadProcess.REFUSED -> throw new UploadException("invalid_video", said(folder));
            case UploadProcess.OUT_OF_MEMORY -> throw new UploadException("video_too_large",
                    "decoding the video takes more than the %d MB of memory that an upload may use; make it shorter or "
                            .formatted(limits.heapBytes() >> 20) + "smaller");
            default -> throw new UploadException("decoder_failed", "the decoder broke down over the video (exit code "
                    + "%d); convert it to H.264".formatted(process.exitValue()));
        }
    }

    /// A thread that is interrupted asks once more: whoever waits knows why. The mark stays set for that.
    private static RuntimeException interrupted(Patience patience) {
        Thread.currentThread().interrupt();
        patience.check();
        return new IllegalStateException("the decoding of a video was interrupted");
    }

    /// Nothing survives this but a process that hangs within the system, and no request waits for that.
    private static void kill(Process process) {
        var all = new ArrayList<>(process.descendants().toList());
        all.add(process.toHandle());
        all.forEach(ProcessHandle::destroyForcibly);
        all.forEach(one -> one.onExit().completeOnTimeout(one, DYING.toSeconds(), TimeUnit.SECONDS).join());
    }

    private Process start(Path video, Path folder, int wanted) throws IOException {
        var most = limits.heapBytes() + NATIVE_BYTES;
        var command = new ArrayList<>(List.of("/bin/sh", "-c", LIMITED, "sh", Long.toString(most >> 10),
                Long.toString(limits.decodedBytes() + FILE_BYTES >> 9),
                Long.toString(limits.time().toSeconds() + 10)));
        command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms8m", "-Xmx%dk".formatted(limits.heapBytes() >> 10), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-XX:-UsePerfData", "-XX:ErrorFile=" + folder.resolve("error.log"), "-Djava.awt.headless=true",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=" + most, "-Dorg.bytedeco.javacpp.maxBytes=" + most,
                "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"));
        Optional.ofNullable(System.getProperty("org.bytedeco.javacpp.cachedir"))
                .ifPresent(cache -> command.add("-Dorg.bytedeco.javacpp.cachedir=" + cache));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), UploadProcess.class.getName(),
                video.toString(), folder.toString(), Integer.toString(wanted), Long.toString(bytes),
                Long.toString(limits.pixels()), Integer.toString(limits.frames()),
                Long.toString(limits.duration().toMillis()), Long.toString(limits.decodedBytes())));
        var builder = new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().keySet().retainAll(ENVIRONMENT);
        return builder.start();
    }

    // ---------------------------------------------------------------- what it left

    private static String said(Path folder) throws IOException {
        try (var in = Files.newInputStream(folder.resolve(UploadProcess.SAID))) {
            return new String(in.readNBytes(LONGEST_REASON), StandardCharsets.UTF_8)
                    .replaceAll("\\p{Cntrl}", " ");
        } catch (NoSuchFileException _) {
            return "the video cannot be read";
        }
    }

    private Seen seen(Path folder) throws IOException {
        var said = said(folder);
        var line = SEEN.matcher(said);
        if (!line.matches()) {
            throw strange(said);
        }
        try {
            var seen = new Seen(Integer.parseInt(line.group(1)), Integer.parseInt(line.group(2)),
                    Integer.parseInt(line.group(3)), Double.parseDouble(line.group(4)),
                    Boolean.parseBoolean(line.group(5)), Boolean.parseBoolean(line.group(6)));
            var pixels = (long) seen.width() * seen.height();
            if (pixels < 1 || pixels > limits.pixels() || seen.count() < 1 || seen.count() > limits.frames()
                    || pixels * Frames.CHANNELS > limits.decodedBytes() / seen.count() || !(seen.fps() > 0)) {
                throw strange(said);
            }
            return seen;
        } catch (NumberFormatException _) {
            throw strange(said);
        }
    }

    private static Frames frames(Path folder, long mostBytes) {
        try {
            return RawClip.read(folder.resolve(UploadProcess.FRAMES), mostBytes);
        } catch (IOException e) {
            throw strange(String.valueOf(e.getMessage()));
        }
    }

    /// The process said or left what it never does: somebody else spoke through it.
    private static UploadException strange(String found) {
        LOG.warn("the process that reads uploads left something strange: {}", found);
        return new UploadException("decoder_failed", "the decoder broke down over the video; convert it to H.264");
    }
}
