package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.media.Frames;
import org.zoetrope.media.VideoWriter;

/// No page of the studio breaks a rule of WCAG 2.1, levels A and AA, that a program can check: axe-core does, in a real
/// browser, in both themes.
@InBrowser
class AccessibilityTest {
    private static final String PARTS = "/META-INF/%s/axe-core/%s";
    /// What was found wrong, and how many rules found nothing wrong with something.
    private static final String FINDINGS = """
            axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'],
                rules: {'label-content-name-mismatch': {enabled: true}}}).then(({violations, passes}) => ({
                wrong: violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html} ${node.failureSummary}`)),
                right: passes.length}))
            """;
    /// The least contrast of what stands in empty fields, which axe does not look at.
    private static final String PLACEHOLDERS = """
            (() => {
                const light = colour => {
                    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(c => c / 255)
                        .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
                    return .2126 * r + .7152 * g + .0722 * b + .05;
                };
                return Math.min(...[...document.querySelectorAll(':placeholder-shown')].map(field => {
                    const [a, b] = [getComputedStyle(field, '::placeholder').color, getComputedStyle(field).backgroundColor]
                        .map(light);
                    return Math.max(a, b) / Math.min(a, b);
                }));
            })()
            """;
    private static final double LEAST_CONTRAST = 4.5; // WCAG 2, 1.4.3
    private static final int TALL = 3000; // pixels of a window in which nothing lies over a text and hides its colours

    @TempDir static Path folder;

    private Served served;
    private Browser browser;
    private String made;
    private String edited;

    /// Videos that were made, changed and cancelled, one that waits, and nobody who makes it meanwhile.
    @BeforeAll
    @Timeout(value = 4, unit = TimeUnit.MINUTES)
    void start() throws IOException, InterruptedException {
        var data = folder.resolve("data");
        try (var working = Served.start(data, settings -> settings)) {
            made = working.ask("/v1/videos", "{\"prompt\": \"a red circle\", \"num_frames\": 5, \"steps\": 2}");
            completed(working, made);
            edited = working.ask("/v1/videos/edits", "{\"prompt\": \"a blue circle\", \"steps\": 2, \"video\": \"%s\"}"
                    .formatted(made));
            completed(working, edited);
        }
        served = Served.start(data, settings -> settings.workers(0));
        var cancelled = served.ask("/v1/videos", "{\"prompt\": \"nothing\"}");
        served.post("/v1/videos/%s/cancel".formatted(cancelled), "");
        served.ask("/v1/videos", "{\"prompt\": \"a green circle\"}");
        browser = new Browser(Files.createDirectory(folder.resolve("profile")));
        browser.resize(1280, TALL);
    }

    private static void completed(Served of, String id) {
        assertThat(of.ended(id).path("status").asText()).isEqualTo("completed");
    }

    @AfterAll
    @Timeout(value = 2, unit = TimeUnit.MINUTES)
    void stop() {
        browser.close();
        served.close();
    }

    /// Opens the studio, or one of its videos.
    private void open(String theme, String of) {
        browser.theme(theme);
        browser.open(served.address() + "/" + of);
        browser.await("document.querySelectorAll('#gallery li').length === 3");
        assertThat(browser.isTrue("matchMedia('(prefers-color-scheme: %s)').matches".formatted(theme))).isTrue();
    }

    private void openViewer(String theme, String id) {
        open(theme, "#" + id);
        browser.await("document.querySelector('#viewer').open");
    }

    /// Looks at the page as it is now.
    private JsonNode findings() throws IOException {
        if (browser.evaluate("typeof axe").asText().equals("undefined")) {
            browser.evaluate(axe()); // by the tools of developers, which the policy of the page does not concern
        }
        return browser.evaluate(FINDINGS);
    }

    private void isAccessible(String page) throws IOException {
        var found = findings();
        assertThat(found.path("wrong").valueStream().map(JsonNode::asText)).as(page).isEmpty();
        assertThat(found.path("right").asInt()).as("rules that %s keeps", page).isGreaterThan(15);
    }

