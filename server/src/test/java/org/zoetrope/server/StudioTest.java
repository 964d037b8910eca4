package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The studio in a real browser: an afternoon of somebody who makes videos.
@InBrowser
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@ExtendWith(Story.class)
class StudioTest {
    private static final String NO_EXTENSIONS = "To extend a video takes a model that starts from a picture, and none "
            + "is installed here. Fetch one (zoetrope pull THUDM/CogVideoX-5b-I2V) and start the server with --model "
            + "for it.";
    private static final String NOTHING_RUNS = "!document.querySelector('#queue').children.length";
    /// By how much a channel of the poster differs from the first frame of the video, in the mean.
    private static final String FIRST_FRAME_DIFFERS = """
            (async () => {
                const player = document.querySelector('#player');
                const poster = Object.assign(new Image(), {src: player.poster});
                const video = Object.assign(document.createElement('video'), {src: player.src, muted: true,
                    preload: 'auto'});
                await Promise.all([poster.decode(), new Promise(seen => { video.onloadeddata = seen; })]);
                const pixels = async picture => {
                    const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 64});
                    const pen = canvas.getContext('2d');
                    for (let tries = 0; tries < 400; tries++) { // it may know of its first frame before it draws it
                        pen.drawImage(picture, 0, 0);
                        const drawn = pen.getImageData(0, 0, 64, 64).data;
                        if (drawn[3]) return drawn;
                        await new Promise(later => setTimeout(later, 50));
                    }
                    throw new Error('nothing is drawn of ' + picture.src);
                };
                const [a, b] = [await pixels(poster), await pixels(video)];
                return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
            })()
            """;

    @TempDir static Path folder;

    private Served served;
    private Browser browser;

    @BeforeAll
    @Timeout(value = 4, unit = TimeUnit.MINUTES)
    void start() throws IOException, InterruptedException {
        served = Served.start(folder.resolve("data"), settings -> settings);
        browser = new Browser(Files.createDirectory(folder.resolve("profile")));
        browser.open(served.address());
        browser.await("document.querySelector('#model').options.length === 1");
    }

    @AfterAll
    @Timeout(value = 2, unit = TimeUnit.MINUTES)
    void stop() {
        browser.close();
        served.close();
    }

    private int cards() {
        return browser.evaluate("document.querySelector('#gallery').children.length").asInt();
    }

    private void picture(String name) throws IOException {
        var wanted = System.getProperty("studio.pictures", "");
        if (!wanted.isEmpty()) {
            browser.screenshot(Path.of(wanted).resolve(name + ".png"));
        }
    }

    @Test
    @Order(1)
    void anEmptyPromptIsSaid() {
        browser.click("#go");
        assertThat(browser.text("#form-error"))
                .isEqualTo("Write a prompt first.");
        assertThat(browser.evaluate("document.activeElement.id").asText()).isEqualTo("prompt");
    }

    @Test
    @Order(2)
    void aPromptBecomesAVideoThatPlays() throws IOException {
        browser.type("#prompt", "a red circle moves right");
        browser.type("#steps", "6");
        browser.type("#frames", "9");
        browser.type("#seed", "7");
        browser.evaluate("document.querySelector('#speed').value = 'cached,int8'");
        browser.press("Enter", true);
        browser.await("document.querySelector('#queue li canvas') !== null");
        browser.await("/denoising, [1-6] of 6/.test(document.querySelector('#queue .state')?.textContent)");
        picture("queue");
        browser.await("document.querySelector('#gallery button') !== null && " + NOTHING_RUNS);
        browser.click("#gallery button");
        browser.await("document.querySelector('#viewer').open");
        assertThat(browser.evaluate(FIRST_FRAME_DIFFERS).asDouble()).as("the poster is the first frame").isLessThan(12);
        browser.evaluate("document.querySelector('#player').play()");
        browser.await("document.querySelector('#player').currentTime > 0.2");
        assertThat(browser.evaluate("document.querySelector('#player').videoWidth").asInt()).isEqualTo(64);
        assertThat(browser.text("#recipe")).contains("Seed7")
                .contains("64 × 64").contains("Speedcached,int8");
        assertThat(browser.evaluate("location.hash").asText()).startsWith("#video_");
        picture("viewer");
    }

