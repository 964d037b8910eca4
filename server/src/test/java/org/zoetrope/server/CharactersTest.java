package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.zoetrope.server.Served.eventually;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.errors.BadRequestException;
import com.openai.errors.InternalServerException;
import com.openai.errors.NotFoundException;
import com.openai.errors.OpenAIIoException;
import com.openai.models.videos.Video;
import com.openai.models.videos.VideoCreateCharacterParams;
import com.openai.models.videos.VideoCreateCharacterResponse;
import com.openai.models.videos.VideoCreateParams;
import com.openai.models.videos.VideoDownloadContentParams;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.media.Frames;
import org.zoetrope.media.VideoReader;
import org.zoetrope.media.VideoWriter;

/// Characters as OpenAI's own Java client sees them: kept, looked at, given to later videos, forgotten.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CharactersTest {
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir static Path folder;

    private final List<OpenAIClient> clients = new ArrayList<>();
    private List<ServerSettings.Installed> models;
    private Served served;
    private OpenAIClient client;
    private Path clip;

    @BeforeAll
    void start() throws IOException {
        models = List.of(new ServerSettings.Installed("mini", Served.bundled()), new ServerSettings.Installed("alive",
                PictureModel.write(Files.createDirectory(folder.resolve("model")))));
        clip = folder.resolve("ada.mp4");
        VideoWriter.write(Frames.paint(96, 80, 10, 7, (f, x, y) -> x < 12 * f + 12 ? 0xd02020 : 0x102030 + y), clip);
        served = served("data", settings -> settings);
        client = client(served.address(), "none");
    }

    @AfterAll
    void stop() {
        clients.forEach(OpenAIClient::close);
        served.close();
    }

    private Served served(String name, UnaryOperator<ServerSettings> settings) {
        return Served.start(folder.resolve(name), usual -> settings.apply(ServerSettings.of(usual.data(), models)
                .address("127.0.0.1", 0)));
    }

    private VideoCreateCharacterParams.Builder character(String name) {
        return VideoCreateCharacterParams.builder().name(name).video(clip);
    }

    private static String id(VideoCreateCharacterResponse made) {
        return made.id().orElseThrow();
    }

    private static VideoCreateParams.Builder video(String model, Object characters) {
        return VideoCreateParams.builder().prompt("Ada looks up").model(model)
                .putAdditionalBodyProperty("characters", JsonValue.from(characters))
                .putAdditionalBodyProperty("num_frames", JsonValue.from(5))
                .putAdditionalBodyProperty("steps", JsonValue.from(1))
                .putAdditionalBodyProperty("seed", JsonValue.from(7));
    }

    private static List<Path> files(String name) {
        var of = folder.resolve(name);
        if (!Files.isDirectory(of)) {
            return List.of();
        }
        try (var files = Files.list(of)) {
            return files.sorted().toList();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    // ---------------------------------------------------------------- keeping

    @Test
    void aCharacterIsKept() throws IOException {
        var made = client.videos().createCharacter(character("Ada, Gräfin").build()).validate();
        assertThat(id(made)).matches("char_[0-9a-f]{32}");
        assertThat(made.name()).contains("Ada, Gräfin");
        assertThat(made.createdAt()).isBetween(Instant.now().getEpochSecond() - 60, Instant.now().getEpochSecond());
        assertThat(made._additionalProperties()).isEmpty();
        var found = client.videos().getCharacter(id(made)).validate();
        assertThat(found._allProperties()).isEqualTo(made._allProperties());
        var kept = folder.resolve("data/characters").resolve(id(made));
        assertThat(kept.resolve("upload.mp4")).hasSameBinaryContentAs(clip);
        assertThat(Files.list(kept)).as("whole files alone").hasSize(2);
        assertThat(files("data/uploads")).isEmpty();
    }

    @Test
    void aCharacterOutlivesItsServer() throws IOException {
        String id;
        try (var first = served("twice", settings -> settings.workers(0))) {
            id = id(client(first.address(), "none").videos().createCharacter(character("Ada").build()));
        }
        try (var second = served("twice", settings -> settings.workers(0))) {
            var its = client(second.address(), "none");
            assertThat(its.videos().getCharacter(id).name()).contains("Ada");
            var asked = its.videos().create(video("alive", List.of(Map.of("id", id))).build());
            assertThat(Files.readAllBytes(folder.resolve("twice/videos").resolve(asked.id()).resolve("input")))
                    .isEqualTo(firstFrame());
        }
    }

    /// The API of OpenAI has no way to, so that this one is ours.
    @Test
    void aCharacterIsForgottenWithItsFiles() throws IOException {
        var id = id(client.videos().createCharacter(character("Ada").build()));
        var answer = served.send("DELETE", "/v1/videos/characters/" + id, "");
        assertThat(JSON.readTree(answer.body())).isEqualTo(JSON.readTree(
                "{\"id\": \"%s\", \"object\": \"character.deleted\", \"deleted\": true}".formatted(id)));
        assertThat(folder.resolve("data/characters").resolve(id)).doesNotExist();
        assertThat(served.send("DELETE", "/v1/videos/characters/" + id, "").statusCode()).isEqualTo(404);
        unknown(() -> client.videos().getCharacter(id));
    }

    @Test
    void anUnknownCharacterIsNotFound() {
        for (var id : List.of("char_00000000000000000000000000000000", "..%2F..%2Fkeys", "x")) {
            unknown(() -> client.videos().getCharacter(id));
        }
    }

    private static void unknown(Callable<?> call) {
        var e = catchThrowableOfType(NotFoundException.class, call::call);
        assertThat(e).hasMessageContaining("there is no character \"");
        assertThat(e.type()).contains("invalid_request_error");
        assertThat(e.code()).contains("not_found");
    }

    @Test
    void aKeyHasItsOwnCharacters() {
        var data = folder.resolve("keyed");
        String ada = Keys.add(data, "ada"), bob = Keys.add(data, "bob");
        try (var keyed = served("keyed", settings -> settings.workers(0).characters(1))) {
            OpenAIClient hers = client(keyed.address(), ada), his = client(keyed.address(), bob);
            var id = id(hers.videos().createCharacter(character("Ada").build()));
            assertThat(hers.videos().getCharacter(id).name()).contains("Ada");
            unknown(() -> his.videos().getCharacter(id));
            unknown(() -> his.videos().create(video("alive", List.of(Map.of("id", id))).build()));
            assertThat(delete(keyed, id, bob).statusCode()).isEqualTo(404);
            id(his.videos().createCharacter(character("Ada").build())); // hers do not count as his
        }
    }

    private OpenAIClient client(String address, String key) {
        clients.add(OpenAIOkHttpClient.builder().apiKey(key).baseUrl(address + "/v1").maxRetries(2)
                .build());
        return clients.getLast();
    }

    private static HttpResponse<String> delete(Served from, String id, String key) {
        return from.send("DELETE", "/v1/videos/characters/" + id, "", "Authorization", "Bearer " + key);
    }

    @Test
    void aKeyKeepsOnlySoMany() {
        try (var small = served("small", settings -> settings.workers(0).characters(1))) {
            var its = client(small.address(), "none");
            var id = id(its.videos().createCharacter(character("Ada").build()));
            refused("too_many_characters", "as many as one key may keep here; delete one (DELETE "
                    + "/v1/videos/characters/ID), such as " + id,
                    () -> its.videos().createCharacter(character("Bob").build()));
            assertThat(files("small/characters")).hasSize(1);
            assertThat(small.send("DELETE", "/v1/videos/characters/" + id, "").statusCode()).isEqualTo(200);
            id(its.videos().createCharacter(character("Bob").build()));
        }
    }

    /// Both are looked at while there is room for one.
    @Test
    void ofTwoAtOnceTheLastPlaceTakesOne() throws InterruptedException {
        try (var small = served("rush", settings -> settings.workers(0).characters(1));
                var clients = Executors.newVirtualThreadPerTaskExecutor()) {
            var its = client(small.address(), "none").videos();
            var answers = clients.invokeAll(Stream.of("Ada", "Bob").<Callable<VideoCreateCharacterResponse>>map(
                    name -> () -> its.createCharacter(character(name).build())).toList());
            assertThat(answers).extracting(Future::state).containsExactlyInAnyOrder(Future.State.SUCCESS,
                    Future.State.FAILED);
            assertThat(files("rush/characters")).hasSize(1);
        }
    }

    // ---------------------------------------------------------------- what a killed server leaves

    private Path left(String name, String id, String... files) throws IOException {
        var left = Files.createDirectories(folder.resolve(name).resolve("characters").resolve(id));
        for (var file : files) {
            Files.createFile(left.resolve(file));
        }
        return left;
    }

    private static void age(Path folder) throws IOException {
        Files.setLastModifiedTime(folder, FileTime.from(Instant.now().minus(Duration.ofMinutes(61))));
    }

    private static String charOf(int number) {
        return "char_%032x".formatted(number);
    }

    /// A row that cannot be written leaves what a server leaves that is killed before it writes one.
    @Test
    void aFolderWithoutARowIsDeletedAnHourLater() throws IOException {
        String id;
        Path orphan;
        try (var first = served("killed", settings -> settings.workers(0)); var rows = Database.open(folder.resolve(
                "killed"), Optional.empty())) {
            var its = client(first.address(), "none").videos();
            id = id(its.createCharacter(character("Ada").build()));
            rows.update("alter table video_character add constraint nobody check (name = 'Ada')");
            assertThatThrownBy(() -> its.createCharacter(character("Bob").build())).isInstanceOf(
                    InternalServerException.class);
            rows.update("alter table video_character drop constraint nobody");
            orphan = files("killed/characters").stream().filter(one -> !one.endsWith(id)).findFirst().orElseThrow();
            for (var one : files("killed/characters")) {
                age(one);
            }
        }
        var young = left("killed", charOf(1), ".unrecorded", "first.png");
        try (var next = served("killed", settings -> settings.workers(0))) {
            assertThat(orphan).doesNotExist();
            assertThat(young).exists();
            assertThat(client(next.address(), "none").videos().getCharacter(id).name()).contains("Ada");
            assertThat(folder.resolve("killed/characters").resolve(id)).isDirectoryContaining("glob:**first.png");
        }
    }

    /// A row that cannot be deleted leaves what a server leaves that is killed before it deletes it.
    @Test
    void aCharacterThatWasBeingForgottenIsThereAsLongAsItsRow() throws IOException {
        try (var first = served("forgetful", settings -> settings.workers(0)); var rows = Database.open(folder.resolve(
                "forgetful"), Optional.empty())) {
            rows.update("create table held (id varchar(64) references video_character (id))");
            for (var id : List.of(charOf(1), charOf(2))) {
                rows.update("insert into video_character values (?, 'local', 'Ada', 1, 'f', null)", id);
                rows.update("insert into held values (?)", id);
                var its = left("forgetful", id, "first.png");
                assertThat(first.send("DELETE", "/v1/videos/characters/" + id, "").statusCode()).isEqualTo(500);
                age(its);
            }
            rows.update("drop table held");
            rows.update("delete from video_character where id = ?", charOf(2));
        }
        var empty = left("forgetful", charOf(3)); // killed when it had just begun to keep one
        var strange = left("forgetful", charOf(4), "first.png"); // whose row is in another database
        age(empty);
        age(strange);
        try (var next = served("forgetful", settings -> settings.workers(0))) {
            assertThat(files("forgetful/characters")).extracting(one -> one.getFileName().toString()).containsExactly(
                    charOf(1), charOf(4));
            assertThat(files("forgetful/characters/" + charOf(1))).as("it is whole again").hasSize(1);
            assertThat(next.get("/v1/videos/characters/" + charOf(1)).statusCode()).isEqualTo(200);
        }
    }

    @Test
    void withoutItsDatabaseAServerDeletesNothing() throws IOException {
        var settings = Served.settings(folder.resolve("alone"));
        var rows = Database.open(settings.data(), Optional.empty());
        var characters = new Characters(settings, rows, new UploadDecoder(settings));
        age(left("alone", charOf(1), ".unrecorded"));
        rows.close();
        characters.tidy();
        assertThat(files("alone/characters")).hasSize(1);
    }

    // ---------------------------------------------------------------- repeating

    /// As clients mark what they send again.
    private VideoCreateCharacterParams again(String name) {
        return character(name).putAdditionalHeader("X-Stainless-Retry-Count", "1").build();
    }

    /// The connection breaks behind the request and before the answer. This client does not send streams again by itself.
    @Test
    void aRetriedPostKeepsOne() throws IOException {
        var before = files("data/characters").size();
        try (var line = new BrokenLine(served.address())) {
            var theirs = client(line.address(), "none").videos();
            assertThatThrownBy(() -> theirs.createCharacter(character("retried after a broken line").build()))
                    .isInstanceOf(OpenAIIoException.class);
            assertThat(line.broken()).isEqualTo(1);
            var made = theirs.createCharacter(again("retried after a broken line"));
            assertThat(files("data/characters")).hasSize(before + 1).anyMatch(kept -> kept.endsWith(id(made)));
            assertThat(id(theirs.createCharacter(character("retried after a broken line").build())))
                    .as("one that is not a retry is another").isNotEqualTo(id(made));
        }
    }

    /// Its first try is still being looked at, and nothing of it is recorded yet.
    @Test
    void aRetryDoesNotOvertakeItsFirstTry() throws Exception {
        var before = files("data/characters").size();
        try (var other = Executors.newVirtualThreadPerTaskExecutor()) {
            var first = other.submit(() -> client.videos().createCharacter(character("hasty").build()));
            eventually(() -> files("data/uploads"), found -> !found.isEmpty());
            var again = client.videos().createCharacter(again("hasty"));
            assertThat(id(again)).isEqualTo(id(first.get()));
        }
        assertThat(files("data/characters")).hasSize(before + 1);
    }

    @Test
    void aRequestOfOneNameKeepsOne() {
        assertThat(id(client.videos().createCharacter(named("once")))).isEqualTo(id(client.videos().createCharacter(
                named("once"))));
        refused("idempotency_key_reused", "belongs to another request", () -> client.videos().createCharacter(
                named("twice")));
    }

    private VideoCreateCharacterParams named(String name) {
        return character(name).putAdditionalHeader("Idempotency-Key", "ada").build();
    }

    // ---------------------------------------------------------------- giving

    private byte[] firstFrame() {
        return Pictures.png(VideoReader.read(clip).slice(0, 1));
    }

    /// Whoever forgets a character does not take it from the jobs that were asked for with it.
    @Test
    void aVideoBeginsWithItsCharacter() throws IOException {
        var id = id(client.videos().createCharacter(character("Ada").build()));
        var asked = client.videos().create(video("alive", List.of(Map.of("id", id))).build());
        assertThat(served.send("DELETE", "/v1/videos/characters/" + id, "").statusCode()).isEqualTo(200);
        assertThat(String.valueOf(asked._additionalProperties().get("notices")))
                .contains("begins with the first frame of the character \"Ada\"");
        var picture = client.videos().create(video("alive", List.of()).inputReference(firstFrame()).build());
        assertThat(content(asked)).isEqualTo(content(picture));
    }

    private byte[] content(Video asked) throws IOException {
        var done = eventually(() -> client.videos().retrieve(asked.id()), v -> v.completedAt().isPresent());
        assertThat(done.error()).isEmpty();
        try (var response = client.videos().downloadContent(VideoDownloadContentParams.builder().videoId(asked.id())
                .build())) {
            return response.body().readAllBytes();
        }
    }

    @Test
    void formsAndObjectsSayTheSame() throws IOException {
        var id = id(client.videos().createCharacter(character("Ada").build()));
        var object = served.post("/v1/videos", ("{\"prompt\": \"Ada\", \"model\": \"alive\", \"num_frames\": 5, "
                + "\"steps\": 1, \"characters\": [{\"id\": \"%s\"}]}").formatted(id));
        var form = served.send("POST", "/v1/videos", "prompt=Ada&model=alive&num_frames=5&steps=1&characters[][id]="
                + id, "Content-Type", "application/x-www-form-urlencoded");
        for (var answer : List.of(object, form)) {
            assertThat(JSON.readTree(answer.body()).path("notices").path(0).asText()).as(answer.body())
                    .contains("the character \"Ada\"");
        }
    }

    @Test
    void whatCannotBeginWithACharacterIsRefused() {
        var id = id(client.videos().createCharacter(character("Ada").build()));
        var one = Map.of("id", id);
        var before = files("data/videos");
        refused("unsupported", "mini does not start from a picture, as a character takes: the first frame of its video is "
                + "the first frame of the new one; alive does", () -> create(video("mini", List.of(one))));
        refused("unsupported", "2 characters; give one", () -> create(video("alive", List.of(one, one))));
        refused("invalid_value", "a character and an input_reference were sent", () -> create(video("alive", List.of(
                one)).inputReference(firstFrame())));
        unknown(() -> create(video("alive", List.of(Map.of("id", "char_00000000000000000000000000000000")))));
        assertThat(files("data/videos")).isEqualTo(before);
    }

    private Video create(VideoCreateParams.Builder params) {
        return client.videos().create(params.build());
    }

    /// Nothing that names a character is without effect.
    @ParameterizedTest
    @ValueSource(strings = {"\"char_1\"", "{\"id\": \"char_1\"}", "[\"char_1\"]", "[{}]", "[null]", "[{\"id\": null}]",
            "[[]]", "[[{\"id\": \"char_1\"}]]", "[{\"id\": \"char_1\", \"strength\": 1}]", "[{\"id\": {\"id\": 1}}]"})
    void charactersAreAListOfIds(String characters) throws IOException {
        var answer = served.post("/v1/videos", "{\"prompt\": \"Ada\", \"model\": \"alive\", \"characters\": %s}"
                .formatted(characters));
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        var error = JSON.readTree(answer.body()).path("error");
        assertThat(error.path("code").asText()).isEqualTo("invalid_value");
        assertThat(error.path("param").asText()).startsWith("characters");
    }

    // ---------------------------------------------------------------- bad ones

    private static void refused(String code, String words, Callable<?> call) {
        var e = catchThrowableOfType(BadRequestException.class, call::call);
        assertThat(e).as("refused with \"%s\"", words).isNotNull();
        assertThat(e.type()).contains("invalid_request_error");
        assertThat(e.code()).contains(code);
        assertThat(e.getMessage()).contains(words);
    }

    @Test
    void whatIsNoVideoIsRefusedAtOnceAndLeavesNothing() throws IOException {
        var whole = Files.readAllBytes(clip);
        var before = files("data/characters");
        Map.of("letter.mp4", "a letter, not a video".getBytes(StandardCharsets.UTF_8),
                "list.m3u8", "#EXTM3U\nfile:///etc/passwd\n".getBytes(StandardCharsets.UTF_8),
                "picture.png", firstFrame(), "nothing.mp4", new byte[0]).forEach((name, content) -> refused(
                        "invalid_video", "no video of a kind that is read", () -> sent(name, content)));
        refused("invalid_video", "damaged or incomplete", () -> sent("cut.mp4", Arrays.copyOf(whole,
                whole.length * 2 / 3)));
        refused("invalid_video", "", () -> sent("short.gif", new byte[] {'G', 'I', 'F', '8', '9', 'a', -1}));
        assertThat(files("data/characters")).isEqualTo(before);
        assertThat(files("data/uploads")).isEmpty();
        assertThat(served.post("/v1/videos/characters", "{\"name\": \"Ada\"}").body()).contains(
                "\"param\":\"video\"", "missing");
    }

    private VideoCreateCharacterResponse sent(String name, byte[] content) throws IOException {
        var file = Files.write(folder.resolve(name), content);
        return client.videos().createCharacter(character("Ada").video(file).build());
    }

    @Test
    void aNameIsShort() {
        assertThat(client.videos().createCharacter(character("a".repeat(80)).build()).name()).isPresent();
        refused("string_above_max_length", "81 characters; a name has at most 80", () -> client.videos()
                .createCharacter(character("a".repeat(81)).build()));
        refused("missing_required_parameter", "\"name\" is missing", () -> client.videos().createCharacter(
                character(" ").build()));
        for (var odd : List.of("Ada\nBob", "Ada\0")) {
            refused("invalid_value", "a name is one line", () -> client.videos().createCharacter(character(odd).build()));
        }
        refused("unknown_parameter", "unknown \"likeness\"", () -> client.videos().createCharacter(character("Ada")
                .putAdditionalBodyProperty("likeness", JsonValue.from("Bob")).build()));
    }
}
