package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
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
import org.zoetrope.media.Frames;
import org.zoetrope.media.VideoWriter;

/// The studio of a server with several models, in a real browser: what the next video begins with, and whose weights
/// are in memory.
@InBrowser
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@ExtendWith(Story.class)
class StudioStartsTest {
    private static final String ANIMATOR = "alive"; // starts from a picture
    private static final String DOOMED = "doomed"; // so would this, but it loses its weights
    private static final Frames SQUARE = Frames.paint(64, 64, 8, 9, (f, x, y) -> x >= 4 * f && x < 4 * f + 16 && y >= 24
            && y < 40 ? 0xd02020 : 0x606060);

    @TempDir static Path folder;

    private Served served;
    private Browser browser;
    private Path doomed;
    private Path clip;

    @BeforeAll
    @Timeout(value = 4, unit = TimeUnit.MINUTES)
    void start() throws IOException, InterruptedException {
        var data = folder.resolve("data");
        doomed = PictureModel.write(Files.createDirectory(folder.resolve(DOOMED)));
        var alive = PictureModel.write(Files.createDirectory(folder.resolve(ANIMATOR)));
        var models = List.of(new ServerSettings.Installed("mini", Served.bundled()),
                new ServerSettings.Installed(ANIMATOR, alive), new ServerSettings.Installed(DOOMED, doomed));
        clip = folder.resolve("holiday.mp4");
        VideoWriter.write(SQUARE, clip);
        served = Served.start(data, _ -> ServerSettings.of(data, models).address("127.0.0.1", 0));
        browser = new Browser(Files.createDirectory(folder.resolve("profile")));
        open();
    }

    @AfterAll
    @Timeout(value = 2, unit = TimeUnit.MINUTES)
    void stop() {
        browser.close();
        served.close();
    }

    private void open() {
        browser.open(served.address() + "/");
        browser.await("document.querySelectorAll('#model option').length === 3");
    }

    private boolean isLoaded(String name) {
        return served.json("/v1/models").path("data").valueStream().filter(model -> model.path("id").asText().equals(name))
                .findFirst().orElseThrow().path("loaded").asBoolean();
    }

    private int cards() {
        return browser.evaluate("document.querySelector('#gallery').children.length").asInt();
    }

    /// What comes of the form as it is.
    private JsonNode made() {
        var more = cards() + 1;
        browser.click("#go");
        browser.await(("document.querySelector('#gallery').children.length === %d "
                + "&& !document.querySelector('#queue').children.length "
                + "|| !document.querySelector('#form-error').hidden").formatted(more));
        assertThat(browser.text("#form-error")).isEmpty();
        var video = served.json("/v1/videos?limit=1").path("data").path(0);
        assertThat(video.path("status").asText()).as(video.toString()).isEqualTo("completed");
        return video;
    }

    private static List<String> of(JsonNode video, String... names) {
        return Arrays.stream(names).map(name -> video.path(name).asText()).toList();
    }

    /// The shortest run.
    private void shortly(String prompt) {
        browser.type("#prompt", prompt);
        browser.type("#frames", "5");
        browser.type("#steps", "2");
        browser.type("#seed", "7");
    }

    @Test
    @Order(1)
    void weightsComeAndGoByTheKeyboardAlone() throws IOException {
        var row = "#weights li:nth-child(1)";
        browser.evaluate("""
                globalThis.said = [];
                globalThis.busy = [];
                const announcer = document.querySelector('#announcer'), row = document.querySelector('%s');
                new MutationObserver(() => said.push(announcer.textContent)).observe(announcer, {childList: true});
                new MutationObserver(() => busy.push(row.ariaBusy)).observe(row, {attributeFilter: ['aria-busy']});
                """.formatted(row));
        assertThat(browser.text("#memory-title")).isEqualTo("Weights in memory: none");
        browser.tabTo("#memory-title");
        browser.press("Enter", false);
        browser.tabTo(row + " button");
        assertThat(browser.text(row + " .state")).isEqualTo("on the disk");
        browser.press(" ", false);
        browser.await("document.querySelector('%s .state').textContent === 'in memory'".formatted(row));
        assertThat(isLoaded("mini")).isTrue();
        assertThat(browser.text("#memory-title")).isEqualTo("Weights in memory: mini");
        assertThat(browser.text("#model option:checked")).isEqualTo("mini (in memory)");
        assertThat(browser.evaluate("document.activeElement.ariaLabel").asText()).isEqualTo("Unload mini");
        browser.press("Enter", false);
        browser.await("document.querySelector('%s .state').textContent === 'on the disk'".formatted(row));
        assertThat(isLoaded("mini")).isFalse();
        assertThat(browser.text("#memory-title")).isEqualTo("Weights in memory: none");
        assertThat(browser.evaluate("said.filter(Boolean)").valueStream().map(JsonNode::asText)).containsExactly(
                "Loading the weights of mini.", "mini is in memory.",
                "Freeing the weights of mini, once no run uses them.", "mini is no longer in memory.");
        assertThat(browser.isTrue("busy.includes('true') && busy.at(-1) === 'false'")).as("it says that it is busy").isTrue();
    }

