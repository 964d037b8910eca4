package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.spi.ILoggingEvent;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The server as its operator and its enemies see it. Nothing is made here: there is no worker.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OperationTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String REQUEST = "{\"prompt\": \"a red circle\", \"num_frames\": 5, \"steps\": 2}";

    @TempDir static Path folder;

    private Served served;

    @BeforeAll
    void start() {
        served = Served.start(folder.resolve("open"), settings -> settings.workers(0).memoryBytes(2L << 30)
                .queueLength(1000));
    }

    @AfterAll
    void stop() {
        served.close();
    }

    // ---------------------------------------------------------------- operation

    @Test
    void liveAndReadyDiffer() {
        assertThat(served.get("/live").body()).isEqualTo("live\n");
        assertThat(served.get("/ready").body()).isEqualTo("ready\n");
    }

    @Test
    void metricsAreWhatPrometheusReads() {
        served.post("/v1/videos", REQUEST);
        served.get("/v1/videos/video_00000000000000000000000000000000");
        var page = served.get("/metrics");
        assertThat(page.headers().firstValue("content-type").orElse("")).startsWith("text/plain; version=0.0.4");
        assertThat(page.body()).contains("zoetrope_jobs{status=\"queued\"} ", "zoetrope_step_seconds_count 0",
                "zoetrope_requests_refused_total{code=\"not_found\"}", "zoetrope_model_loaded{model=\"mini\"} 0",
                "route=\"/v1/videos\",status=\"200\",le=\"+Inf\"");
        assertThat(page.body().lines()).allMatch(line -> line.startsWith("# ")
                || line.matches("[a-z_]+(\\{[^}]*})? [-+0-9.eInf]+"));
    }

    @Test
    void whatCannotFitIsRefusedWithWhatFits() throws IOException {
        var answer = served.post("/v1/videos", "{\"prompt\": \"a boat\", \"size\": \"4096x4096\", \"num_frames\": 97}");
        assertThat(answer.statusCode()).isEqualTo(400);
        var error = JSON.readTree(answer.body()).path("error");
        assertThat(error.path("code").asText()).isEqualTo("too_large");
        assertThat(error.path("message").asText()).contains("4096x4096 with 97 frames takes about", "what fits: ");
    }

    @Test
    void aFullQueueIsSaid() {
        try (var full = Served.start(folder.resolve("full"), settings -> settings.workers(0).queueLength(2))) {
            assertThat(full.post("/v1/videos", REQUEST).statusCode()).isEqualTo(200);
            assertThat(full.post("/v1/videos", REQUEST).statusCode()).isEqualTo(200);
            var refused = full.post("/v1/videos", REQUEST);
            assertThat(refused.statusCode()).isEqualTo(429);
            assertThat(refused.headers().firstValue("retry-after")).isPresent();
            assertThat(refused.body()).contains("queue_full", "unfinished jobs of yours: 2", "cancel one");
        }
    }

    /// From the id that a client was given to what became of its job.
    @Test
    void theLogNamesTheRequestOfEveryJob() throws IOException {
        var lines = new CopyOnWriteArrayList<ILoggingEvent>();
        try (var _ = new LogEar(VideosApi.class, line -> {
            line.prepareForDeferredProcessing(); // what belongs to the thread is read there
            lines.add(line);
        })) {
            var answer = served.post("/v1/videos", REQUEST);
            var id = JSON.readTree(answer.body()).path("id").asText();
            var request = answer.headers().firstValue("x-request-id").orElseThrow();
            assertThat(lines).anySatisfy(line -> {
                assertThat(line.getFormattedMessage()).isEqualTo("accepted " + id);
                assertThat(line.getMDCPropertyMap()).containsEntry("request_id", request);
            });
        }
    }

    @Test
    void theInstalledModelsAreListed() throws IOException {
        var models = JSON.readTree(served.get("/v1/models").body()).path("data");
        assertThat(models).hasSize(1);
        assertThat(models.path(0).path("id").asText()).isEqualTo("mini");
        assertThat(models.path(0).path("num_frames").asInt()).isPositive();
        assertThat(served.send("POST", "/v1/models/mini/unload", "").statusCode()).isEqualTo(200);
        assertThat(served.send("POST", "/v1/models/maxi/load", "").statusCode()).isEqualTo(404);
    }

    // ---------------------------------------------------------------- the document

    private static JsonNode document() throws IOException {
        try (InputStream in = OperationTest.class.getResourceAsStream("openapi.json")) {
            return JSON.readTree(Objects.requireNonNull(in));
        }
    }

    @Test
    void everyOperationOfTheDocumentIsThere() throws IOException {
        assertThat(JSON.readTree(served.get("/openapi.json").body())).isEqualTo(document());
        var operations = 0;
        for (var path : document().path("paths").properties()) {
            for (var operation : path.getValue().properties()) {
                if (path.getKey().endsWith("/load")) {
                    continue; // takes a moment, and is a path like its neighbour
                }
                var answer = served.send(operation.getKey().toUpperCase(Locale.ROOT),
                        path.getKey().replaceAll("\\{\\w+}", "none"), "");
                assertThat(answer.body()).as(path.getKey()).doesNotContain("there is nothing at");
                assertThat(answer.statusCode()).as(path.getKey()).isIn(200, 400, 404);
                operations++;
            }
        }
        assertThat(operations).isEqualTo(18);
    }

    @Test
    void aVideoIsWhatTheDocumentSays() throws IOException {
        var video = JSON.readTree(served.post("/v1/videos", REQUEST).body());
        var schema = document().path("components").path("schemas").path("Video");
        assertThat(video.properties()).allSatisfy(field -> assertThat(schema.path("properties").has(field.getKey()))
                .as(field.getKey()).isTrue());
        assertThat(schema.path("required")).allSatisfy(name -> assertThat(video.hasNonNull(name.asText())).as(
                name.asText()).isTrue());
        assertThat(video.path("seconds").isTextual()).isTrue();
        assertThat(video.path("progress").isInt()).isTrue();
    }

    @Test
    void theStudioIsServedUnderAStrictPolicy() {
        var page = served.get("/");
        assertThat(page.body()).contains("<title>Zoetrope</title>").doesNotContain("style=", "onclick", "<script>");
        assertThat(page.headers().firstValue("content-security-policy").orElse("")).contains("default-src 'none'",
                "script-src 'self'").doesNotContain("unsafe");
        for (var file : List.of("studio.js", "studio.css", "icon.svg")) {
            assertThat(served.get("/studio/" + file).statusCode()).as(file).isEqualTo(200);
        }
        for (var path : List.of("/studio/../openapi.json", "/studio/..%2fopenapi.json", "/studio/%2e%2e/logback.xml",
                "/studio/index.htm")) {
            assertThat(served.get(path).statusCode()).as(path).isIn(400, 404);
        }
    }

    // ---------------------------------------------------------------- who may pass

    @Test
    void withoutKeysOnlyThisMachineIsServed() throws IOException {
        assertThat(raw("GET /v1/videos HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 403");
        assertThat(raw("POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
                + "Connection: close\r\nContent-Length: 0\r\n\r\n")).startsWith("HTTP/1.1 403");
        assertThatThrownBy(() -> Served.start(folder.resolve("bare"), settings -> settings.address("0.0.0.0", 0)))
                .isInstanceOf(ServerException.class).hasMessageContaining("--new-key");
    }

    @Test
    void aKeySeesItsOwnVideos() throws IOException {
        var data = folder.resolve("keyed");
        String ada = Keys.add(data, "ada"), bob = Keys.add(data, "bob");
        assertThat(Files.readString(data.resolve("keys"))).doesNotContain(ada, bob);
        assertThatThrownBy(() -> Keys.add(data, "ada")).isInstanceOf(ServerException.class);
        try (var keyed = Served.start(data, settings -> settings.workers(0))) {
            assertThat(keyed.get("/v1/videos").statusCode()).isEqualTo(401);
            assertThat(keyed.get("/metrics").statusCode()).isEqualTo(401);
            assertThat(keyed.get("/v1/videos", "Authorization", "Bearer zk_wrong").statusCode()).isEqualTo(401);
            var made = keyed.send("POST", "/v1/videos", REQUEST, "Authorization", "Bearer " + ada, "Content-Type",
                    "application/json");
            var id = JSON.readTree(made.body()).path("id").asText();
            assertThat(keyed.get("/v1/videos/" + id, "Authorization", "Bearer " + ada).statusCode()).isEqualTo(200);
            assertThat(keyed.get("/v1/videos/" + id, "Authorization", "Bearer " + bob).statusCode()).isEqualTo(404);
            assertThat(keyed.get("/v1/videos/" + id, "Cookie", "zoetrope_key=" + ada).statusCode()).isEqualTo(200);
            assertThat(keyed.get("/v1/videos", "Authorization", "Bearer " + bob).body()).contains("\"data\":[]");
            assertThat(keyed.get("/live").statusCode()).isEqualTo(200);
        }
    }

    // ---------------------------------------------------------------- bad input

    /// Nothing that arrives makes the server fail.
    @ParameterizedTest
    @ValueSource(strings = {
            "POST /v1/videos HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"prompt\"",
            "POST /v1/videos HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
            "POST /v1/videos HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nnull",
            "POST /v1/videos HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"prompt\":[1,2,3,4]}",
            "POST /v1/videos HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 3\r\n\r\n--b",
            "POST /v1/videos HTTP/1.1\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\n--b",
            "POST /v1/videos HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 70\r\n\r\n"
                    + "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nx\r\n--b--\r\n      ",
            "POST /v1/videos HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc",
            "POST /v1/videos HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
            "POST /v1/videos HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "POST /v1/videos HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "GET /v1/videos?limit=-1&order=%FF HTTP/1.1\r\n\r\n",
            "GET /v1/videos?after=%00 HTTP/1.1\r\n\r\n",
            "GET /v1/videos/%00 HTTP/1.1\r\n\r\n",
            "GET /v1/videos/../../etc/passwd HTTP/1.1\r\n\r\n",
            "GET /v1/videos/%zz HTTP/1.1\r\n\r\n",
            "PATCH /v1/videos HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "DELETE /v1/videos HTTP/1.1\r\n\r\n",
            "BREW /v1/videos HTTP/1.1\r\n\r\n",
            "GET /v1/videos HTTP/9.9\r\n\r\n"})
    void badInputIsRefused(String request) throws IOException {
        var line = request.indexOf("\r\n") + 2;
        var answer = raw(request.substring(0, line) + "Host: localhost\r\nConnection: close\r\n"
                + request.substring(line));
        assertThat(answer).matches("(?s)HTTP/1\\.1 (4\\d\\d|505) .*|HTTP/1\\.1 200 .*\"object\":\"video\".*|");
    }

    private String raw(String request) throws IOException {
        var address = URI.create(served.address());
        try (var socket = new Socket(address.getHost(), address.getPort())) {
            socket.setSoTimeout(20_000);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
            socket.shutdownOutput();
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
