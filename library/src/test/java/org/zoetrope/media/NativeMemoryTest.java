package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Writing, reading and failing give native memory back. Measured in a process of its own whose Java heap has a fixed
/// size, so that what grows is native.
class NativeMemoryTest {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final int WARM_UP = 8;
    private static final int ROUNDS = 20;
    private static final List<String> FORMATS = List.of("mp4", "mkv", "gif", "webp");

    @TempDir
    private Path folder;

    /// One frame forgotten per round would be 0.9 MB, 18 MB in all.
    @Test
    void roundsOfSuccessAndFailureDoNotGrow() throws Exception {
        assumeTrue(Files.isReadable(STATUS), "skipped: no /proc/self/status to read the memory of a process from");
        var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        var process = new ProcessBuilder(java, "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow", "-Xms400m", "-Xmx400m", "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"),
                NativeMemoryTest.class.getName(), folder.toString())
                .redirectErrorStream(true).start();
        var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(300, TimeUnit.SECONDS)).isTrue();
        assertThat(said).as("the whole output: FFmpeg and its encoders print nothing").startsWith("grew by ")
                .hasLineCount(1);
        assertThat(Long.parseLong(said.strip().replace("grew by ", ""))).as("kB of growth").isLessThan(9_000);
    }

    /// The measured process.
    public static void main(String[] args) throws IOException {
        var folder = Path.of(args[0]);
        var clip = Clips.shapes(640, 480, 2, 8);
        var before = 0L;
        for (var round = 0; round < WARM_UP + ROUNDS; round++) {
            if (round == WARM_UP) {
                before = anonymous();
            }
            for (var format : FORMATS) {
                var file = folder.resolve("clip." + format);
                VideoWriter.write(clip, file);
                VideoReader.read(file);
                var bytes = Files.readAllBytes(file);
                fails(Files.write(folder.resolve("cut." + format), Arrays.copyOf(bytes, bytes.length * 2 / 3)));
                Thread.currentThread().interrupt();
                fails(file);
                Thread.interrupted();
            }
        }
        System.out.println("grew by " + (anonymous() - before));
    }

    private static void fails(Path file) {
        try {
            VideoReader.read(file);
            System.out.println(file + " was read");
        } catch (MediaException e) {
            // as it should
        }
    }

    private static long anonymous() throws IOException {
        System.gc();
        return Files.readAllLines(STATUS).stream().filter(line -> line.startsWith("RssAnon"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).sum();
    }
}