    @Test
    @Order(3)
    void aLinkOpensItsVideo() {
        var link = browser.evaluate("location.href").asText();
        browser.open(link);
        browser.await("document.querySelector('#viewer')?.open");
        assertThat(browser.text("#viewer-title"))
                .isEqualTo("a red circle moves right");
    }

    /// What no model here can do is not missing from the page: it says what would have to be installed.
    @Test
    @Order(4)
    void whatCannotBeDoneHereSaysWhy() {
        assertThat(browser.evaluate("document.querySelector('#extend').ariaDisabled").asText()).isEqualTo("true");
        assertThat(browser.evaluate("""
                document.getElementById(document.querySelector('#extend').getAttribute('aria-describedby')).textContent
                """).asText()).isEqualTo(NO_EXTENSIONS);
        browser.tabTo("#extend");
        browser.press("Enter", false);
        browser.await("/^To extend a video/.test(document.querySelector('#announcer').textContent)");
        assertThat(browser.evaluate("document.querySelector('#viewer').open && document.querySelector('#base').hidden")
                .asBoolean()).as("nothing else happens").isTrue();
        for (var other : List.of("#edit", "#remix")) {
            assertThat(browser.evaluate("document.querySelector('%s').ariaDisabled".formatted(other)).asText())
                    .as(other).isEqualTo("false");
        }
    }

    @Test
    @Order(5)
    void anEditShowsWhatChangesAndKeepsToItsMask() throws IOException {
        browser.click("#edit");
        browser.type("#prompt", "a blue circle moves right");
        assertThat(browser.text("#change del")).isEqualTo("red");
        assertThat(browser.text("#change ins")).isEqualTo("blue");
        browser.type("#steps", "3");
        browser.evaluate("document.querySelector('#mask').focus()");
        browser.press("ArrowRight", false);
        browser.press(" ", false);
        browser.await("document.querySelector('#mask').ariaLabel === 'Mask: a part of the picture is marked'");
        picture("edit");
        browser.click("#go");
        browser.await("document.querySelector('#gallery').children.length === 2 && " + NOTHING_RUNS);
        assertThat(browser.text("#form-error")).isEmpty();
        browser.click("#gallery li:first-child button");
        browser.await("document.querySelector('#viewer').open && !document.querySelector('#compare-toggle').hidden");
        browser.click("#compare-toggle");
        browser.await("document.querySelector('#before').videoWidth === 64 "
                + "&& document.querySelector('#after').videoWidth === 64");
        assertThat(browser.text("#recipe")).contains("flowedit");
        picture("compare");
        browser.click("#close");
    }

    @Test
    @Order(6)
    void aPageThatIsReloadedFindsItsJobsAndCancelsThem() {
        browser.click("#no-base");
        browser.type("#prompt", "a long wait");
        browser.type("#steps", "900");
        browser.click("#go");
        browser.await("/denoising/.test(document.querySelector('#queue .state')?.textContent)");
        browser.open(served.address() + "/");
        browser.await("/denoising/.test(document.querySelector('#queue .state')?.textContent)");
        browser.await("""
                document.querySelector('#queue canvas').getContext('2d').getImageData(64, 64, 1, 1).data[3] === 255
                """); // the preview
        browser.click("#queue button");
        browser.await(NOTHING_RUNS + " && document.querySelector('#gallery .failed')?.textContent === 'cancelled'");
        assertThat(cards()).isEqualTo(3);
    }

    @Test
    @Order(7)
    void theGalleryIsSearched() {
        browser.type("#search", "blue");
        browser.await("document.querySelector('#gallery').children.length === 1");
        browser.type("#search", "nothing like it");
        browser.await("document.querySelector('#gallery-empty').textContent === 'No prompt has these words.'");
    }

