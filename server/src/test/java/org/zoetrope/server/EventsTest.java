package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// What somebody who watches a job is told.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EventsTest {
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir static Path folder;

    private Served served;

    private record Event(String name, JsonNode data) {}

    @BeforeAll
    void start() {
        served = Served.start(folder, settings -> settings);
    }

    @AfterAll
    void stop() {
        served.close();
    }

    private String ask(int steps) throws IOException {
        return JSON.readTree(served.post("/v1/videos", "{\"prompt\": \"a red circle\", \"num_frames\": 9, \"steps\": %d}"
                .formatted(steps)).body()).path("id").asText();
    }

    private List<Event> watch(String id, Consumer<Event> eye) throws IOException {
        var events = new ArrayList<Event>();
        try (var http = HttpClient.newHttpClient()) {
            var lines = http.send(HttpRequest.newBuilder(URI.create("%s/v1/videos/%s/events".formatted(
                    served.address(), id))).header("Accept", "text/event-stream").build(),
                    HttpResponse.BodyHandlers.ofLines());
            assertThat(lines.headers().firstValue("content-type").orElse("")).startsWith("text/event-stream");
            var name = new String[1];
            lines.body().forEach(line -> {
                if (line.startsWith("event: ")) {
                    name[0] = line.substring(7);
                } else if (line.startsWith("data: ")) {
                    events.add(new Event(name[0], json(line.substring(6))));
                    eye.accept(events.getLast());
                }
            });
            return events;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static JsonNode json(String text) {
        try {
            return JSON.readTree(text);
        } catch (IOException e) {
            throw new IllegalStateException(text, e);
        }
    }

    @Test
    void progressHasTrueCountsAndSharpeningPreviews() throws IOException {
        var id = ask(12);
        var events = watch(id, _ -> {});
        assertThat(events.getLast().name()).isEqualTo("completed");
        assertThat(events.getLast().data().path("id").asText()).isEqualTo(id);
        assertThat(events.getLast().data().path("status").asText()).isEqualTo("completed");
        assertThat(events.getLast().data().path("step").asInt()).isEqualTo(12);
        var denoising = events.stream().map(Event::data).filter(e -> e.path("stage").asText().equals("denoise"))
                .toList();
        assertThat(denoising).isNotEmpty().allMatch(e -> e.path("total_steps").asInt() == 12);
        assertThat(denoising.stream().map(e -> e.path("step").asInt())).isSorted();
        assertThat(events.stream().map(e -> e.data().path("progress").asInt())).isSorted();
        var previews = denoising.stream().map(e -> e.path("preview")).filter(JsonNode::isObject).toList();
        assertThat(previews).isNotEmpty();
        var last = previews.getLast();
        var picture = ImageIO.read(new ByteArrayInputStream(Base64.getDecoder().decode(
                last.path("image").asText().substring("data:image/png;base64,".length()))));
        assertThat(picture.getWidth()).isEqualTo(last.path("frames").asInt() * last.path("width").asInt());
        assertThat(picture.getHeight()).isEqualTo(last.path("height").asInt());
    }

    @Test
    void aCancelledJobStopsWithinAStep() throws IOException {
        var id = ask(1000);
        var cancelledAt = new int[] {-1};
        var events = watch(id, event -> {
            var step = event.data().path("step").asInt();
            if (event.name().equals("progress") && step >= 2 && cancelledAt[0] < 0) {
                cancelledAt[0] = step;
                assertThat(served.post("/v1/videos/%s/cancel".formatted(id), "").statusCode()).isEqualTo(200);
            }
        });
        var end = events.getLast();
        assertThat(end.name()).isEqualTo("failed");
        assertThat(end.data().path("error").path("code").asText()).isEqualTo("cancelled");
        var stoppedAt = events.get(events.size() - 2).data().path("step").asInt();
        assertThat(end.data().path("error").path("message").asText()).matches(
                "the job was cancelled after \\d+ of 1000 steps");
        assertThat(stoppedAt).isLessThan(100);
        Served.gone(JobFolder.of(folder, id).path());
    }

    @Test
    void aDeletedJobStopsAndLeavesNoFiles() throws IOException {
        var id = ask(1000);
        var deleted = new boolean[1];
        var events = watch(id, event -> {
            if (event.data().path("step").asInt() >= 1 && !deleted[0]) {
                deleted[0] = true;
                assertThat(served.send("DELETE", "/v1/videos/" + id, "").statusCode()).isEqualTo(200);
            }
        });
        assertThat(events.getLast().name()).isEqualTo("deleted");
        Served.gone(JobFolder.of(folder, id).path());
    }

    /// The end is on record before the worker lets go.
    @Test
    void aJobThatIsDeletedWhileItsWorkerStillHasItLeavesNoFiles() throws IOException {
        var deletes = new CopyOnWriteArrayList<Integer>();
        String id;
        try (var _ = new LogEar(Worker.class, line -> {
            if (line.getFormattedMessage().startsWith("completed ")) {
                deletes.add(served.send("DELETE", "/v1/videos/" + line.getMDCPropertyMap().get("job"), "").statusCode());
            }
        })) {
            id = ask(1);
            watch(id, _ -> {});
            assertThat(Served.eventually(() -> List.copyOf(deletes), answers -> !answers.isEmpty())).containsExactly(200);
        }
        Served.gone(JobFolder.of(folder, id).path());
    }

    @Test
    void aFinishedJobIsToldAtOnce() throws IOException {
        var id = ask(1);
        watch(id, _ -> {});
        assertThat(watch(id, _ -> {})).hasSize(1);
        assertThat(served.get("/v1/videos/video_none/events").statusCode()).isEqualTo(404);
    }
}
