package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.zoetrope.server.Served.eventually;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.openai.client.OpenAIClient;
import com.openai.core.JsonValue;
import com.openai.core.MultipartField;
import com.openai.errors.BadRequestException;
import com.openai.models.videos.Video;
import com.openai.models.videos.VideoCreateParams;
import com.openai.models.videos.VideoDownloadContentParams;
import com.openai.models.videos.VideoEditParams;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.media.Frames;
import org.zoetrope.media.SoundTrack;
import org.zoetrope.media.VideoReader;
import org.zoetrope.media.VideoWriter;

/// Videos that clients bring along, from good ones to hostile ones.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class UploadsTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int MOST_FRAMES = 60;

    @TempDir static Path folder;

    private Served served;
    private OpenAIClient client;

    @BeforeAll
    void start() {
        served = Served.start(folder.resolve("data"), settings -> settings.uploads(
                ServerSettings.UploadLimits.defaults().frames(MOST_FRAMES)));
        client = served.client(false);
    }

    @AfterAll
    void stop() {
        client.close();
        served.close();
    }

    /// A red square that moves right before grey.
    private static Frames clip(int width, int height, int count) {
        return Frames.paint(width, height, 10, count, (f, x, y) -> x >= 2 * f && x < 2 * f + 20 && y >= 10 && y < 30
                ? 0xd02020 : 0x606060);
    }

    private static Path file(Frames clip, String name) {
        var file = folder.resolve(name);
        VideoWriter.write(clip, file);
        return file;
    }

    private static byte[] bytes(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static VideoEditParams.Builder edit(InputStream video, String name) {
        return VideoEditParams.builder().prompt("a blue square moves right")
                .video(MultipartField.<VideoEditParams.Video>builder().value(VideoEditParams.Video.ofInputStream(video))
                        .filename(name).contentType("video/mp4").build())
                .putAdditionalBodyProperty("source_prompt", JsonValue.from("a red square moves right"))
                .putAdditionalBodyProperty("steps", JsonValue.from(2)).putAdditionalBodyProperty("seed",
                        JsonValue.from(7));
    }

    private byte[] content(String id, String variant) {
        try (var response = client.videos().downloadContent(VideoDownloadContentParams.builder().videoId(id)
                .variant(VideoDownloadContentParams.Variant.of(variant)).build())) {
            return response.body().readAllBytes();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static List<Path> files(Path of) {
        if (!Files.isDirectory(of)) {
            return List.of();
        }
        try (var files = Files.list(of)) {
            return files.toList();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static List<Path> uploads(Path data, String id) {
        return files(data.resolve("videos").resolve(id)).stream().filter(file -> Container.isUpload(
                String.valueOf(file.getFileName()))).toList();
    }

    // ---------------------------------------------------------------- good ones

    /// With sides that H.264 does not hold, a length the model does not take, and sound.
    @Test
    void anUploadedVideoIsEdited() throws IOException {
        var video = file(clip(65, 49, 6), "drift.mkv");
        SoundTrack.carry(tone(), video);
        var asked = client.videos().edit(edit(new ByteArrayInputStream(bytes(video)), "../../my holiday.mp4").build());
        assertThat(asked.remixedFromVideoId()).isEmpty();
        assertThat(asked.size().asString()).isEqualTo("64x48");
        assertThat(asked.seconds().asString()).isEqualTo("0.6");
        assertThat(String.valueOf(asked._additionalProperties().get("notices")))
                .contains("the video was cropped 65 x 49 to its middle 64 x 48", "the sound of the video is left out",
                        "the last frame is repeated");
        var done = eventually(() -> client.videos().retrieve(asked.id()), v -> v.completedAt().isPresent());
        assertThat(done.error()).isEmpty();
        assertThat(done.status()).isEqualTo(Video.Status.COMPLETED);
        var after = VideoReader.read(Files.write(folder.resolve("after.mp4"), content(asked.id(), "video")));
        var before = VideoReader.read(Files.write(folder.resolve("before.mp4"), content(asked.id(), "source")));
        for (var made : List.of(before, after)) {
            assertThat(List.of(made.width(), made.height(), made.count(), made.fps())).isEqualTo(List.of(64, 48, 6,
                    10.0));
        }
        assertThat(before.pixel(0, 10, 20) >> 16 & 255).as("red").isGreaterThan(150);
        var data = folder.resolve("data");
        // Only an unfinished job keeps what was sent; it is removed behind the record of the end.
        eventually(() -> uploads(data, asked.id()), List::isEmpty);
        assertThat(files(data.resolve("uploads"))).isEmpty();
        client.videos().delete(asked.id());
        Served.gone(data.resolve("videos").resolve(asked.id()));
    }

    private static Path tone() throws IOException {
        var wav = chunk("RIFF", join("WAVE", chunk("fmt ", numbers(1 | 1 << 16, 8000, 16000, 2 | 16 << 16)),
                chunk("data", new byte[16000])));
        return Files.write(folder.resolve("tone.wav"), wav);
    }

    @Test
    void aDataUrlIsAnUpload() throws IOException {
        var url = "data:image/gif;base64," + Base64.getEncoder().encodeToString(bytes(file(clip(64, 64, 5), "a.gif")));
        var made = JSON.readTree(served.post("/v1/videos/edits", JSON.writeValueAsString(Map.of("video", url, "prompt",
                "a blue square", "source_prompt", "a red square", "steps", 1))).body());
        assertThat(made.path("uploaded").asBoolean()).as(made.toString()).isTrue();
        assertThat(made.path("num_frames").asInt()).isEqualTo(5);
        var id = made.path("id").asText();
        assertThat(served.post("/v1/videos/%s/cancel".formatted(id), "").statusCode()).isEqualTo(200);
        eventually(() -> look(served, id), v -> !v.path("completed_at").isNull());
        // A worker that had begun removes it after the step it is in.
        eventually(() -> uploads(folder.resolve("data"), id), List::isEmpty);
        for (var wrong : List.of("http://127.0.0.1/a.mp4", "data:video/mp4;base64,#", "data:text/plain;base64,AAAA")) {
            var answer = served.post("/v1/videos/edits", JSON.writeValueAsString(Map.of("video", wrong, "prompt", "a",
                    "source_prompt", "b")));
            assertThat(answer.statusCode()).as(wrong).isEqualTo(400);
            assertThat(answer.body()).contains("\"param\":\"video\"",
                    wrong.startsWith("http") ? "serve --fetch-urls" : "data URL");
        }
    }

    /// The model starts from a video, so a reference may be one; it takes as many frames as it can use.
    @Test
    void aVideoMayBeTheReferenceOfAnother() throws IOException {
        var params = VideoCreateParams.builder().prompt("a blue square moves right")
                .inputReference(file(clip(80, 64, 7), "reference.mp4"))
                .putAdditionalBodyProperty("steps", JsonValue.from(3))
                .putAdditionalBodyProperty("strength", JsonValue.from(0.4));
        var made = client.videos().create(params.build());
        assertThat(String.valueOf(made._additionalProperties().get("uploaded"))).isEqualTo("true");
        var done = eventually(() -> client.videos().retrieve(made.id()), v -> v.completedAt().isPresent());
        assertThat(done.error()).isEmpty();
        var video = VideoReader.read(Files.write(folder.resolve("new.mp4"), content(made.id(), "video")));
        assertThat(List.of(video.width(), video.count(), video.fps())).isEqualTo(List.of(64, 5, 10.0));
        assertThat(String.valueOf(done._additionalProperties().get("notices"))).contains("the first 5 are used");
        eventually(() -> uploads(folder.resolve("data"), made.id()), List::isEmpty);
        assertThat(VideoReader.read(Files.write(folder.resolve("reference-seen.mp4"), content(made.id(), "source")))
                .count()).isEqualTo(7);
        var reference = folder.resolve("reference.mp4");
        assertThatThrownBy(() -> client.videos().create(params.inputReference(reference)
                .putAdditionalBodyProperty("num_frames", JsonValue.from(9)).build()))
                .isInstanceOf(BadRequestException.class).hasMessageContaining("7 frames");
        assertThatThrownBy(() -> client.videos().create(params.inputReference(new byte[] {'G', 'I', 'F', '8', -1})
                .build())).isInstanceOf(BadRequestException.class).hasMessageContaining("the video is not a video");
    }

    private static JsonNode look(Served at, String id) {
        try {
            return JSON.readTree(at.get("/v1/videos/" + id).body());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void somebodyMustSayWhatAnUploadShows() throws IOException {
        var answer = send(served, "a.mp4", bytes(file(clip(64, 64, 5), "a.mp4")), Map.of("prompt", "a blue square"));
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).contains("\"param\":\"source_prompt\"", "describe it in a sentence");
    }

    private static HttpResponse<String> send(Served to, String name, byte[] video, Map<String, String> fields)
            throws IOException {
        var form = new ByteArrayOutputStream();
        for (var field : fields.entrySet()) {
            form.writeBytes("--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n".formatted(field.getKey(),
                    field.getValue()).getBytes(StandardCharsets.UTF_8));
        }
        form.writeBytes("--b\r\nContent-Disposition: form-data; name=\"video\"; filename=\"%s\"\r\n\r\n".formatted(name)
                .getBytes(StandardCharsets.UTF_8));
        form.writeBytes(video);
        form.writeBytes("\r\n--b--\r\n".getBytes(StandardCharsets.UTF_8));
        try (var http = HttpClient.newHttpClient()) {
            return http.send(HttpRequest.newBuilder(URI.create(to.address() + "/v1/videos/edits"))
                    .header("Content-Type", "multipart/form-data; boundary=b")
                    .POST(HttpRequest.BodyPublishers.ofByteArray(form.toByteArray())).build(),
                    HttpResponse.BodyHandlers.ofString());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    // ---------------------------------------------------------------- bad ones

    /// With what is younger another node may be at work.
    @Test
    void whatAKilledServerLeavesIsDeletedAnHourLater() throws IOException {
        var uploads = folder.resolve("left/uploads");
        Path old = Files.createDirectories(uploads.resolve("old")), young = Files.createDirectories(uploads.resolve("young"));
        Files.createFile(old.resolve("upload.mp4"));
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofMinutes(61))));
        Files.setLastModifiedTime(young, FileTime.from(Instant.now().minus(Duration.ofMinutes(59))));
        Served.start(folder.resolve("left"), settings -> settings.workers(0)).close();
        assertThat(old).doesNotExist();
        assertThat(young).exists();
    }

    @Test
    void whatIsNoVideoIsRefusedAtOnceAndLeavesNothing() throws IOException {
        var video = bytes(file(clip(64, 64, 20), "whole.mp4"));
        var moved = "ftypisom".getBytes(StandardCharsets.US_ASCII);
        refused("a text", "no video of a kind that is read", "a letter, not a video".getBytes(StandardCharsets.UTF_8));
        refused("a playlist", "no video of a kind that is read", "#EXTM3U\nfile:///etc/passwd\n".getBytes(
                StandardCharsets.UTF_8));
        refused("nothing", "no video of a kind that is read", new byte[0]);
        refused("cut short", "", Arrays.copyOf(video, video.length - 200));
        refused("cut in the middle", "", Arrays.copyOf(video, video.length / 2));
        refused("a beginning alone", "the video is not a video that can be read", join("\0\0\0\30", moved));
        refused("no frame", "", join("GIF89a", new byte[] {64, 0, 64, 0, 0, 0, 0, 0x3b}));
        refused("sound alone", "no video stream", soundAlone());
        refused("too large", "has frames of 5000 x 4000 = 20000000 pixels", large());
        refused("too long", "has %d frames or more, the limit is %d".formatted(MOST_FRAMES + 1, MOST_FRAMES),
                bytes(file(clip(64, 64, MOST_FRAMES + 1), "long.mp4")));
        refused("too slow to last", "lasts", bytes(file(new Frames(16, 16, 0.1, clip(16, 16, 20).images()),
                "slow.mp4")));
        refused("too flat", "16 x 1", bytes(file(clip(16, 1, 5), "flat.gif")));
    }

    private void refused(String what, String words, byte[] video) throws IOException {
        var before = files(folder.resolve("data/videos"));
        var answer = send(served, "video.mp4", video, Map.of("prompt", "a blue square", "source_prompt", "a red square",
                "steps", "1"));
        assertThat(answer.statusCode()).as(what + ": " + answer.body()).isEqualTo(400);
        assertThat(JSON.readTree(answer.body()).path("error").path("code").asText()).as(what)
                .isEqualTo("invalid_video");
        assertThat(answer.body()).as(what).contains(words).doesNotContain(folder.toString(), "upload.");
        assertThat(files(folder.resolve("data/videos"))).as(what).isEqualTo(before);
        assertThat(files(folder.resolve("data/uploads"))).as(what).isEmpty();
    }

    /// A GIF of one byte, which says that it is large.
    private static byte[] large() {
        return join("GIF89a", new byte[] {(byte) (5000 & 255), 5000 >> 8, (byte) (4000 & 255), 4000 >> 8, 0, 0, 0, 0x2c,
            0, 0, 0, 0, (byte) (5000 & 255), 5000 >> 8, (byte) (4000 & 255), 4000 >> 8, 0, 2, 1, 0, 0, 0x3b});
    }

    /// An AVI with a second of silence.
    private static byte[] soundAlone() {
        var stream = chunk("LIST", join("strl", chunk("strh", join("auds", numbers(1, 0, 0, 0, 1, 8000, 0, 8000, 8000,
                0, 1, 0, 0))), chunk("strf", numbers(1 | 1 << 16, 8000, 8000, 1 | 8 << 16))));
        var header = chunk("LIST", join("hdrl", chunk("avih", numbers(0, 8000, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0)),
                stream));
        return chunk("RIFF", join("AVI ", header, chunk("LIST", join("movi", chunk("00wb", new byte[8000])))));
    }

    private static byte[] numbers(int... values) {
        var bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        Arrays.stream(values).forEach(bytes::putInt);
        return bytes.array();
    }

    private static byte[] chunk(String name, byte[] content) {
        return join(name, numbers(content.length), content);
    }

    private static byte[] join(String name, byte[]... parts) {
        var out = new ByteArrayOutputStream();
        out.writeBytes(name.getBytes(StandardCharsets.ISO_8859_1));
        Stream.of(parts).forEach(out::writeBytes);
        return out.toByteArray();
    }

    // ---------------------------------------------------------------- hostile ones

    private static UploadDecoder decoder(ServerSettings.UploadLimits limits) {
        return new UploadDecoder(Served.settings(folder.resolve("alone")).uploads(limits));
    }

    private static void refused(ServerSettings.UploadLimits limits, byte[] video, String code) {
        assertThatThrownBy(() -> decoder(limits).look(Container.MP4, video)).isInstanceOfSatisfying(
                UploadException.class, e -> assertThat(e.code()).isEqualTo(code));
        assertThat(files(folder.resolve("alone/uploads"))).isEmpty();
        assertThat(decoders()).as("left alive").isEmpty();
    }

    @Test
    void aDecoderThatTakesTooMuchIsKilled() {
        var limits = ServerSettings.UploadLimits.defaults();
        var video = bytes(file(clip(640, 480, 60), "heavy.mp4"));
        assertThat(decoder(limits).look(Container.MP4, video).count()).isEqualTo(60);
        refused(limits.time(Duration.ofMillis(20)), video, "video_too_slow");
        refused(limits.heapBytes(24L << 20), video, "video_too_large"); // the frames take 55 MB
    }

    private static List<ProcessHandle> decoders() {
        return ProcessHandle.current().descendants().filter(process -> process.info().command().orElse("")
                .endsWith("/bin/java")).toList();
    }

    private static String limits(ProcessHandle process) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(process.pid()), "limits"));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /// It runs under limits of the kernel, knows nothing of this process's environment, and takes nobody along.
    @Test
    @EnabledOnOs(OS.LINUX)
    void aDecoderThatCrashesCrashesAlone() throws Exception {
        var limits = ServerSettings.UploadLimits.defaults();
        var video = bytes(file(clip(640, 480, 60), "crash.mp4"));
        try (var other = Executors.newVirtualThreadPerTaskExecutor()) {
            var looking = other.submit(() -> decoder(limits).look(Container.MP4, video));
            // Between its birth and the shell that limits it, the new process is still called as this one.
            var process = eventually(UploadsTest::decoders, found -> !found.isEmpty() && limits(found.getFirst())
                    .matches("(?s).*Max core file size +0 +0 .*")).getFirst();
            assertThat(limits(process)).containsPattern("Max data size +%d ".formatted(
                    limits.heapBytes() + (1L << 30) >> 10 << 10));
            var files = Path.of("/proc", Long.toString(process.pid()));
            assertThat(Files.readString(files.resolve("environ")).split("\0")).allMatch(variable -> variable.isEmpty()
                    || variable.matches(
                            "(?s)(LD_LIBRARY_PATH|TMPDIR|LANG|LC_ALL|LC_CTYPE|HOME|PWD|OLDPWD|_|SHLVL)=.*"));
            new ProcessBuilder("kill", "-SEGV", Long.toString(process.pid())).start().waitFor();
            assertThatThrownBy(looking::get).cause().isInstanceOfSatisfying(UploadException.class,
                    e -> assertThat(e.code()).isEqualTo("decoder_failed"));
        }
        assertThat(files(folder.resolve("alone/uploads"))).isEmpty();
    }

    /// What was accepted and then cannot be decoded fails its own job, and the next one is made.
    @Test
    void aDecoderThatHangsFailsItsJobAlone() throws IOException {
        var data = folder.resolve("patient");
        var video = bytes(file(clip(64, 64, 5), "patient.mp4"));
        String id;
        try (var patient = Served.start(data, settings -> settings.workers(0))) {
            id = JSON.readTree(send(patient, "a.mp4", video, Map.of("prompt", "a blue square", "source_prompt",
                    "a red square", "steps", "1")).body()).path("id").asText();
            assertThat(uploads(data, id)).hasSize(1);
        }
        try (var hasty = Served.start(data, settings -> settings.uploads(ServerSettings.UploadLimits.defaults()
                .time(Duration.ofMillis(1))))) {
            var next = JSON.readTree(hasty.post("/v1/videos",
                    "{\"prompt\": \"a boat\", \"num_frames\": 5, \"steps\": 1}").body()).path("id").asText();
            var failed = eventually(() -> look(hasty, id), v -> !v.path("completed_at").isNull());
            assertThat(failed.path("status").asText()).isEqualTo("failed");
            assertThat(failed.path("error").path("code").asText()).isEqualTo("video_too_slow");
            Served.gone(data.resolve("videos").resolve(id));
            var made = eventually(() -> look(hasty, next), v -> !v.path("completed_at").isNull());
            assertThat(made.path("status").asText()).isEqualTo("completed");
        }
    }
}