    /// The visitor's own video is one that was made here before, dropped as a file.
    @Test
    @Order(8)
    void aVideoOfOnesOwnIsEdited() throws IOException {
        browser.type("#search", "red circle");
        browser.await("document.querySelector('#gallery').children.length === 1");
        browser.evaluate("""
                (async () => {
                    const id = document.querySelector('#gallery li').id.slice(5);
                    const made = await (await fetch(`/v1/videos/${id}/content`)).blob();
                    const data = new DataTransfer();
                    data.items.add(new File([made], 'holiday.mp4', {type: 'video/mp4'}));
                    document.querySelector('#form').dispatchEvent(new DragEvent('drop', {dataTransfer: data,
                        bubbles: true, cancelable: true}));
                })()
                """);
        browser.await("/Edits .holiday.mp4/.test(document.querySelector('#base').textContent)");
        browser.await("!document.querySelector('#mask-field').hidden && document.querySelector('#mask').width === 64");
        assertThat(browser.evaluate("document.activeElement.value").asText()).as("what is done is asked next")
                .isEqualTo("edit");
        assertThat(browser.evaluate("document.querySelector('#ways [value=extend]').disabled").asBoolean()).isTrue();
        assertThat(browser.text("#ways-why"))
                .isEqualTo(NO_EXTENSIONS);
        browser.type("#from", "a red circle moves right");
        browser.type("#prompt", "a green circle moves right");
        assertThat(browser.text("#change del")).isEqualTo("red");
        browser.type("#steps", "2");
        picture("own");
        browser.click("#go");
        browser.await("document.querySelector('#queue').children.length === 1");
        browser.await(NOTHING_RUNS);
        assertThat(browser.text("#form-error")).isEmpty();
        browser.click("#gallery li:first-child button");
        browser.await("document.querySelector('#viewer').open && !document.querySelector('#compare-toggle').hidden");
        assertThat(browser.text("#viewer-title"))
                .isEqualTo("a green circle moves right");
        browser.click("#compare-toggle");
        browser.await("document.querySelector('#before').videoWidth === 64 "
                + "&& document.querySelector('#after').videoWidth === 64");
        browser.click("#close");
    }

    /// The button and what it has to say stay in sight, however long the form is.
    @Test
    @Order(9)
    void whatIsWrongIsSeenWhereOneLooks() throws IOException {
        browser.evaluate("document.querySelector('#no-base').click()");
        browser.type("#prompt", "a red circle");
        browser.type("#frames", "8");
        browser.evaluate("document.querySelector('#prompt').focus(); scrollTo(0, 0)");
        browser.press("Enter", true);
        browser.await("!document.querySelector('#form-error').hidden");
        assertThat(browser.text("#form-error")).contains("8 frames");
        assertThat(browser.evaluate("""
                ['#form-error', '#go'].every(one => {
                    const box = document.querySelector(one).getBoundingClientRect();
                    return box.top >= 0 && box.bottom <= innerHeight;
                })
                """).asBoolean()).isTrue();
        browser.evaluate("location.hash = 'video_00000000000000000000000000000000'");
        browser.await("/there is no video/.test(document.querySelector('#announcer').textContent)");
        picture("wrong");
    }

    /// What a screen reader says of everything that can be used is more than its kind.
    @Test
    @Order(11)
    void everythingThatIsUsedHasARoleAndAName() {
        assertThat(browser.unnamed()).isEmpty();
        browser.type("#search", "blue");
        browser.await("document.querySelector('#gallery').children.length === 1");
        browser.click("#gallery li:first-child button");
        browser.await("document.querySelector('#viewer').open");
        assertThat(browser.unnamed()).isEmpty();
        assertThat(browser.evaluate("document.querySelector('#viewer').contains(document.querySelector('#announcer'))")
                .asBoolean()).as("is said within the dialog").isTrue();
        browser.click("#edit");
        browser.await("!document.querySelector('#mask-field').hidden");
        assertThat(browser.unnamed()).isEmpty();
    }

    /// The browser says later than at once that the first is closed.
    @Test
    @Order(12)
    void aVideoIsOpenedRightAfterAnotherIsClosed() {
        browser.click("#no-base");
        browser.type("#search", "circle moves right");
        browser.await("document.querySelector('#gallery').children.length === 3");
        browser.click("#gallery li:nth-child(1) button");
        browser.await("document.querySelector('#viewer').open");
        browser.evaluate("""
                document.querySelector('#close').click();
                document.querySelector('#gallery li:nth-child(2) button').click();
                """);
        browser.await("document.querySelector('#viewer').open");
        assertThat(browser.text("#viewer-title")).isEqualTo("a blue circle moves right");
    }

    /// Every control has a name that a screen reader can say.
    @Test
    @Order(10)
    void everyControlHasAName() {
        assertThat(browser.evaluate("""
                [...document.querySelectorAll('input, textarea, select, button, a[href]')].filter(e =>
                    !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label'))).map(e => e.id).join()
                """).asText()).isEmpty();
    }
}
