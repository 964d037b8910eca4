package org.zoetrope.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import org.zoetrope.media.Limits;
import org.zoetrope.media.MediaException;
import org.zoetrope.media.MediaFile;
import org.zoetrope.media.SoundTrack;
import org.zoetrope.media.VideoReader;

/// The process that decodes an uploaded video, so that what goes wrong in a decoder goes wrong there. It is told a file
/// and limits, leaves a line about the video in the file `said` and, if it is asked to, its first frames in `frames`, and
/// ends. It lives no longer than the server that started it.
final class UploadProcess {
    static final int REFUSED = 40, OUT_OF_MEMORY = 41; // exit codes that no Java runtime uses
    static final String SAID = "said", FRAMES = "frames";

    private static final int LONGEST_REASON = 500;

    private UploadProcess() {}

    /// @param arguments the video, the folder for what is left, how many frames are wanted, and limits: bytes, pixels,
    ///                  frames, milliseconds, decoded bytes
    public static void main(String[] arguments) {
        Thread.ofPlatform().daemon().start(UploadProcess::endWithParent);
        Runtime.getRuntime().halt(run(arguments));
    }

    /// The server writes nothing; when it has died, there is an end to read.
    private static void endWithParent() {
        try {
            while (System.in.read() >= 0) {
                // There is nothing to say.
            }
        } catch (IOException _) {
            // As good as an end.
        }
        Runtime.getRuntime().halt(1);
    }

    private static int run(String[] arguments) {
        Path video = Path.of(arguments[0]), folder = Path.of(arguments[1]);
        try {
            try {
                decode(video, folder, Integer.parseInt(arguments[2]), new Limits(Long.parseLong(arguments[3]),
                        Long.parseLong(arguments[4]), Integer.parseInt(arguments[5]),
                        Duration.ofMillis(Long.parseLong(arguments[6])), Long.parseLong(arguments[7])));
                return 0;
            } catch (MediaException e) {
                var reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("")
                        .replace(video.toString(), "the video");
                Files.writeString(folder.resolve(SAID), reason.substring(0, Math.min(LONGEST_REASON, reason.length())));
                return REFUSED;
            }
        } catch (OutOfMemoryError _) {
            return OUT_OF_MEMORY;
        } catch (IOException _) {
            return 1;
        }
    }

    private static void decode(Path video, Path folder, int wanted, Limits limits) throws IOException {
        var frames = VideoReader.read(video, limits);
        Files.writeString(folder.resolve(SAID), String.format(Locale.ROOT, "%d %d %d %s %b %b", frames.width(),
                frames.height(), frames.count(), frames.fps(), MediaFile.inspect(video, limits).variableRate(),
                SoundTrack.isIn(video)));
        if (wanted > 0) {
            RawClip.write(frames.slice(0, Math.min(wanted, frames.count())), folder.resolve(FRAMES));
        }
    }
}
