package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.zoetrope.server.Served.eventually;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.media.Frames;
import org.zoetrope.media.VideoReader;
import org.zoetrope.media.VideoWriter;

/// Pictures and videos that clients give by their address, where the operator allows it.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FetchedInputsTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int SIDE = 64, COUNT = 5;

    @TempDir static Path folder;

    private final SmallInternet internet = new SmallInternet();
    private Served served;

    FetchedInputsTest() throws IOException {}

    @BeforeAll
    void start() throws IOException {
        var models = List.of(new ServerSettings.Installed("mini", Served.bundled()),
                new ServerSettings.Installed("alive", PictureModel.write(Files.createDirectory(folder.resolve("m")))));
        served = Served.start(folder.resolve("data"), settings -> ServerSettings.of(settings.data(), models)
                .address("127.0.0.1", 0).fetchUrls(true), internet.network());
        var clip = folder.resolve("clip.mp4");
        VideoWriter.write(Frames.paint(SIDE, SIDE, 10, COUNT, (f, x, _) -> x < 8 * f + 8 ? 0xd02020 : 0x606060), clip);
        internet.page("/a.mp4", Files.readAllBytes(clip));
        internet.page("/a.png", picture());
        internet.page("/a.txt", "a letter, not a video".getBytes(StandardCharsets.UTF_8));
    }

    @AfterAll
    void stop() {
        served.close();
        internet.close();
    }

    @BeforeEach
    void forget() {
        internet.asked.clear();
        internet.connected.clear();
    }

    private static byte[] picture() {
        return Pictures.png(Frames.paint(SIDE, SIDE, 8, 1, (_, x, y) -> x * 3 << 16 | y * 3));
    }

    private HttpResponse<String> create(Object reference, String... headers) throws IOException {
        var sent = new String[headers.length + 2];
        System.arraycopy(headers, 0, sent, 0, headers.length);
        sent[headers.length] = "Content-Type";
        sent[headers.length + 1] = "application/json";
        return served.send("POST", "/v1/videos", JSON.writeValueAsString(Map.of("prompt", "a boat", "model", "alive",
                "num_frames", COUNT, "steps", 1, "input_reference", reference)), sent);
    }

    private HttpResponse<String> edit(String video) throws IOException {
        return served.post("/v1/videos/edits", JSON.writeValueAsString(editing(video)));
    }

    private static Map<String, Object> editing(String video) {
        return Map.of("video", video, "prompt", "a blue square", "source_prompt", "a red square", "steps", 1);
    }

    private static JsonNode json(HttpResponse<String> answer) throws IOException {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return JSON.readTree(answer.body());
    }

    private JsonNode done(JsonNode asked) {
        var done = eventually(() -> {
            try {
                return JSON.readTree(served.get("/v1/videos/" + asked.path("id").asText()).body());
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }, video -> !video.path("completed_at").isNull());
        assertThat(done.path("status").asText()).as(done.toString()).isEqualTo("completed");
        return done;
    }

    private Path files(JsonNode video) {
        return folder.resolve("data/videos").resolve(video.path("id").asText());
    }

    /// When it runs there is nobody left to ask.
    @Test
    void aPictureComesFromItsAddress() throws IOException {
        var before = internet.asked.size();
        var asked = json(create(Map.of("image_url", "http://pictures.example/a.png?signature=secret")));
        assertThat(internet.asked).hasSize(before + 1);
        assertThat(asked.toString()).doesNotContain("secret", "pictures.example");
        done(asked);
        assertThat(internet.asked).hasSize(before + 1);
        assertThat(Files.readAllBytes(files(asked).resolve("input"))).isEqualTo(picture());
        json(create("http://pictures.example/a.png"));
    }

    @Test
    void aVideoComesFromItsAddress() throws IOException {
        var edited = json(edit("http://pictures.example/a.mp4"));
        assertThat(edited.path("uploaded").asBoolean()).isTrue();
        done(edited);
        var extended = json(served.post("/v1/videos/extensions", JSON.writeValueAsString(Map.of("video",
                "http://pictures.example/a.mp4", "prompt", "on", "model", "alive", "num_frames", COUNT, "steps", 1))));
        done(extended);
        var started = new HashMap<String, Object>(Map.of("prompt", "a blue square", "steps", 2, "input_reference",
                "http://pictures.example/a.mp4"));
        done(json(served.post("/v1/videos", JSON.writeValueAsString(started))));
        var character = json(served.post("/v1/videos/characters", JSON.writeValueAsString(Map.of("video",
                "http://pictures.example/a.mp4", "name", "Ada"))));
        assertThat(character.path("id").asText()).startsWith("char_");
        for (var video : List.of(edited, extended)) {
            assertThat(VideoReader.read(files(video).resolve("source.mp4")).count()).isEqualTo(COUNT);
        }
    }

    /// However often one character is sent while its video does not come, nobody waits for it without end.
    @Test
    void aRepeatedCharacterWaitsOnlySoLong() throws Exception {
        var end = new CountDownLatch(1);
        internet.page("/slow.mp4", exchange -> {
            try {
                end.await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        });
        try (var hasty = Served.start(folder.resolve("hasty"), settings -> settings.workers(0).fetchUrls(true).uploads(
                ServerSettings.UploadLimits.defaults().time(Duration.ofSeconds(1))), internet.network());
                var clients = Executors.newVirtualThreadPerTaskExecutor()) {
            var request = "{\"name\": \"Ada\", \"video\": \"http://pictures.example/slow.mp4\"}";
            var first = clients.submit(() -> hasty.post("/v1/videos/characters", request));
            eventually(internet.asked::size, asked -> asked > 0);
            var second = hasty.post("/v1/videos/characters", request);
            assertThat(second.statusCode()).as(second.body()).isEqualTo(429);
            assertThat(second.body()).contains("\"busy\"", "is being looked at already");
            assertThat(first.isDone()).isFalse();
            end.countDown();
        }
    }

    @Test
    void aRepeatedRequestFetchesOnce() throws IOException {
        var first = json(create("http://pictures.example/a.png", "Idempotency-Key", "once"));
        var again = json(create("http://pictures.example/a.png", "Idempotency-Key", "once"));
        assertThat(again.path("id")).isEqualTo(first.path("id"));
        assertThat(internet.asked).hasSize(1);
    }

    private void refused(String code, String words, String field, HttpResponse<String> answer) throws IOException {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        var error = JSON.readTree(answer.body()).path("error");
        assertThat(error.path("code").asText()).as(answer.body()).isEqualTo(code);
        assertThat(error.path("param").asText()).isEqualTo(field);
        assertThat(error.path("message").asText()).contains(words);
    }

    private static List<Path> jobs() throws IOException {
        try (var jobs = Files.list(Files.createDirectories(folder.resolve("data/videos")))) {
            return jobs.toList();
        }
    }

    @Test
    void whatIsNotFetchedIsRefusedAtOnceAndLeavesNothing() throws IOException {
        var before = jobs();
        internet.name("inside.example", "10.0.0.5");
        for (var inside : List.of("http://127.0.0.1/a.png", "https://[::1]/", "http://169.254.169.254/latest/meta-data",
                "http://[::ffff:10.0.0.5]/", "http://inside.example/a.png", "https://nobody.example/a.png")) {
            refused("url_refused", "nothing is fetched from", "input_reference", create(Map.of("image_url", inside)));
            refused("url_refused", "nothing is fetched from", "video", edit(inside));
        }
        for (var odd : List.of("http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://localhost/",
                served.address() + "/live", "http://me:secret@pictures.example/a.png", "HTTP:a.png")) {
            refused("invalid_url", "\"input_reference\": ", "input_reference", create(odd));
            refused("invalid_url", "\"video\": ", "video", edit(odd));
        }
        assertThat(internet.connected).isEmpty();
        refused("url_failed", "the status 404", "video", edit("http://pictures.example/none"));
        for (var page : List.of("a.txt", "a.png")) {
            refused("invalid_video", "no video of a kind that is read", "video", edit("http://pictures.example/" + page));
        }
        refused("invalid_image", "picture", "input_reference", create("http://pictures.example/a.txt"));
        refused("invalid_value", "no data URL", "input_reference", create("ftp://pictures.example/a.png"));
        assertThat(jobs()).isEqualTo(before);
    }

    /// What is wrong with a request without looking at the video is said without looking at it.
    @Test
    void aRequestThatIsWrongFetchesNothing() throws IOException {
        var wrong = new HashMap<>(editing("http://pictures.example/a.mp4"));
        wrong.put("model", "maxi");
        refused("model_not_found", "maxi", "model", served.post("/v1/videos/edits", JSON.writeValueAsString(wrong)));
        assertThat(internet.asked).isEmpty();
    }
}
