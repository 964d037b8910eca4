package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.zoetrope.server.Served.eventually;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.OpenAIServiceException;
import com.openai.models.videos.ImageInputReferenceParam;
import com.openai.models.videos.Video;
import com.openai.models.videos.VideoCreateCharacterParams;
import com.openai.models.videos.VideoCreateParams;
import com.openai.models.videos.VideoDownloadContentParams;
import com.openai.models.videos.VideoEditParams;
import com.openai.models.videos.VideoExtendParams;
import com.openai.models.videos.VideoListParams;
import com.openai.models.videos.VideoRemixParams;
import com.openai.models.videos.VideoSeconds;
import com.openai.models.videos.VideoSize;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.media.Frames;
import org.zoetrope.media.MediaFile;
import org.zoetrope.media.VideoReader;

/// The server as OpenAI's own Java client sees it, over HTTP and nothing else.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VideosApiTest {
    @TempDir static Path folder;

    private Served served;
    private OpenAIClient client;
    private Video finished;

    @BeforeAll
    void start() {
        served = Served.start(folder.resolve("data"), settings -> settings);
        client = served.client(false);
        finished = completed(client, create("a red circle moves right").build());
    }

    @AfterAll
    void stop() {
        client.close();
        served.close();
    }

    /// The smallest video the model makes.
    private static VideoCreateParams.Builder create(String prompt) {
        return VideoCreateParams.builder().prompt(prompt).putAdditionalBodyProperty("steps", JsonValue.from(2))
                .putAdditionalBodyProperty("num_frames", JsonValue.from(5))
                .putAdditionalBodyProperty("seed", JsonValue.from(7));
    }

    private static Video completed(OpenAIClient client, VideoCreateParams params) {
        var video = client.videos().create(params);
        return eventually(() -> client.videos().retrieve(video.id()),
                v -> !v.status().equals(Video.Status.QUEUED) && !v.status().equals(Video.Status.IN_PROGRESS));
    }

    private byte[] content(String id, String... variant) {
        var params = VideoDownloadContentParams.builder().videoId(id);
        if (variant.length > 0) {
            params.variant(VideoDownloadContentParams.Variant.of(variant[0]));
        }
        try (var response = client.videos().downloadContent(params.build())) {
            return response.body().readAllBytes();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    // ---------------------------------------------------------------- create, retrieve, content

    /// A program that was written for OpenAI asks for its model, its sizes and its lengths.
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aProgramWrittenForOpenAiWorksUnchanged(boolean validates) {
        var their = served.client(validates);
        try {
            var video = completed(their, create("a paper boat").model("sora-2").size(VideoSize._1280X720)
                    .seconds(VideoSeconds._4).build());
            if (validates) {
                video.validate();
            }
            assertThat(video.status()).isEqualTo(Video.Status.COMPLETED);
            assertThat(video.model().asString()).isEqualTo("sora-2");
            assertThat(video.size()).isEqualTo(VideoSize._1280X720);
            assertThat(video.seconds()).isEqualTo(VideoSeconds._4);
            assertThat(video.progress()).isEqualTo(100);
            assertThat(video.completedAt()).isPresent();
            assertThat(video.error()).isEmpty();
            assertThat(number(video, "width") > number(video, "height")).isTrue();
            assertThat(String.valueOf(video._additionalProperties().get("notices")))
                    .contains("1280x720 was asked for");
        } finally {
            their.close();
        }
    }

    /// A client that is told to checks every answer against what OpenAI documents, to the last field. It knows of no length but
    /// those of OpenAI, so that no extension is among these.
    @Test
    void noAnswerIsStrangeToAClientThatChecks() throws IOException {
        try (var alone = Served.start(folder.resolve("checked"), settings -> settings)) {
            var their = alone.client(true);
            try {
                var made = completed(their, create("a paper boat").model("sora-2").size(VideoSize._1280X720)
                        .seconds(VideoSeconds._4).build());
                var file = folder.resolve("boat.mp4");
                try (var response = their.videos().downloadContent(made.id())) {
                    Files.copy(response.body(), file);
                }
                var remix = their.videos().remix(VideoRemixParams.builder().videoId(made.id()).prompt("a blue boat").build());
                var edit = their.videos().edit(VideoEditParams.builder().prompt("a red boat").video(
                        VideoEditParams.Video.VideoReferenceInputParam.builder().id(made.id()).build())
                        .putAdditionalBodyProperty("steps", JsonValue.from(2)).build());
                for (var one : List.of(remix, edit)) {
                    eventually(() -> their.videos().retrieve(one.id()), video -> video.completedAt().isPresent());
                }
                assertThat(their.videos().list().items()).extracting(Video::id).containsExactly(edit.id(), remix.id(),
                        made.id());
                assertThat(their.videos().delete(edit.id()).deleted()).isTrue();
                var character = their.videos().createCharacter(VideoCreateCharacterParams.builder().name("boat").video(file)
                        .build());
                assertThat(their.videos().getCharacter(character.id().orElseThrow()).name()).contains("boat");
            } finally {
                their.close();
            }
        }
    }

    private static int number(Video video, String field) {
        var value = Objects.requireNonNull(video._additionalProperties().get(field), field);
        return ((Number) value.asNumber().orElseThrow()).intValue();
    }

    @Test
    void ourSettingsTravelAsExtraFields() throws IOException {
        assertThat(number(finished, "steps")).isEqualTo(2);
        assertThat(number(finished, "num_frames")).isEqualTo(5);
        assertThat(number(finished, "seed")).isEqualTo(7);
        assertThat(finished.model().asString()).isEqualTo("mini");
        var file = Files.write(folder.resolve("made.mp4"), content(finished.id()));
        var info = MediaFile.inspect(file);
        assertThat(info.frameCount()).isEqualTo(5);
        assertThat(info.width()).isEqualTo(number(finished, "width"));
        assertThat(info.comment().orElseThrow()).contains("a red circle moves right").contains("\"seed\" : 7");
    }

    @Test
    void theSameSeedMakesTheSameVideo() {
        var again = completed(client, create("a red circle moves right").build());
        assertThat(again.id()).isNotEqualTo(finished.id());
        assertThat(content(again.id())).isEqualTo(content(finished.id()));
    }

    /// A model in eight bits is another model: neither's weights take the place of the other's.
    @Test
    void aSpeedIsPartOfTheJobAndItsRecipe() throws IOException {
        var eight = completed(client, create("a red circle moves right")
                .putAdditionalBodyProperty("speed", JsonValue.from("int8")).build());
        assertThat(eight.error()).isEmpty();
        assertThat(String.valueOf(eight._additionalProperties().get("speed"))).isEqualTo("int8");
        var file = Files.write(folder.resolve("eight.mp4"), content(eight.id()));
        assertThat(MediaFile.inspect(file).comment().orElseThrow()).contains("int8 matrices");
        assertThat(content(eight.id())).isNotEqualTo(content(finished.id()));
        var lossless = completed(client, create("a red circle moves right").build());
        assertThat(String.valueOf(lossless._additionalProperties().get("speed"))).isEqualTo("lossless");
        assertThat(content(lossless.id())).isEqualTo(content(finished.id()));
    }

    @Test
    void speedsThatDoNotGoTogetherAreRefused() {
        Map.of("fast", "there are lossless", "cached,broadcast", "give one", "lossless,int8", "leave out int8")
                .forEach((speed, words) -> refused(words, () -> client.videos().create(create("a boat")
                        .putAdditionalBodyProperty("speed", JsonValue.from(speed)).build())));
        refused("add cached", () -> client.videos().create(create("a boat")
                .putAdditionalBodyProperty("reuse_threshold", JsonValue.from(0.1)).build()));
        refused("a threshold of -1.0", () -> client.videos().create(create("a boat")
                .putAdditionalBodyProperty("reuse_threshold", JsonValue.from(-1))
                .putAdditionalBodyProperty("speed", JsonValue.from("cached")).build()));
    }

    @Test
    void aVideoHasAThumbnailAndASpritesheet() throws IOException {
        var thumbnail = Files.write(folder.resolve("thumbnail.webp"), content(finished.id(), "thumbnail"));
        var sheet = Files.write(folder.resolve("sheet.jpg"), content(finished.id(), "spritesheet"));
        assertThat(VideoReader.read(thumbnail).count()).isEqualTo(1);
        assertThat(VideoReader.read(sheet).width()).isEqualTo(5 * number(finished, "width"));
        refused("variant", () -> content(finished.id(), "trailer"));
        assertThat(served.get("/v1/videos/%s/content?variant=source".formatted(finished.id())).body())
                .contains("was not made from a video");
        var poster = VideoReader.read(Files.write(folder.resolve("poster.webp"), content(finished.id(), "poster")));
        var first = VideoReader.read(Files.write(folder.resolve("first.mp4"), content(finished.id()))).images().getFirst();
        var difference = IntStream.range(0, first.length).map(i -> Math.abs((poster.images().getFirst()[i] & 255)
                - (first[i] & 255))).average().orElseThrow();
        assertThat(difference).as("the poster is the first frame").isLessThan(8);
    }

    @Test
    void aPlayerReadsARange() {
        var whole = content(finished.id());
        var path = "/v1/videos/%s/content".formatted(finished.id());
        assertRange(path, "bytes=100-199", 206, "bytes 100-199/" + whole.length, 100);
        assertRange(path, "bytes=-50", 206, "bytes %d-%d/%d".formatted(whole.length - 50, whole.length - 1,
                whole.length), 50);
        assertRange(path, "bytes=10-", 206, "bytes 10-%d/%d".formatted(whole.length - 1, whole.length),
                whole.length - 10);
        assertRange(path, "bytes=0-99999999", 206, "bytes 0-%d/%d".formatted(whole.length - 1, whole.length),
                whole.length);
        assertRange(path, "bytes=99999999-", 416, "bytes */" + whole.length, 0);
        assertRange(path, "bytes=0-1,5-9", 200, "", whole.length);
        assertRange(path, "bytes=9-3", 200, "", whole.length);
        var head = served.send("HEAD", path, "");
        assertThat(head.statusCode()).isEqualTo(200);
        assertThat(head.headers().firstValueAsLong("content-length")).hasValue(whole.length);
        assertThat(head.headers().firstValue("content-type")).contains("video/mp4");
    }

    private void assertRange(String path, String range, int status, String said, int bytes) {
        var response = served.bytes(path, "Range", range);
        assertThat(response.statusCode()).as(range).isEqualTo(status);
        assertThat(response.headers().firstValue("content-range").orElse("")).as(range).isEqualTo(said);
        assertThat(response.body()).as(range).hasSize(bytes);
    }

    // ---------------------------------------------------------------- list, delete

    @Test
    void pagesEndOnAnEmptyOne() {
        var ids = new HashSet<String>();
        for (var video : client.videos().list(VideoListParams.builder().limit(1).build()).autoPager()) {
            assertThat(ids.add(video.id())).as("listed once").isTrue();
        }
        assertThat(ids).contains(finished.id());
        var last = client.videos().list(VideoListParams.builder().limit(100).order(VideoListParams.Order.ASC).build());
        assertThat(last.items().getFirst().id()).isEqualTo(finished.id());
        var after = client.videos().list(VideoListParams.builder().limit(100).order(VideoListParams.Order.ASC)
                .after(last.items().getLast().id()).build());
        assertThat(after.items()).isEmpty();
        assertThat(after.hasNextPage()).isFalse();
        refused("limit", () -> client.videos().list(VideoListParams.builder().limit(0).build()));
        refused("after", () -> client.videos().list(VideoListParams.builder().after("video_none").build()));
    }

    @Test
    void theGalleryIsSearched() {
        assertThat(served.get("/v1/videos?search=RED%20circle").body()).contains(finished.id());
        assertThat(served.get("/v1/videos?search=100%25").body()).contains("\"data\":[]");
    }

    @Test
    void aDeletedVideoIsGone() {
        var video = completed(client, create("a short life").build());
        var answer = client.videos().delete(video.id());
        assertThat(answer.id()).isEqualTo(video.id());
        assertThat(answer.deleted()).isTrue();
        assertThat(answer._object_().asStringOrThrow()).isEqualTo("video.deleted");
        Served.gone(folder.resolve("data/videos").resolve(video.id()));
        assertThat(catchThrowableOfType(NotFoundException.class, () -> client.videos().retrieve(video.id())))
                .isNotNull();
        assertThat(catchThrowableOfType(NotFoundException.class, () -> client.videos().delete(video.id())))
                .hasMessageContaining("there is no video");
    }

    // ---------------------------------------------------------------- remix, edits, extensions

    @Test
    void aRemixStartsFromTheVideo() {
        var remix = client.videos().remix(VideoRemixParams.builder().videoId(finished.id())
                .prompt("a blue circle moves right").build());
        assertThat(remix.remixedFromVideoId()).contains(finished.id());
        var done = eventually(() -> client.videos().retrieve(remix.id()), v -> v.completedAt().isPresent());
        assertThat(done.status()).isEqualTo(Video.Status.COMPLETED);
        assertThat(done.prompt()).contains("a blue circle moves right");
        assertThat(content(done.id())).isNotEqualTo(content(finished.id()));
    }

    private VideoEditParams.Builder edit(String words) {
        return VideoEditParams.builder().prompt(words)
                .video(VideoEditParams.Video.VideoReferenceInputParam.builder().id(finished.id()).build())
                .putAdditionalBodyProperty("steps", JsonValue.from(2))
                .putAdditionalBodyProperty("seed", JsonValue.from(7));
    }

    @Test
    void anEditKeepsSizeLengthAndRate() throws IOException {
        var asked = client.videos().edit(edit("a blue circle moves right").build());
        assertThat(asked.remixedFromVideoId()).contains(finished.id());
        var done = eventually(() -> client.videos().retrieve(asked.id()), v -> v.completedAt().isPresent());
        assertThat(done.error()).isEmpty();
        assertThat(String.valueOf(done._additionalProperties().get("source_prompt")))
                .isEqualTo("a red circle moves right");
        var before = VideoReader.read(Files.write(folder.resolve("before.mp4"), content(finished.id())));
        var after = VideoReader.read(Files.write(folder.resolve("after.mp4"), content(done.id())));
        assertThat(List.of(after.width(), after.height(), after.count(), after.fps()))
                .isEqualTo(List.of(before.width(), before.height(), before.count(), before.fps()));
        assertThat(MediaFile.inspect(folder.resolve("after.mp4")).comment().orElseThrow())
                .contains("FlowEdit", "sourceScale=1.0, targetScale=2.0");
        refused("there is no method \"magic\"", () -> client.videos().edit(edit("a blue circle")
                .putAdditionalBodyProperty("method", JsonValue.from("magic")).build()));
        refused("a guidance scale of 0.5; give 1", () -> client.videos().edit(edit("a blue circle")
                .putAdditionalBodyProperty("guidance_scale", JsonValue.from(0.5)).build()));
    }

    /// What follows one path through the noise can take over what it computed a step before; any method has a network in
    /// eight bits.
    @Test
    void anEditTakesTheSpeedsOfItsMethod() throws IOException {
        var asked = client.videos().edit(edit("a blue circle moves right")
                .putAdditionalBodyProperty("method", JsonValue.from("sdedit"))
                .putAdditionalBodyProperty("steps", JsonValue.from(8))
                .putAdditionalBodyProperty("speed", JsonValue.from("cached,int8"))
                .putAdditionalBodyProperty("reuse_threshold", JsonValue.from(100)).build());
        assertThat(String.valueOf(asked._additionalProperties().get("speed"))).isEqualTo("cached,int8");
        var done = eventually(() -> client.videos().retrieve(asked.id()), v -> v.completedAt().isPresent());
        assertThat(done.error()).isEmpty();
        assertThat(String.valueOf(done._additionalProperties().get("notices"))).contains("reused 36 of 60 blocks");
        var file = Files.write(folder.resolve("faster.mp4"), content(done.id()));
        assertThat(MediaFile.inspect(file).comment().orElseThrow()).contains("Stack[threshold=Optional[100.0]]",
                "int8 matrices");
        refused("cached and broadcast go with sdedit, lossless and int8 with every method", () -> client.videos().edit(
                edit("a blue circle").putAdditionalBodyProperty("speed", JsonValue.from("broadcast")).build()));
        refused("a threshold of -1.0", () -> client.videos().edit(edit("a blue circle")
                .putAdditionalBodyProperty("method", JsonValue.from("sdedit"))
                .putAdditionalBodyProperty("speed", JsonValue.from("cached"))
                .putAdditionalBodyProperty("reuse_threshold", JsonValue.from(-1)).build()));
    }

    /// Where the mask is black nothing changes but what the codec of the file makes of it.
    @Test
    void anEditStaysWithinItsMask() throws IOException, InterruptedException {
        var black = Pictures.png(Frames.paint(64, 64, 8, 1, (_, _, _) -> 0));
        var id = uploaded(black);
        var done = eventually(() -> client.videos().retrieve(id), v -> v.completedAt().isPresent());
        assertThat(done.error()).isEmpty();
        var before = VideoReader.read(Files.write(folder.resolve("kept.mp4"), content(finished.id())));
        var after = VideoReader.read(Files.write(folder.resolve("masked.mp4"), content(id)));
        for (var f = 0; f < before.count(); f++) {
            for (var at = 0; at < before.images().get(f).length; at++) {
                assertThat((after.images().get(f)[at] & 255) - (before.images().get(f)[at] & 255)).isBetween(-24, 24);
            }
        }
    }

    private String uploaded(byte[] mask) throws IOException, InterruptedException {
        var form = new ByteArrayOutputStream();
        for (var field : Map.of("prompt", "a blue circle moves right", "video[id]", finished.id(), "steps", "2")
                .entrySet()) {
            form.writeBytes("--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n".formatted(field.getKey(),
                    field.getValue()).getBytes(StandardCharsets.UTF_8));
        }
        form.writeBytes("--b\r\nContent-Disposition: form-data; name=\"mask\"; filename=\"mask.png\"\r\n\r\n"
                .getBytes(StandardCharsets.UTF_8));
        form.writeBytes(mask);
        form.writeBytes("\r\n--b--\r\n".getBytes(StandardCharsets.UTF_8));
        try (var http = HttpClient.newHttpClient()) {
            var answer = http.send(HttpRequest.newBuilder(URI.create(served.address() + "/v1/videos/edits"))
                    .header("Content-Type", "multipart/form-data; boundary=b")
                    .POST(HttpRequest.BodyPublishers.ofByteArray(form.toByteArray())).build(),
                    HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            return new JsonMapper().readTree(answer.body()).path("id").asText();
        }
    }

    @Test
    void whatNoInstalledModelCanDoIsSaid() {
        refused("extending a video takes a model that starts from a picture", () -> client.videos().extend(
                VideoExtendParams.builder().prompt("on and on").seconds(VideoSeconds._4)
                        .video(VideoExtendParams.Video.VideoReferenceInputParam.builder().id(finished.id()).build())
                        .build()));
        refused("neither the id of a video nor a data URL", () -> client.videos().edit(
                VideoEditParams.builder().prompt("make it blue").video(new byte[] {1, 2, 3}).build()));
        refused("none that is installed here does. Fetch one (zoetrope pull", () -> client.videos().create(create("Ada")
                .putAdditionalBodyProperty("characters", JsonValue.from(List.of(Map.of("id", "char_1")))).build()));
    }

    @Test
    void aPictureIsRefusedByAModelThatTakesNone() {
        var picture = Pictures.png(Frames.paint(16, 16, 8, 1, (_, x, y) -> x * 16 << 8 | y));
        refused("does not start from a picture", () -> client.videos().create(create("a boat")
                .inputReference(picture).build()));
        refused("does not start from a picture", () -> client.videos().create(create("a boat")
                .inputReference(ImageInputReferenceParam.builder().imageUrl("data:image/png;base64,"
                        + Base64.getEncoder().encodeToString(picture)).build()).build()));
        refused("zoetrope serve --fetch-urls", () -> client.videos().create(create("a boat")
                .inputReference(ImageInputReferenceParam.builder().imageUrl("http://127.0.0.1/a.png").build())
                .build()));
        refused("there is no files service", () -> client.videos().create(create("a boat")
                .inputReference(ImageInputReferenceParam.builder().fileId("file_1").build()).build()));
        refused("input_reference", () -> client.videos().create(create("a boat")
                .inputReference("no picture".getBytes(StandardCharsets.UTF_8)).build()));
    }

    // ---------------------------------------------------------------- errors

    private static void refused(String words, Callable<?> call) {
        var e = catchThrowableOfType(BadRequestException.class, call::call);
        assertThat(e).as("refused with \"%s\"", words).isNotNull();
        assertThat(e.type()).contains("invalid_request_error");
        assertThat(e.code()).isPresent();
        assertThat(e.getMessage() + e.param()).contains(words);
    }

    @Test
    void everythingThatIsWrongIsSaidAtOnce() {
        var e = catchThrowableOfType(BadRequestException.class, () -> client.videos().create(VideoCreateParams.builder()
                .prompt("a boat").size(VideoSize.of("33x33"))
                .putAllAdditionalBodyProperties(Map.of("steps", JsonValue.from(0), "num_frames", JsonValue.from(6)))
                .build()));
        assertThat(e).hasMessageContaining("33 x 33 pixels").hasMessageContaining("0 steps")
                .hasMessageContaining("6 frames");
        refused("model", () -> client.videos().create(create("a boat").model("gpt-4").build()));
        refused("negativ_prompt", () -> client.videos().create(create("a boat")
                .putAdditionalBodyProperty("negativ_prompt", JsonValue.from("night")).build()));
        refused("seed", () -> client.videos().create(create("a boat")
                .putAdditionalBodyProperty("seed", JsonValue.from("seven")).build()));
        refused("prompt", () -> client.videos().create(create("").build()));
        refused("at most 10000", () -> client.videos().create(create("boat ".repeat(3000)).build()));
    }

    /// 409 would be repeated by clients, again and again.
    @Test
    void theContentOfAnUnfinishedJobIsRefusedForGood() {
        var video = client.videos().create(create("a long wait").putAdditionalBodyProperty("steps", JsonValue.from(900))
                .build());
        refused("ask again when it is completed", () -> content(video.id()));
        assertThat(served.post("/v1/videos/%s/cancel".formatted(video.id()), "").statusCode()).isEqualTo(200);
        var ended = eventually(() -> client.videos().retrieve(video.id()), v -> v.completedAt().isPresent());
        assertThat(ended.status()).isEqualTo(Video.Status.FAILED);
        assertThat(ended.error().orElseThrow().code()).isEqualTo("cancelled");
        refused("failed, so there is no video", () -> content(video.id()));
    }

    @Test
    void anUnknownVideoIsNotFound() {
        for (var id : List.of("video_00000000000000000000000000000000", "..%2F..%2Fkeys", "x")) {
            OpenAIServiceException e = catchThrowableOfType(NotFoundException.class, () -> content(id));
            assertThat(e).as(id).isNotNull();
        }
        assertThat(served.get("/v1/videos/..%2Fx").body()).contains("\"error\"");
        assertThat(served.get("/nowhere").statusCode()).isEqualTo(404);
        assertThat(served.get("/nowhere").body()).contains("\"type\":\"invalid_request_error\"");
    }

    // ---------------------------------------------------------------- repeating

    @Test
    void aRequestOfOneNameMakesOneJob() {
        var named = create("once").putAdditionalHeader("Idempotency-Key", "a-boat").build();
        assertThat(client.videos().create(named).id()).isEqualTo(client.videos().create(named).id());
        refused("belongs to another request", () -> client.videos().create(create("twice")
                .putAdditionalHeader("Idempotency-Key", "a-boat").build()));
    }

    /// The connection breaks behind the request and before the answer; the client repeats itself.
    @Test
    void aRetriedPostMakesOneJob() throws IOException {
        try (var line = new BrokenLine(served.address())) {
            var theirs = OpenAIOkHttpClient.builder().apiKey("none").baseUrl(line.address() + "/v1").maxRetries(2)
                    .build();
            var video = theirs.videos().create(create("retried after a broken line").build());
            assertThat(line.broken()).isEqualTo(1);
            var found = served.get("/v1/videos?search=broken%20line").body();
            assertThat(found.split("\"object\":\"video\"", -1)).hasSize(2);
            assertThat(found).contains(video.id());
            theirs.close();
        }
    }
}
