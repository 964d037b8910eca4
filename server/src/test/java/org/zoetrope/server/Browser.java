package org.zoetrope.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/// A page in a headless Chromium, driven by its DevTools protocol. Where a script of a page breaks, whatever is asked of
/// it next fails, its closing at the latest.
final class Browser implements AutoCloseable {
    private static final JsonMapper JSON = new JsonMapper();
    private static final List<Path> PLACES = Stream.of("/usr/bin/chromium", "/usr/bin/chromium-browser",
            "/usr/bin/google-chrome").map(Path::of).toList();

    private static final Duration LIMIT = Duration.ofSeconds(60); // of whatever is asked of the browser
    private static final Duration LAST_BREATH = Duration.ofSeconds(10);
    private static final int MOST_TABS = 100;
    /// Keys that do something of themselves, by the numbers that Windows gave them.
    private static final Map<String, Integer> CODES = Map.of("Tab", 9, "Enter", 13, " ", 32, "ArrowLeft", 37, "ArrowUp",
            38, "ArrowRight", 39, "ArrowDown", 40);
    private static final Map<String, String> TEXTS = Map.of("Enter", "\r", " ", " ");

    private final Process process;
    private final HttpClient http = HttpClient.newHttpClient();
    private final WebSocket socket;
    private final AtomicInteger commands = new AtomicInteger();
    private final Map<Integer, CompletableFuture<JsonNode>> answers = new ConcurrentHashMap<>();
    private final Queue<String> faults = new ConcurrentLinkedQueue<>();

    static boolean isInstalled() {
        return PLACES.stream().anyMatch(Files::isExecutable);
    }