    private static String axe() throws IOException {
        var version = new Properties();
        try (var in = part("maven/org.webjars.npm", "pom.properties")) {
            version.load(in);
        }
        try (var in = part("resources/webjars", version.getProperty("version") + "/axe.min.js")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static InputStream part(String of, String name) {
        var path = PARTS.formatted(of, name);
        return Objects.requireNonNull(AccessibilityTest.class.getResourceAsStream(path), path);
    }

    /// Otherwise nothing that is found below means anything.
    @ParameterizedTest
    @ValueSource(strings = {"light", "dark"})
    void whatIsWrongIsFound(String theme) throws IOException {
        open(theme, "");
        browser.evaluate("""
                document.querySelector('#gallery img').removeAttribute('alt');
                document.querySelector('#go').ariaLabel = 'Send';
                document.documentElement.removeAttribute('lang');
                new CSSStyleSheet().replace(':root { --soft: #808080 }').then(sheet => document.adoptedStyleSheets.push(sheet));
                """);
        assertThat(findings().path("wrong").valueStream().map(one -> one.asText().split(":")[0])).contains("image-alt",
                "html-has-lang", "color-contrast", "label-content-name-mismatch");
    }

    @ParameterizedTest
    @ValueSource(strings = {"light", "dark"})
    void theFormTheQueueAndTheGalleryAre(String theme) throws IOException {
        open(theme, "");
        browser.await("document.querySelectorAll('#queue li').length === 1");
        isAccessible("the studio");
        assertThat(browser.evaluate(PLACEHOLDERS).asDouble()).isGreaterThan(LEAST_CONTRAST);
        browser.click("#memory-title");
        browser.click("#go");
        browser.await("!document.querySelector('#form-error').hidden");
        isAccessible("a form with a mistake");
        browser.type("#search", "nothing like it");
        browser.await("!document.querySelector('#gallery-empty').hidden");
        isAccessible("a search that finds nothing");
        browser.evaluate("document.querySelector('#announcer').textContent = 'Deleted.'");
        isAccessible("something that is said");
    }

    @ParameterizedTest
    @ValueSource(strings = {"light", "dark"})
    void aFinishedVideoIs(String theme) throws IOException {
        openViewer(theme, made);
        browser.await("document.querySelector('#player').videoWidth === 64");
        isAccessible("a video");
        openViewer(theme, edited);
        browser.click("#compare-toggle");
        browser.await("document.querySelector('#before').videoWidth === 64");
        isAccessible("a comparison");
        browser.click("#close");
        browser.click("#gallery li:has(.failed) button");
        browser.await("document.querySelector('#viewer').open");
        isAccessible("a video that failed");
    }

    @ParameterizedTest
    @ValueSource(strings = {"light", "dark"})
    void anEditIs(String theme) throws IOException {
        openViewer(theme, made);
        browser.click("#edit");
        browser.type("#prompt", "a blue square");
        browser.await("document.querySelector('#change ins') && document.querySelector('#mask').width === 64");
        isAccessible("an edit");
        browser.click("#no-base");
        var clip = folder.resolve("holiday.mp4");
        VideoWriter.write(Frames.paint(64, 64, 8, 5, (_, x, y) -> x * 3 << 16 | y * 3), clip);
        browser.choose("#upload", clip);
        browser.await("document.querySelector('#base-picture').naturalWidth === 64");
        isAccessible("an edit of one's own video");
        browser.click("#ways [value=start]");
        isAccessible("a start from one's own video");
    }

    @ParameterizedTest
    @ValueSource(strings = {"light", "dark"})
    void aPhoneIs(String theme) throws IOException {
        browser.resize(390, TALL);
        try {
            open(theme, "");
            isAccessible("the studio on a phone");
            openViewer(theme, edited);
            isAccessible("a video on a phone");
        } finally {
            browser.resize(1280, TALL);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"light", "dark"})
    void theQuestionForAKeyIs(String theme) throws IOException {
        var data = folder.resolve("keyed-" + theme);
        Keys.add(data, "ada");
        try (var keyed = Served.start(data, settings -> settings.workers(0))) {
            browser.theme(theme);
            browser.open(keyed.address() + "/");
            browser.await("document.querySelector('#key-dialog').open");
            isAccessible("the question for a key");
            browser.type("#key", "zk_wrong");
            browser.press("Enter", false);
            browser.await("!document.querySelector('#key-error').hidden");
            isAccessible("a key that is unknown");
        }
    }
}
