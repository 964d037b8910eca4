package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.zoetrope.server.Served.eventually;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.media.Frames;
import org.zoetrope.media.VideoWriter;

/// What a server goes through in a bad week, in minutes: hundreds of clients, and a process that is killed over and over.
/// Too long for every build; `mvn test -pl server -am -Dtest=TrialsTest -Dtrials=FILE -Dsurefire.failIfNoSpecifiedTests=false`
/// runs them and adds their numbers to the file. `-Dtrials.database=jdbc:postgresql://...` with an empty database adds
/// those with two nodes.
@EnabledIfSystemProperty(named = "trials", matches = ".+")
class TrialsTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final Pattern COMPLETED = Pattern.compile("completed (video_[0-9a-f]+) in");

    private final Random random = new Random(1);
    private final HttpClient http = HttpClient.newHttpClient();

    @TempDir Path folder;

    /// 500 clients, half of them asking for a status twice a second, half listening to events, while two jobs run.
    @Test
    void fiveHundredClients() throws IOException, InterruptedException {
        var clients = Integer.getInteger("trials.clients", 500);
        var time = Duration.ofSeconds(Integer.getInteger("trials.seconds", 40));
        try (var node = Node.start(folder, 2, "")) {
            var jobs = List.of(node.ask(17, 1000, 1, "a"), node.ask(17, 1000, 2, "b")); // longer than all of this takes
            eventually(() -> node.job(jobs.getLast()), job -> job.path("step").asInt() > 3);
            var alone = secondsPerStep(node, jobs, time);
            var asked = Collections.synchronizedList(new ArrayList<Double>());
            var errors = new AtomicInteger();
            var heard = new AtomicInteger();
            var stop = new AtomicBoolean();
            double beside;
            try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
                for (var i = 0; i < clients; i++) {
                    var id = jobs.get(i / 2 % 2);
                    var listens = i % 2 == 1;
                    threads.submit(() -> {
                        while (!stop.get()) {
                            try {
                                if (listens) {
                                    listen(node, id, stop, heard);
                                } else {
                                    var started = System.nanoTime();
                                    if (status(node, id) != 200) {
                                        errors.incrementAndGet();
                                    }
                                    asked.add((System.nanoTime() - started) / 1e6);
                                    Thread.sleep(500);
                                }
                            } catch (IOException e) {
                                errors.incrementAndGet();
                            }
                        }
                        return null;
                    });
                }
                try {
                    Thread.sleep(5000); // until all are there
                    beside = secondsPerStep(node, jobs, time);
                } finally {
                    stop.set(true);
                }
            }
            var sorted = asked.stream().mapToDouble(Double::doubleValue).sorted().toArray();
            report("%d clients for %d s: %d status calls, %d events, %d errors; a call takes %.0f ms (median), %.0f ms (99 of 100); a step takes %.2f times as long as without them"
                    .formatted(clients, time.toSeconds(), sorted.length, heard.get(), errors.get(), sorted[sorted.length / 2],
                            sorted[sorted.length * 99 / 100], beside / alone));
            assertThat(errors).hasValue(0);
            assertThat(heard.get()).isGreaterThan(clients / 2);
        }
    }

    /// 200 tiny jobs, and a server that is killed (SIGKILL) at 20 random moments while they are handed in and made.
    @Test
    void killedTwentyTimes() throws IOException, InterruptedException {
        var jobs = Integer.getInteger("trials.jobs", 200);
        var kills = Integer.getInteger("trials.kills", 20);
        var node = new Node[] {Node.start(folder, 1, "")};
        var ids = Collections.synchronizedSet(new LinkedHashSet<String>());
        var client = Thread.ofVirtual().start(() -> {
            for (var i = 0; i < jobs; i++) {
                var number = i;
                // As clients do it: the same request again until it is answered, under one key.
                ids.add(eventually(() -> {
                    try {
                        return node[0].ask(2, number, "job-" + number);
                    } catch (IOException _) {
                        return "";
                    }
                }, id -> !id.isEmpty()));
            }
        });
        var recoveries = new ArrayList<Double>();
        for (var kill = 0; kill < kills; kill++) {
            Thread.sleep(random.nextInt(200, 8000));
            node[0].kill();
            var started = System.nanoTime();
            node[0] = Node.start(folder, 1, "");
            recoveries.add((System.nanoTime() - started) / 1e9);
        }
        client.join();
        try {
            finish(List.of(node[0]), ids, jobs);
        } finally {
            node[0].close();
        }
        report("%d jobs, killed %d times: lost 0, doubled 0; %.1f s until it answers again (median), %.1f s at most".formatted(jobs,
                kills, median(recoveries), Collections.max(recoveries)));
    }

    /// Two nodes on one database, one of them killed in the middle of a job.
    @Test
    @EnabledIfSystemProperty(named = "trials.database", matches = "jdbc:.+")
    void oneOfTwoNodesIsKilled() throws IOException, InterruptedException {
        var database = System.getProperty("trials.database");
        var jobs = 40;
        var ids = new LinkedHashSet<String>();
        try (var one = Node.start(folder, 1, database); var other = Node.start(folder, 1, database)) {
            for (var i = 0; i < jobs; i++) {
                ids.add((i % 2 == 0 ? one : other).ask(i < 2 ? 60 : 10, i, "job-" + i));
            }
            var long1 = List.copyOf(ids).getFirst();
            eventually(() -> other.job(long1), job -> job.path("step").asInt() > 5);
            Thread.sleep(random.nextInt(100, 3000));
            one.kill();
            var killed = System.nanoTime();
            finish(List.of(other), ids, jobs);
            report("2 nodes, %d jobs, one node killed: lost 0, doubled 0; all done %.1f s after it".formatted(jobs,
                    (System.nanoTime() - killed) / 1e9));
        }
    }

    /// Two nodes on one database are sent every character at the same moment, under one key: it is kept once, and what one
    /// node forgets the other does not have either.
    @Test
    @EnabledIfSystemProperty(named = "trials.database", matches = "jdbc:.+")
    void twoNodesKeepACharacterOnce() throws Exception {
        var database = System.getProperty("trials.database");
        var characters = 20;
        var clip = folder.resolve("clip.mp4");
        VideoWriter.write(Frames.paint(64, 64, 8, 9, (f, x, _) -> x < 7 * f ? 0xd02020 : 0x606060), clip);
        var video = "data:video/mp4;base64," + Base64.getEncoder().encodeToString(Files.readAllBytes(clip));
        try (var one = Node.start(folder, 0, database); var other = Node.start(folder, 0, database);
                var both = Executors.newVirtualThreadPerTaskExecutor()) {
            var ids = new LinkedHashSet<String>();
            for (var i = 0; i < characters; i++) {
                var request = "{\"name\": \"number %d\", \"video\": \"%s\"}".formatted(i, video);
                var key = UUID.randomUUID().toString();
                var answers = both.invokeAll(Stream.of(one, other).<Callable<String>>map(node -> () -> node.post(
                        "/v1/videos/characters", request, key)).toList());
                assertThat(answers.getFirst().get()).startsWith("char_").isEqualTo(answers.getLast().get());
                ids.add(answers.getFirst().get());
            }
            assertThat(ids).hasSize(characters);
            try (var kept = Files.list(folder.resolve("data/characters"))) {
                assertThat(kept.map(path -> path.getFileName().toString())).containsExactlyInAnyOrderElementsOf(ids);
            }
            for (var id : ids) {
                var path = "/v1/videos/characters/" + id;
                assertThat(other.get(path).statusCode()).isEqualTo(200);
                assertThat(http.send(HttpRequest.newBuilder(URI.create(one.address() + path)).DELETE().build(),
                        HttpResponse.BodyHandlers.discarding()).statusCode()).isEqualTo(200);
                assertThat(other.get(path).statusCode()).isEqualTo(404);
            }
            assertThat(folder.resolve("data/characters")).isEmptyDirectory();
            report("2 nodes, %d characters sent to both at once: each kept once".formatted(characters));
        }
    }

    /// Waits for every job, and counts what the servers' logs say was completed.
    private void finish(List<Node> nodes, Set<String> ids, int jobs) throws IOException {
        assertThat(ids).as("jobs answered for").hasSize(jobs);
        var node = nodes.getFirst();
        for (var id : ids) {
            var end = eventually(() -> node.job(id), job -> !job.path("completed_at").isNull());
            assertThat(end.path("status").asText()).as("%s", end).isEqualTo("completed");
        }
        var listed = new HashSet<String>();
        for (var after = ""; ; ) {
            var page = JSON.readTree(node.get("/v1/videos?limit=100" + after).body()).path("data");
            page.forEach(job -> listed.add(job.path("id").asText()));
            if (page.isEmpty()) {
                break;
            }
            after = "&after=" + page.get(page.size() - 1).path("id").asText();
        }
        assertThat(listed).as("jobs recorded").isEqualTo(ids);
        var completed = new ArrayList<String>();
        try (var logs = Files.newDirectoryStream(folder, "*.log")) {
            for (var log : logs) {
                COMPLETED.matcher(Files.readString(log)).results().forEach(line -> completed.add(line.group(1)));
            }
        }
        assertThat(completed).as("made once each").doesNotHaveDuplicates();
    }

    private int status(Node node, String id) throws IOException, InterruptedException {
        return http.send(HttpRequest.newBuilder(URI.create(node.address() + "/v1/videos/" + id)).build(),
                HttpResponse.BodyHandlers.discarding()).statusCode();
    }

    private void listen(Node node, String id, AtomicBoolean stop, AtomicInteger heard) throws IOException, InterruptedException {
        var lines = http.send(HttpRequest.newBuilder(URI.create("%s/v1/videos/%s/events".formatted(node.address(), id)))
                .build(), HttpResponse.BodyHandlers.ofLines());
        try (var body = lines.body()) {
            for (var line = body.iterator(); !stop.get() && line.hasNext();) {
                if (line.next().startsWith("event: ")) {
                    heard.incrementAndGet();
                }
            }
        }
    }

    private static double secondsPerStep(Node node, List<String> jobs, Duration time) throws InterruptedException {
        var before = jobs.stream().mapToInt(id -> node.job(id).path("step").asInt()).toArray();
        var started = System.nanoTime();
        Thread.sleep(time);
        var after = jobs.stream().mapToInt(id -> node.job(id).path("step").asInt()).toArray();
        var steps = Arrays.stream(after).sum() - Arrays.stream(before).sum();
        assertThat(steps).as("steps of the two jobs in %s", time).isPositive();
        return (System.nanoTime() - started) / 1e9 / steps;
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().skip(values.size() / 2).findFirst().orElseThrow();
    }

    private static void report(String line) throws IOException {
        Files.writeString(Path.of(System.getProperty("trials")), line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /// A server in a process of its own.
    private record Node(Process process, String address) implements AutoCloseable {
        static Node start(Path folder, int workers, String database) throws IOException {
            var name = "node-" + System.nanoTime();
            var port = folder.resolve(name + ".port");
            var process = KilledServer.start(folder.resolve("data"), port, workers, database,
                    ProcessBuilder.Redirect.to(folder.resolve(name + ".log").toFile()));
            eventually(() -> Files.exists(port) || !process.isAlive(), there -> there);
            return new Node(process, Files.readString(port));
        }

        String ask(int steps, int seed, String key) throws IOException {
            return ask(5, steps, seed, key);
        }

        String ask(int frames, int steps, int seed, String key) throws IOException {
            return post("/v1/videos", ("{\"prompt\": \"a red circle moves right\", \"num_frames\": %d, \"steps\": %d, "
                    + "\"seed\": %d}").formatted(frames, steps, seed), key);
        }

        /// @return the id of what was made
        String post(String path, String json, String key) throws IOException {
            var request = HttpRequest.newBuilder(URI.create(address + path)).header("Content-Type", "application/json")
                    .header("Idempotency-Key", key).POST(HttpRequest.BodyPublishers.ofString(json));
            try (var one = HttpClient.newHttpClient()) {
                return JSON.readTree(one.send(request.build(), HttpResponse.BodyHandlers.ofString()).body()).path("id").asText();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        HttpResponse<String> get(String path) {
            try (var one = HttpClient.newHttpClient()) {
                return one.send(HttpRequest.newBuilder(URI.create(address + path)).build(), HttpResponse.BodyHandlers.ofString());
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        JsonNode job(String id) {
            try {
                return JSON.readTree(get("/v1/videos/" + id).body());
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }

        void kill() throws InterruptedException {
            process.destroyForcibly();
            assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        }

        @Override
        public void close() {
            process.destroyForcibly();
        }
    }
}
