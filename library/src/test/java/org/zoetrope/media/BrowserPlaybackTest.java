package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a browser makes of our files. Needs a Chromium on the path; without one the tests are skipped and say so.
class BrowserPlaybackTest {
    private static final List<String> NAMES = List.of("chromium", "chromium-browser", "google-chrome");

    @TempDir
    private Path folder;

    /// Left to right: red, green, blue, yellow. The bars are wide, so that 4:2:0 does not touch their middles.
    private static final int[] BARS = {0xD02020, 0x20B040, 0x3050D0, 0xE8D030};

    private static Frames bars() {
        return Frames.paint(128, 96, 8, 12, (f, x, y) -> y < 8 && x < 10 * f ? 0xFFFFFF : BARS[x / 32]);
    }

    @Test
    void anMp4PlaysWithItsSizeLengthAndColours() throws Exception {
        plays("mp4");
    }

    @Test
    void aWebmPlaysWithItsSizeLengthAndColours() throws Exception {
        plays("webm");
    }

    private void plays(String extension) throws Exception {
        var chromium = chromium();
        assumeTrue(chromium.isPresent(), "no Chromium on the path: browser playback is not tested");
        VideoWriter.write(bars(), folder.resolve("clip." + extension));
        Files.writeString(folder.resolve("page.html"), """
                <video id=v muted src="clip.%s"></video><p id=out>nothing</p>
                <script>
                v.onerror = () => out.textContent = 'error ' + v.error.message;
                v.onloadeddata = () => { v.currentTime = 0.9; };
                v.onseeked = () => {
                    const c = document.createElement('canvas'); c.width = v.videoWidth; c.height = v.videoHeight;
                    const g = c.getContext('2d'); g.drawImage(v, 0, 0);
                    const rgb = [16, 48, 80, 112].map(x => [...g.getImageData(x, 60, 1, 1).data].slice(0, 3).join(','));
                    out.textContent = ['ready', v.readyState, v.videoWidth, v.videoHeight, v.duration, rgb.join(';')].join(' ');
                };
                </script>
                """.formatted(extension));
        var dom = dump(chromium.get());
        var found = Pattern.compile("<p id=\"out\">ready (\\d) (\\d+) (\\d+) ([\\d.]+) ([\\d,;]+)</p>").matcher(dom);
        assertThat(found.find()).as("Chromium's page was: %s", dom).isTrue();
        assertThat(Integer.parseInt(found.group(1))).isGreaterThanOrEqualTo(2); // has the current frame
        assertThat(found.group(2) + " x " + found.group(3)).isEqualTo("128 x 96");
        assertThat(Double.parseDouble(found.group(4))).isCloseTo(1.5, within(0.01));
        var colours = found.group(5).split(";", -1);
        for (var i = 0; i < BARS.length; i++) {
            var rgb = Arrays.stream(colours[i].split(",", -1)).mapToInt(Integer::parseInt).toArray();
            for (var c = 0; c < 3; c++) {
                // Chromium's software conversion (libyuv) counts in 64ths and stops at 2, where BT.709 wants 2.11 for
                // blue: blue is 7 levels low. Taken for BT.601, red would be 15 levels low.
                assertThat(rgb[c]).as("bar %d came out as %s", i, colours[i])
                        .isCloseTo(BARS[i] >> (16 - 8 * c) & 0xff, within(9));
            }
        }
    }

    @Test
    void anAnimatedWebpAndAGifAreShown() throws Exception {
        var chromium = chromium();
        assumeTrue(chromium.isPresent(), "no Chromium on the path: browser playback is not tested");
        VideoWriter.write(bars(), folder.resolve("clip.webp"), VideoWriter.Options.defaults().withComment("été"));
        VideoWriter.write(bars(), folder.resolve("clip.gif"), VideoWriter.Options.defaults().withComment("été"));
        Files.writeString(folder.resolve("page.html"), """
                <p id=out></p>
                <script>
                for (const name of ['clip.webp', 'clip.gif']) {
                    const i = new Image();
                    i.onerror = () => out.textContent += name + ' broken ';
                    i.onload = () => out.textContent += name + ' ' + i.naturalWidth + ' ';
                    i.src = name;
                }
                </script>
                """);
        assertThat(dump(chromium.get())).contains("clip.webp 128").contains("clip.gif 128");
    }

    private static Optional<Path> chromium() {
        var path = Optional.ofNullable(System.getenv("PATH")).orElse("");
        for (var folder : path.split(Pattern.quote(System.getProperty("path.separator")), -1)) {
            for (var name : NAMES) {
                var program = Path.of(folder, name);
                if (Files.isExecutable(program)) {
                    return Optional.of(program);
                }
            }
        }
        return Optional.empty();
    }

    /// The page's document after its scripts have run.
    private String dump(Path chromium) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of(chromium.toString(), "--headless", "--no-sandbox", "--disable-gpu",
                "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--allow-file-access-from-files", "--user-data-dir=" + folder.resolve("profile"),
                "--timeout=20000", "--virtual-time-budget=8000", "--dump-dom",
                folder.resolve("page.html").toUri().toString()));
        var out = folder.resolve("dom.txt").toFile();
        var process = new ProcessBuilder(command).redirectOutput(out)
                .redirectError(folder.resolve("err.txt").toFile()).start();
        try {
            assertThat(process.waitFor(90, TimeUnit.SECONDS)).as("Chromium ended within 90 seconds").isTrue();
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
        }
        return Files.readString(out.toPath(), StandardCharsets.UTF_8);
    }
}