    /// @param profile an empty folder
    Browser(Path profile) throws IOException, InterruptedException {
        var program = PLACES.stream().filter(Files::isExecutable).findFirst().orElseThrow();
        process = new ProcessBuilder(program.toString(), "--headless", "--no-sandbox", "--disable-gpu",
                "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--window-size=1280,900", "--remote-debugging-port=0",
                "--user-data-dir=" + profile, "about:blank").redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        var port = Served.eventually(() -> lines(profile.resolve("DevToolsActivePort")), lines -> lines.size() > 1)
                .getFirst();
        var pages = http.send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:%s/json/list".formatted(port)))
                .timeout(LIMIT).build(), HttpResponse.BodyHandlers.ofString()).body();
        var page = Stream.of(JSON.readValue(pages, JsonNode[].class))
                .filter(target -> target.path("type").asText().equals("page")).findFirst().orElseThrow();
        socket = http.newWebSocketBuilder().buildAsync(URI.create(page.path("webSocketDebuggerUrl").asText()),
                new Listener()).orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS).join();
        command("Runtime.enable", Map.of());
    }

    private static List<String> lines(Path file) {
        try {
            return Files.isRegularFile(file) ? Files.readAllLines(file) : List.of();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private final class Listener implements WebSocket.Listener {
        private final StringBuilder message = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
            message.append(data);
            if (last) {
                try {
                    var answer = JSON.readTree(message.toString());
                    if (answer.path("method").asText().equals("Runtime.exceptionThrown")) {
                        faults.add(answer.path("params").path("exceptionDetails").path("exception").path("description")
                                .asText());
                    }
                    var waiting = answers.remove(answer.path("id").asInt(-1));
                    if (waiting != null) {
                        waiting.complete(answer);
                    }
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
                message.setLength(0);
            }
            from.request(1);
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public CompletionStage<?> onClose(WebSocket from, int status, String reason) {
            hangUp(new IOException("the browser hung up with %d %s".formatted(status, reason)));
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public void onError(WebSocket from, Throwable error) {
            hangUp(error);
        }

        /// Whoever waits for an answer is told that there will be none.
        private void hangUp(Throwable why) {
            answers.values().forEach(answer -> answer.completeExceptionally(why));
        }
    }

    private JsonNode command(String method, Map<String, Object> parameters) {
        var id = commands.incrementAndGet();
        var answer = new CompletableFuture<JsonNode>();
        answers.put(id, answer);
        try {
            socket.sendText(JSON.writeValueAsString(Map.of("id", id, "method", method, "params", parameters)), true)
                    .get(LIMIT.toSeconds(), TimeUnit.SECONDS);
            var result = answer.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
            if (result.has("error")) {
                throw new AssertionError(method + ": " + result.path("error"));
            }
            return result.path("result");
        } catch (Exception e) {
            throw new IllegalStateException(method, e);
        }
    }

    /// Loads a page, also one that differs from the one before in nothing but what stands behind the `#`.
    void open(String address) {
        for (var page : List.of("about:blank", address)) {
            command("Page.navigate", Map.of("url", page));
            Served.eventually(() -> evaluate("document.readyState").asText(), "complete"::equals);
        }
    }

    /// The value of an expression, or of the promise it gives.
    JsonNode evaluate(String expression) {
        noScriptBroke();
        var result = command("Runtime.evaluate", Map.of("expression", expression, "awaitPromise", true, "returnByValue",
                true, "userGesture", true));
        if (result.has("exceptionDetails")) {
            throw new AssertionError(expression + ": " + result.path("exceptionDetails"));
        }
        return result.path("result").path("value");
    }

    boolean isTrue(String expression) {
        return evaluate(expression).asBoolean();
    }

    String text(String selector) {
        return evaluate("document.querySelector('%s').textContent".formatted(selector)).asText();
    }

    /// Waits until an expression is true.
    void await(String expression) {
        Served.eventually(() -> isTrue(expression), there -> there);
    }

    void click(String selector) {
        await("document.querySelector('%s') !== null".formatted(selector));
        evaluate("document.querySelector('%s').click()".formatted(selector));
    }

    void type(String selector, String text) {
        evaluate("document.querySelector('%s').focus(); document.querySelector('%1$s').select?.()".formatted(selector));
        command("Input.insertText", Map.of("text", text));
    }

    /// Presses a key, as its name in the DOM.
    void press(String key, boolean control) {
        var text = control ? "" : TEXTS.getOrDefault(key, "");
        for (var type : List.of(text.isEmpty() ? "rawKeyDown" : "keyDown", "keyUp")) {
            command("Input.dispatchKeyEvent", Map.of("type", type, "key", key, "modifiers", control ? 2 : 0,
                    "windowsVirtualKeyCode", CODES.getOrDefault(key, 0), "text", type.equals("keyUp") ? "" : text));
        }
    }

    /// Goes on to the next thing that can be used until it is this one, as somebody without a mouse does.
    void tabTo(String selector) {
        var there = "document.activeElement?.matches('%s') ?? false".formatted(selector);
        for (var tabs = 0; !evaluate(there).asBoolean(); tabs++) {
            if (tabs > MOST_TABS) {
                throw new AssertionError("the tab key does not lead to " + selector);
            }
            press("Tab", false);
        }
    }

    /// Chooses a file, as in the dialog that a page opens for it.
    void choose(String selector, Path file) {
        var input = command("Runtime.evaluate", Map.of("expression", "document.querySelector('%s')"
                .formatted(selector))).path("result").path("objectId").asText();
        command("DOM.setFileInputFiles", Map.of("files", List.of(file.toString()), "objectId", input));
    }

    /// Makes the window as large as the screen of some device.
    void resize(int width, int height) {
        command("Emulation.setDeviceMetricsOverride", Map.of("width", width, "height", height, "deviceScaleFactor", 1,
                "mobile", false));
    }

    /// Shows pages as to somebody whose system is set to a theme, light or dark.
    void theme(String name) {
        command("Emulation.setEmulatedMedia", Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value",
                name))));
    }

    /// Scripts of the pages so far have thrown nothing that they did not catch.
    private void noScriptBroke() {
        if (!faults.isEmpty()) {
            throw new AssertionError("a script broke: " + faults);
        }
    }

    /// What of the page can be focused and has no name in the tree that screen readers are given.
    List<String> unnamed() {
        command("Accessibility.enable", Map.of());
        var unnamed = new ArrayList<String>();
        var seen = 0;
        for (var node : command("Accessibility.getFullAXTree", Map.of()).path("nodes")) {
            var focusable = node.path("properties").valueStream().anyMatch(property -> property.path("name").asText()
                    .equals("focusable") && property.path("value").path("value").asBoolean());
            var role = node.path("role").path("value").asText();
            if (focusable && !node.path("ignored").asBoolean() && !role.equals("RootWebArea")) {
                seen++;
                if (node.path("name").path("value").asText().isBlank()) {
                    unnamed.add(role);
                }
            }
        }
        if (seen < 5) {
            throw new AssertionError("only %d things can be focused".formatted(seen));
        }
        return unnamed;
    }

    void screenshot(Path file) throws IOException {
        Files.write(file, Base64.getDecoder().decode(command("Page.captureScreenshot", Map.of()).path("data")
                .asText()));
    }

    /// Returns when none of its processes is left to write into the profile, whose folder may be deleted then. That is
    /// not waited for without end: a killed process looks alive until its parent has asked how it ended, and not every
    /// machine has one who asks for those whose parent is gone.
    @Override
    public void close() {
        socket.abort();
        http.shutdownNow();
        var all = Stream.concat(process.descendants(), Stream.of(process.toHandle())).toList();
        all.forEach(ProcessHandle::destroyForcibly);
        CompletableFuture.allOf(all.stream().map(ProcessHandle::onExit).toArray(CompletableFuture<?>[]::new))
                .completeOnTimeout(null, LAST_BREATH.toSeconds(), TimeUnit.SECONDS).join();
        noScriptBroke();
    }
}
