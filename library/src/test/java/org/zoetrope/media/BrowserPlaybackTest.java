package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What a browser makes of our files. Needs a Chromium on the path; without one the tests are skipped and say so.
class BrowserPlaybackTest {
    private static final List<String> NAMES = List.of("chromium", "chromium-browser", "google-chrome");

    private static final String NO_BROWSER = "skipped: no Chromium on the path, so playback in a browser is not tested";

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
        var file = folder.resolve("clip." + extension);
        VideoWriter.write(bars(), file);
        var said = show("""
                <video id=v muted src="clip.%s"></video>
                <script>
                const tell = text => fetch('/said', {method: 'POST', body: text});
                v.onerror = () => tell('error ' + v.error.message);
                v.onloadeddata = () => { v.currentTime = 0.9; };
                const c = document.createElement('canvas'), g = c.getContext('2d');
                // The frame may be there for the video and not yet for the canvas, which then stays transparent.
                const draw = triesLeft => {
                    c.width = v.videoWidth; c.height = v.videoHeight; g.drawImage(v, 0, 0);
                    const pixels = [16, 48, 80, 112].map(x => [...g.getImageData(x, 60, 1, 1).data]);
                    if (triesLeft > 0 && pixels.some(p => p[3] === 0)) return setTimeout(draw, 50, triesLeft - 1);
                    const rgb = pixels.map(p => p.slice(0, 3).join(','));
                    tell(['ready', v.readyState, v.videoWidth, v.videoHeight, v.duration, rgb.join(';')].join(' '));
                };
                v.onseeked = () => draw(200);
                </script>
                """.formatted(extension), file);
        var found = Pattern.compile("ready (\\d) (\\d+) (\\d+) ([\\d.]+) ([\\d,;]+)").matcher(said);
        assertThat(found.matches()).as("the page said: %s", said).isTrue();
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

    @ParameterizedTest
    @ValueSource(strings = {"webp", "gif"})
    void anAnimatedPictureIsShown(String extension) throws Exception {
        var file = folder.resolve("clip." + extension);
        VideoWriter.write(bars(), file, VideoWriter.Options.defaults().withComment("été"));
        var said = show("""
                <script>
                const i = new Image(), tell = text => fetch('/said', {method: 'POST', body: text});
                i.onerror = () => tell('broken');
                i.onload = () => tell(i.naturalWidth + ' x ' + i.naturalHeight);
                i.src = 'clip.%s';
                </script>
                """.formatted(extension), file);
        assertThat(said).isEqualTo("128 x 96");
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

    /// Shows a page beside a file, both from a server on this machine, and waits for the first thing the page says.
    private String show(String page, Path file) throws Exception {
        var chromium = chromium();
        if (chromium.isEmpty()) {
            System.out.println(NO_BROWSER);
        }
        assumeTrue(chromium.isPresent(), NO_BROWSER);
        var said = new CompletableFuture<String>();
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> answer(exchange, page.getBytes(StandardCharsets.UTF_8), "text/html"));
        server.createContext("/" + file.getFileName(),
                exchange -> answer(exchange, Files.readAllBytes(file), type(file)));
        server.createContext("/said", exchange -> {
            said.complete(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
            answer(exchange, new byte[0], "text/plain");
        });
        server.start();
        var browser = new ProcessBuilder(chromium.get().toString(), "--headless", "--no-sandbox", "--disable-gpu",
                "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--user-data-dir=" + folder.resolve("profile"),
                "http://127.0.0.1:%d/".formatted(server.getAddress().getPort()))
                .redirectErrorStream(true).redirectOutput(folder.resolve("browser.txt").toFile()).start();
        try {
            return said.get(120, TimeUnit.SECONDS);
        } finally {
            browser.descendants().forEach(ProcessHandle::destroyForcibly);
            browser.destroyForcibly().waitFor();
            server.stop(0);
        }
    }

    private static String type(Path file) {
        var extension = FileDoor.extension(file);
        return (Set.of("mp4", "webm").contains(extension) ? "video/" : "image/") + extension;
    }

    private static void answer(HttpExchange exchange, byte[] body, String type) throws IOException {
        try (exchange) {
            exchange.getResponseHeaders().set("Content-Type", type);
            exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
        }
    }
}