    @Test
    @Order(2)
    void weightsThatCannotBeReadAreSaidBesideTheirModel() throws IOException {
        try (var files = Files.list(doomed.resolve("transformer"))) {
            for (var file : files.filter(file -> file.toString().endsWith(".safetensors")).toList()) {
                Files.delete(file);
            }
        }
        var row = "#weights li:nth-child(3)";
        browser.click(row + " button");
        browser.await("!document.querySelector('%s .error').hidden".formatted(row));
        assertThat(browser.text(row + " .error")).startsWith("the model doomed cannot be used: ").contains("safetensors");
        assertThat(browser.text(row + " .state")).isEqualTo("on the disk");
        assertThat(browser.isTrue("document.querySelector('%s button').ariaDisabled === 'false'".formatted(row))).isTrue();
        assertThat(isLoaded(DOOMED)).isFalse();
    }

    @Test
    @Order(3)
    void aVideoOfOnesOwnIsWhereTheNextOneStarts() throws IOException {
        browser.choose("#upload", clip);
        browser.await("document.querySelector('#base-picture').naturalWidth === 64");
        assertThat(browser.text("#base-words")).isEqualTo("Edits “holiday.mp4”.");
        assertThat(browser.text("#base-facts")).startsWith("64 × 64, 1.1 s, ");
        browser.press("ArrowRight", false); // what is done with it has the focus
        browser.await("!document.querySelector('#strength-field').hidden");
        assertThat(browser.text("#base-words")).isEqualTo("Starts from “holiday.mp4”.");
        assertThat(browser.isTrue("document.querySelector('#edit-field').hidden")).isTrue();
        browser.evaluate("document.querySelector('#strength').value = 0.4");
        shortly("a blue square moves right");
        var video = made();
        assertThat(of(video, "kind", "uploaded", "strength", "made_by", "num_frames"))
                .containsExactly("create", "true", "0.4", "mini", "5");
        var source = "/v1/videos/%s/content?variant=source".formatted(video.path("id").asText());
        assertThat(served.get(source).statusCode()).isEqualTo(200);
    }

    @Test
    @Order(4)
    void aPictureIsTheFirstFrame() throws IOException {
        browser.click("#no-base");
        assertThat(browser.evaluate("document.activeElement.id").asText()).isEqualTo("upload");
        assertThat(browser.isTrue("document.querySelector('#base').hidden && !document.querySelector('#upload').files.length"))
                .isTrue();
        browser.choose("#upload", Files.write(folder.resolve("cat.png"), Pictures.png(SQUARE)));
        browser.await("document.querySelector('#base-picture').naturalWidth === 64");
        assertThat(browser.text("#base-words")).isEqualTo("Starts from “cat.png”.");
        assertThat(browser.evaluate("document.querySelector('#model').value").asText()).isEqualTo(ANIMATOR);
        assertThat(browser.isTrue("document.querySelector('#model option').disabled")).as("mini takes no picture").isTrue();
        assertThat(browser.isTrue("document.querySelector('#ways').hidden && document.querySelector('#strength-field').hidden"))
                .as("there is nothing to choose").isTrue();
        shortly("the cat walks away");
        var video = made();
        assertThat(of(video, "kind", "uploaded", "made_by")).containsExactly("create", "false", ANIMATOR);
    }

