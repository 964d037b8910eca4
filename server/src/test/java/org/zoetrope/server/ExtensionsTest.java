package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.zoetrope.server.Served.eventually;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.openai.client.OpenAIClient;
import com.openai.core.JsonValue;
import com.openai.errors.BadRequestException;
import com.openai.models.videos.Video;
import com.openai.models.videos.VideoCreateParams;
import com.openai.models.videos.VideoDownloadContentParams;
import com.openai.models.videos.VideoExtendParams;
import com.openai.models.videos.VideoSeconds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.media.Frames;
import org.zoetrope.media.VideoReader;
import org.zoetrope.media.VideoWriter;

/// Videos that go on: those that were made here, and those that clients send along.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ExtensionsTest {
    private static final int SIDE = 64; // of what the model makes
    private static final double RATE = 20; // of the clip, which is not the model's
    private static final int COUNT = 7;

    @TempDir static Path folder;

    private Served served;
    private OpenAIClient client;

    @BeforeAll
    void start() throws IOException {
        var data = folder.resolve("data");
        var models = List.of(new ServerSettings.Installed("mini", Served.bundled()),
                new ServerSettings.Installed("alive", PictureModel.write(Files.createDirectory(folder.resolve("m")))));
        served = Served.start(data, _ -> ServerSettings.of(data, models).address("127.0.0.1", 0));
        client = served.client(false);
    }

    @AfterAll
    void stop() {
        client.close();
        served.close();
    }

    /// Grey that becomes lighter.
    private static byte[] clip(int width, int height, String name) throws IOException {
        var file = folder.resolve(name);
        VideoWriter.write(Frames.paint(width, height, RATE, COUNT, (f, _, _) -> (60 + 10 * f) * 0x10101), file);
        return Files.readAllBytes(file);
    }

    private static VideoExtendParams.Builder asked() {
        return VideoExtendParams.builder().prompt("on and on").seconds(VideoSeconds._4)
                .putAdditionalBodyProperty("num_frames", JsonValue.from(5))
                .putAdditionalBodyProperty("steps", JsonValue.from(2))
                .putAdditionalBodyProperty("seed", JsonValue.from(7));
    }

    private byte[] bytes(Video video, String variant) throws IOException {
        try (var response = client.videos().downloadContent(VideoDownloadContentParams.builder().videoId(video.id())
                .variant(VideoDownloadContentParams.Variant.of(variant)).build())) {
            return response.body().readAllBytes();
        }
    }

    private Frames content(Video video, String variant) throws IOException {
        return VideoReader.read(Files.write(folder.resolve(video.id() + variant + ".mp4"), bytes(video, variant)));
    }

    private Video done(Video asked) {
        var done = eventually(() -> client.videos().retrieve(asked.id()), v -> v.completedAt().isPresent());
        assertThat(done.error()).isEmpty();
        assertThat(done.status()).isEqualTo(Video.Status.COMPLETED);
        return done;
    }

    private static int grey(Frames clip, int frame) {
        return clip.pixel(frame, SIDE / 2, SIDE / 2) & 255;
    }

    /// What was sent stays as it was, at its own rate, and what follows it moves at the model's.
    private static void goesOn(Frames made, double modelRate) {
        assertThat(List.of(made.width(), made.height(), made.fps())).isEqualTo(List.of(SIDE, SIDE, RATE));
        assertThat(made.count()).isEqualTo(COUNT + (int) Math.round(4 * RATE / modelRate));
        for (var f = 0; f < COUNT; f++) {
            assertThat(grey(made, f)).as("frame %d", f).isBetween(60 + 10 * f - 8, 60 + 10 * f + 8);
        }
    }

    private double modelRate() throws IOException {
        var models = new JsonMapper().readTree(served.get("/v1/models").body()).path("data");
        assertThat(models.path(1).path("takes_image").asBoolean()).isTrue();
        return models.path(1).path("fps").asDouble();
    }

    @Test
    void anUploadedVideoGoesOn() throws IOException {
        var asked = client.videos().extend(asked().video(clip(97, 81, "mine.mkv")).build());
        assertThat(asked.remixedFromVideoId()).isEmpty();
        assertThat(asked.size().asString()).isEqualTo("64x64");
        assertThat(asked.model().asString()).isEqualTo("alive");
        var more = asked._additionalProperties();
        assertThat(List.of(String.valueOf(more.get("kind")), String.valueOf(more.get("uploaded"))))
                .isEqualTo(List.of("extend", "true"));
        assertThat(String.valueOf(more.get("notices"))).contains("cropped 97 x 81 to its middle 96 x 80",
                "since alive makes 64x64");
        var done = done(asked);
        goesOn(content(done, "video"), modelRate());
        var before = content(done, "source");
        assertThat(List.of(before.width(), before.height(), before.count(), before.fps())).isEqualTo(List.of(96, 80,
                COUNT, RATE));
        var kept = folder.resolve("data/videos").resolve(asked.id());
        eventually(() -> Stream.of(Objects.requireNonNull(kept.toFile().list())).filter(Container::isUpload).toList(),
                List::isEmpty);
    }

    @Test
    void aDataUrlGoesOn() throws IOException {
        var url = "data:video/mp4;base64," + Base64.getEncoder().encodeToString(clip(64, 64, "mine.mp4"));
        var answer = new JsonMapper().readTree(served.post("/v1/videos/extensions", new JsonMapper().writeValueAsString(
                Map.of("prompt", "on", "video", url, "model", "alive", "num_frames", 5, "steps", 1))).body());
        assertThat(answer.path("uploaded").asBoolean()).as(answer.toString()).isTrue();
        assertThat(answer.path("notices")).isEmpty();
        goesOn(content(done(client.videos().retrieve(answer.path("id").asText())), "video"), modelRate());
    }

    @Test
    void aVideoThatWasMadeHereGoesOn() throws IOException {
        var first = done(client.videos().create(VideoCreateParams.builder().prompt("a red circle moves right")
                .putAdditionalBodyProperty("num_frames", JsonValue.from(5))
                .putAdditionalBodyProperty("steps", JsonValue.from(1)).build()));
        var next = done(client.videos().extend(asked().video(VideoExtendParams.Video.VideoReferenceInputParam.builder()
                .id(first.id()).build()).build()));
        assertThat(next.remixedFromVideoId()).contains(first.id());
        assertThat(content(next, "video").count()).isEqualTo(9);
        assertThat(bytes(next, "source")).isEqualTo(bytes(first, "video"));
    }

    @Test
    void whatCannotGoOnIsRefused() throws IOException {
        var video = clip(64, 64, "good.mp4");
        refused("damaged or incomplete", asked().video(Arrays.copyOf(video, video.length * 2 / 3)).build());
        refused("mini does not start from a picture, as extending a video takes; alive does",
                asked().video(video).putAdditionalBodyProperty("model", JsonValue.from("mini")).build());
        refused("no model \"maxi\"", asked().video(video).putAdditionalBodyProperty("model", JsonValue.from("maxi"))
                .build());
        refused("unknown \"strength\"", asked().video(video).putAdditionalBodyProperty("strength", JsonValue.from(1))
                .build());
        assertThat(served.post("/v1/videos/extensions", "{\"prompt\": \"on\"}").body()).contains(
                "\"video\\\" is missing; give the id of a video, or send one along");
    }

    private void refused(String words, VideoExtendParams params) {
        assertThatThrownBy(() -> client.videos().extend(params)).isInstanceOf(BadRequestException.class)
                .hasMessageContaining(words);
    }
}
