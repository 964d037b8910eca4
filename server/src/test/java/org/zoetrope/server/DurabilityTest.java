package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.zoetrope.server.Served.eventually;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.edit.EditCheckpoint;
import org.zoetrope.eval.Psnr;
import org.zoetrope.media.VideoReader;
import org.zoetrope.pipeline.Checkpoint;
import org.zoetrope.tensor.Scope;

/// No job is lost, none is done twice, and none begins again that had got somewhere.
class DurabilityTest {
    private static final int STEPS = 20;

    @TempDir Path folder;

    private static String ask(Served served, int steps, int seed) {
        return served.ask("/v1/videos", "{\"prompt\": \"a red circle\", \"num_frames\": 5, \"steps\": %d, \"seed\": %d}"
                .formatted(steps, seed));
    }

    private static JsonNode look(Served served, String id) {
        return served.json("/v1/videos/" + id);
    }

    private static byte[] video(Served served, String id) {
        return served.bytes("/v1/videos/%s/content".formatted(id), "Accept", "*/*").body();
    }

    /// Stopped in the middle and started again, a job goes on behind its last step and ends with the bits of one that
    /// was never stopped.
    @Test
    void aStoppedServerGoesOnWhereItWas() {
        String stopped, whole;
        try (var served = Served.start(folder, settings -> settings.checkpointEvery(Duration.ofHours(1)))) {
            stopped = ask(served, STEPS, 7);
            eventually(() -> look(served, stopped), job -> job.path("step").asInt() > 2);
        }
        var file = JobFolder.of(folder, stopped).checkpoint();
        var done = Scope.run(() -> Checkpoint.load(file).state().done());
        assertThat(done).isBetween(3, STEPS);
        try (var served = Served.start(folder, settings -> settings)) {
            whole = ask(served, STEPS, 7);
            endsLike(served, stopped, whole, done);
            Served.gone(file);
        }
    }

    /// Never stands before the step it was stopped behind, and ends with the bits of one that was not stopped.
    private static void endsLike(Served served, String stopped, String whole, int done) {
        var steps = new ArrayList<Integer>();
        var end = eventually(() -> {
            var job = look(served, stopped);
            if (job.path("stage").asText().equals("denoise")) {
                steps.add(job.path("step").asInt());
            }
            return job;
        }, job -> !job.path("completed_at").isNull());
        assertThat(end.path("status").asText()).as(end.toString()).isEqualTo("completed");
        assertThat(steps).allMatch(step -> step >= done);
        assertThat(served.ended(whole).path("status").asText()).isEqualTo("completed");
        assertThat(video(served, stopped)).isEqualTo(video(served, whole));
    }

    /// The same of an edit, with a mask that it finds on its way.
    @ParameterizedTest
    @ValueSource(strings = {"flowedit", "flowdirector-v1"})
    void aStoppedEditGoesOnWhereItWas(String method) {
        String stopped, whole, request;
        try (var served = Served.start(folder, settings -> settings.checkpointEvery(Duration.ofHours(1)))) {
            var source = ask(served, 2, 7);
            assertThat(served.ended(source).path("status").asText()).isEqualTo("completed");
            request = """
                    {"prompt": "a blue circle", "video": {"id": "%s"}, "method": "%s", "steps": %d, "seed": 7}"""
                    .formatted(source, method, STEPS);
            stopped = served.ask("/v1/videos/edits", request);
            eventually(() -> look(served, stopped), job -> job.path("step").asInt() > 2);
        }
        var file = JobFolder.of(folder, stopped).checkpoint();
        var done = Scope.run(() -> EditCheckpoint.load(file).reached().done()) - STEPS / 5; // a fifth is left out
        assertThat(done).isBetween(3, STEPS);
        try (var served = Served.start(folder, settings -> settings)) {
            whole = served.ask("/v1/videos/edits", request);
            endsLike(served, stopped, whole, done);
            Served.gone(file);
        }
    }

    /// What could be reused is gone with the process: the job goes on without it, says so, and ends nearly alike.
    @Test
    void aStoppedJobThatReusesStepsGoesOnNearlyAlike() {
        String stopped, whole;
        var request = "{\"prompt\": \"a red circle\", \"num_frames\": 5, \"steps\": 12, \"seed\": 7, "
                + "\"speed\": \"cached\"}";
        try (var served = Served.start(folder, settings -> settings.checkpointEvery(Duration.ofHours(1)))) {
            stopped = served.ask("/v1/videos", request);
            eventually(() -> look(served, stopped), job -> job.path("step").asInt() > 3);
        }
        assertThat(JobFolder.of(folder, stopped).checkpoint()).exists();
        try (var served = Served.start(folder, settings -> settings)) {
            whole = served.ask("/v1/videos", request);
            var end = served.ended(stopped);
            assertThat(end.path("status").asText()).as(end.toString()).isEqualTo("completed");
            assertThat(end.path("notices").toString()).contains("was not kept with the checkpoint", "blocks and");
            var other = served.ended(whole);
            assertThat(other.path("notices").toString()).doesNotContain("checkpoint").contains("blocks and");
        }
        var difference = Psnr.of(VideoReader.read(JobFolder.of(folder, stopped).file(JobFolder.Variant.VIDEO)),
                VideoReader.read(JobFolder.of(folder, whole).file(JobFolder.Variant.VIDEO)));
        assertThat(difference).as("dB").isGreaterThan(25);
    }