    @Test
    @Order(5)
    void aFinishedVideoIsExtendedFromItsViewer() throws IOException {
        browser.click("#no-base");
        browser.click("#gallery li:nth-child(2) button");
        browser.await("document.querySelector('#viewer').open");
        var id = browser.evaluate("location.hash.slice(1)").asText();
        assertThat(browser.evaluate("document.querySelector('#extend').ariaDisabled").asText()).isEqualTo("false");
        browser.click("#extend");
        assertThat(browser.evaluate("document.querySelector('#prompt').value").asText())
                .isEqualTo("a blue square moves right");
        assertThat(browser.text("#base-words")).isEqualTo("Goes on from “a blue square moves right”.");
        assertThat(browser.text("#base-facts")).isEqualTo("64 × 64, 0.6 s");
        assertThat(browser.isTrue("document.querySelector('#model').disabled")).isTrue();
        assertThat(browser.evaluate("document.querySelector('#model').value").asText()).isEqualTo(ANIMATOR);
        shortly("it turns round");
        var video = made();
        assertThat(of(video, "kind", "remixed_from_video_id", "prompt", "made_by"))
                .containsExactly("extend", id, "it turns round", ANIMATOR);
    }

    /// A model that animates pictures has made it, which can extend it again, but neither edit it nor start from it.
    @Test
    @Order(6)
    void whatTheModelOfAVideoCannotDoSaysWhy() {
        browser.click("#gallery li:first-child button");
        browser.await("document.querySelector('#viewer').open");
        assertThat(browser.evaluate("""
                ['edit', 'remix', 'extend'].map(id => document.getElementById(id).ariaDisabled).join()
                """).asText()).isEqualTo("true,true,false");
        assertThat(browser.text("#reasons")).isEqualTo("alive, which made this video, starts from a picture: it neither edits "
                + "a video nor starts from one.");
        assertThat(browser.isTrue("""
                ['edit', 'remix'].every(id => document.getElementById('reasons').contains(
                    document.getElementById(document.getElementById(id).getAttribute('aria-describedby'))))
                """)).isTrue();
        browser.click("#close");
    }

    @Test
    @Order(7)
    void aVideoOfOnesOwnIsExtended() throws IOException {
        browser.click("#no-base");
        browser.choose("#upload", clip);
        browser.click("#ways [value=extend]");
        assertThat(browser.text("#ways-help")).isEqualTo("More follows its last frame. alive makes it.");
        shortly("on and on");
        var video = made();
        assertThat(of(video, "kind", "uploaded", "made_by")).containsExactly("extend", "true", ANIMATOR);
    }

    @Test
    @Order(8)
    void whatTheServerRefusesIsSaidBesideTheButton() throws IOException {
        browser.click("#no-base");
        browser.choose("#upload", Files.writeString(folder.resolve("notes.txt"), "milk, bread"));
        browser.await("/^This is neither a video/.test(document.querySelector('#form-error').textContent)");
        assertThat(browser.isTrue("document.querySelector('#base').hidden")).isTrue();
        var whole = Files.readAllBytes(clip);
        browser.choose("#upload", Files.write(folder.resolve("torn.mp4"), Arrays.copyOf(whole, whole.length * 2 / 3)));
        browser.await("/torn.mp4/.test(document.querySelector('#base-words').textContent)");
        assertThat(browser.text("#form-error")).isEmpty();
        browser.click("#ways [value=start]");
        shortly("on and on");
        var before = cards();
        browser.click("#go");
        browser.await("/damaged or incomplete/.test(document.querySelector('#form-error').textContent)");
        assertThat(cards()).isEqualTo(before);
        assertThat(browser.isTrue("document.querySelector('#go').disabled")).as("it can be tried again").isFalse();
    }

    /// On a phone nothing is cut off or scrolled sideways, whatever the form shows.
    @Test
    @Order(9)
    void everythingFitsOnAPhone() {
        browser.resize(390, 844);
        open();
        browser.choose("#upload", clip);
        browser.await("document.querySelector('#base-picture').naturalWidth === 64");
        browser.click("#memory-title");
        for (var way : List.of("edit", "start", "extend")) {
            browser.click("#ways [value=%s]".formatted(way));
            assertThat(browser.isTrue("document.documentElement.scrollWidth <= 390")).as(way).isTrue();
        }
        assertThat(browser.unnamed()).isEmpty();
        browser.click("#gallery li:first-child button");
        browser.await("document.querySelector('#viewer').open");
        assertThat(browser.isTrue("(viewer => viewer.scrollWidth <= viewer.clientWidth)(document.querySelector('#viewer'))"))
                .isTrue();
        assertThat(browser.unnamed()).isEmpty();
    }
}