    /// Killed without a word (SIGKILL) while jobs are accepted and made, the server has every job that it has answered
    /// for, and makes each of them once.
    @Test
    void aKilledServerLosesNothing() throws IOException, InterruptedException {
        var answered = new ArrayList<String>();
        for (var life = 0; life < 2; life++) {
            var port = Files.createTempFile(folder, "port", "");
            var process = KilledServer.start(folder.resolve("data"), port);
            try {
                var address = eventually(() -> read(port), text -> text.startsWith("http"));
                for (var i = 0; i < 3; i++) {
                    answered.add(Served.json(Served.post(address, "/v1/videos", ("{\"prompt\": \"a red circle\", "
                            + "\"num_frames\": 5, \"steps\": 2, \"seed\": %d}").formatted(answered.size())))
                            .path("id").asText());
                }
                assertThat(answered).doesNotContain("");
            } finally {
                process.destroyForcibly();
                assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
            }
        }
        try (var served = Served.start(folder.resolve("data"), settings -> settings)) {
            for (var id : answered) {
                assertThat(served.ended(id).path("status").asText()).isEqualTo("completed");
            }
            var listed = served.json("/v1/videos?limit=100").path("data");
            assertThat(listed.findValuesAsText("id")).containsExactlyInAnyOrderElementsOf(answered);
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Job job(String id, int priority) {
        var wanted = new Wanted("a boat", "", 64, 64, 5, 8, 2, 6, 1, Optional.empty(), Optional.empty(),
                Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
        return Job.queued(id, Job.Kind.CREATE, "mini", "mini", wanted, "0.63", "64x64", "local", priority, List.of(),
                Optional.empty());
    }

    private static String id(int number) {
        return "video_%032x".formatted(number);
    }

    /// A worker that was taken for dead and is not cannot spoil what its successor does.
    @Test
    void onlyTheLastClaimCounts() {
        try (var database = Database.open(folder, Optional.empty())) {
            var store = new JobStore(database);
            store.insert(job(id(1), 0), Optional.empty(), "f");
            var first = store.claim(id(1), "a").orElseThrow();
            var second = store.claim(id(1), "b").orElseThrow();
            assertThat(store.standing(first)).isEqualTo(JobStore.Standing.LOST);
            assertThat(store.standing(second)).isEqualTo(JobStore.Standing.GOES_ON);
            assertThat(store.complete(first, "{}", List.of())).isFalse();
            assertThat(store.fail(first, new Job.Failure("a", "b"))).isFalse();
            assertThat(store.complete(second, "{}", List.of())).isTrue();
            assertThat(store.complete(second, "{}", List.of())).isFalse();
            assertThat(store.claim(id(1), "c")).isEmpty();
            assertThat(store.find(id(1)).orElseThrow().status()).isEqualTo(Job.Status.COMPLETED);
        }
    }

    /// A job that ends the process every time is given up; one that got further in between is not.
    @Test
    void aJobThatGetsNowhereIsGivenUp() {
        try (var database = Database.open(folder, Optional.empty())) {
            var store = new JobStore(database);
            store.insert(job(id(1), 0), Optional.empty(), "f");
            store.insert(job(id(2), 0), Optional.empty(), "f");
            for (var life = 0; life < 4; life++) {
                store.claim(id(1), "n");
                store.gotFurther(store.claim(id(2), "n").orElseThrow());
            }
        }
        try (var served = Served.start(folder, settings -> settings)) {
            var failed = served.ended(id(1));
            assertThat(failed.path("status").asText()).isEqualTo("failed");
            assertThat(failed.path("error").path("code").asText()).isEqualTo("gave_up");
            assertThat(served.ended(id(2)).path("status").asText()).isEqualTo("completed");
        }
    }

    /// Also one that is shorter than the time between two checkpoints: what follows begins with the whole run.
    @ParameterizedTest
    @ValueSource(strings = {"/v1/videos", "/v1/videos/edits"})
    void aJobWhoseRunIsOnTheDiskHasGotFurther(String path) {
        String id;
        try (var served = Served.start(folder, settings -> settings.checkpointEvery(Duration.ofHours(1)))) {
            id = ask(served, 2, 7);
            served.ended(id);
            if (path.endsWith("edits")) {
                id = served.ask(path, "{\"prompt\": \"a blue circle\", \"video\": \"%s\", \"steps\": 2}".formatted(id));
                served.ended(id);
            }
        }
        try (var database = Database.open(folder, Optional.empty())) {
            assertThat(new JobStore(database).find(id).orElseThrow().attempts()).as("attempts that count").isZero();
        }
    }

    @Test
    void jobsOfAHigherPriorityRunFirst() {
        String low, high;
        try (var served = Served.start(folder, settings -> settings.workers(0))) {
            low = ask(served, 2, 1);
            high = served.ask("/v1/videos", """
                    {"prompt": "a red circle", "num_frames": 5, "steps": 2, "priority": 5}""");
            assertThat(look(served, low).path("queue_position").asInt()).isEqualTo(1);
            assertThat(look(served, high).path("queue_position").asInt()).isZero();
        }
        try (var served = Served.start(folder, settings -> settings)) {
            served.ended(low);
            served.ended(high);
        }
        try (var database = Database.open(folder, Optional.empty())) {
            var store = new JobStore(database);
            assertThat(store.find(high).flatMap(Job::startedAt).orElseThrow())
                    .isLessThan(store.find(low).flatMap(Job::startedAt).orElseThrow());
        }
    }
}
