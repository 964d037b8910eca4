package org.zoetrope.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PullTest {
    private static final String NAME = "paper/boat";
    private static final byte[] WEIGHTS = new byte[300_000];

    static {
        new Random(7).nextBytes(WEIGHTS);
    }

    @TempDir Path temporary;
    private LocalHub hub;
    private Path folder;

    @BeforeEach
    void open() throws IOException {
        folder = temporary.resolve("boat");
        hub = new LocalHub(NAME).small("model_index.json", "{\"a\": 1}").small("empty.txt", "")
                .small("notes/with space & ünï.md", "# hello").large("transformer/weights.safetensors", WEIGHTS);
    }

    @AfterEach
    void close() {
        hub.close();
    }

    private Pull pull() {
        return Pull.of(NAME).endpoint(hub.address()).to(folder).retries(2, Duration.ofMillis(1));
    }

    @Test
    void aRepositoryArrivesWhole() throws IOException {
        var report = pull().run((_, _) -> {});
        assertThat(report.commit()).isEqualTo(LocalHub.COMMIT);
        assertThat(report.fetched()).hasSize(4);
        assertThat(folder.resolve("model_index.json")).hasContent("{\"a\": 1}");
        assertThat(folder.resolve("notes/with space & ünï.md")).hasContent("# hello");
        assertThat(folder.resolve("empty.txt")).isEmptyFile();
        assertThat(folder.resolve("transformer/weights.safetensors")).hasBinaryContent(WEIGHTS);
        assertThat(parts()).isEmpty();
    }

    @Test
    void filesThatAreWholeAreNotFetchedAgain() throws IOException {
        pull().run((_, _) -> {});
        Files.writeString(folder.resolve("model_index.json"), "{\"a\": 2}");
        hub.requests.clear();
        var report = pull().run((_, _) -> {});
        assertThat(report.kept()).hasSize(3);
        assertThat(report.fetched()).extracting(HubFile::path).containsExactly("model_index.json");
        assertThat(hub.requests).filteredOn(r -> r.contains("/resolve/")).hasSize(1);
        assertThat(folder.resolve("model_index.json")).hasContent("{\"a\": 1}");
    }

    @Test
    void aBrokenConnectionGoesOnWhereItStopped() {
        hub.breaking("transformer/weights.safetensors", 100_000);
        var seen = new ArrayList<Long>();
        pull().run((file, bytes) -> {
            if (file.path().endsWith("safetensors")) {
                seen.add(bytes);
            }
        });
        assertThat(folder.resolve("transformer/weights.safetensors")).hasBinaryContent(WEIGHTS);
        assertThat(hub.requests).anyMatch(request -> request.matches(".*weights.safetensors bytes=[1-9]\\d*-"));
        assertThat(seen).isSorted().endsWith(300_000L);
    }

    @Test
    void aPullThatGaveUpGoesOnInTheNextOne() throws IOException {
        hub.breaking("transformer/weights.safetensors", 100_000);
        assertThatThrownBy(() -> pull().retries(0, Duration.ZERO).run((_, _) -> {}))
                .isInstanceOf(HubException.class).hasMessageContaining("weights.safetensors")
                .hasMessageContaining("goes on where it stopped");
        assertThat(folder.resolve("transformer/weights.safetensors")).doesNotExist();
        assertThat(parts()).hasSize(1);
        hub.requests.clear();
        pull().run((_, _) -> {});
        assertThat(hub.requests).anyMatch(request -> request.contains(" bytes="));
        assertThat(folder.resolve("transformer/weights.safetensors")).hasBinaryContent(WEIGHTS);
        assertThat(parts()).isEmpty();
    }

    @Test
    void aServerWithoutRangesStartsAgain() {
        hub.withoutRanges().breaking("transformer/weights.safetensors", 100_000);
        pull().run((_, _) -> {});
        assertThat(folder.resolve("transformer/weights.safetensors")).hasBinaryContent(WEIGHTS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"transformer/weights.safetensors", "model_index.json"})
    void damagedBytesAreThrownAway(String path) throws IOException {
        var damaged = path.endsWith("json") ? "{\"a\": 7}".getBytes() : WEIGHTS.clone();
        damaged[5] ^= 1;
        hub.sending(path, damaged);
        assertThatThrownBy(() -> pull().run((_, _) -> {})).isInstanceOf(HubException.class)
                .hasMessageContaining(path).hasMessageContaining("arrived damaged");
        assertThat(folder.resolve(path)).doesNotExist();
        assertThat(parts()).isEmpty();
    }

    @Test
    void moreBytesThanListedAreNotTaken() {
        hub.sending("model_index.json", new byte[1000]);
        assertThatThrownBy(() -> pull().run((_, _) -> {})).hasMessageContaining("more than the 8 bytes it listed");
    }

    @Test
    void anUnknownRepositoryOrRevisionIsNamed() {
        assertThatThrownBy(() -> Pull.of("paper/plane").endpoint(hub.address()).to(folder).run((_, _) -> {}))
                .hasMessageContaining("paper/plane").hasMessageContaining("404");
        assertThatThrownBy(() -> pull().revision("v9").run((_, _) -> {}))
                .hasMessage("paper/boat has no revision \"v9\"");
        assertThat(folder).doesNotExist();
    }

    @Test
    void aClosedRepositoryAsksForAToken() {
        hub.requiring("secret");
        assertThatThrownBy(() -> pull().run((_, _) -> {})).hasMessageContaining("HF_TOKEN")
                .hasMessageContaining("none is set");
        assertThatThrownBy(() -> pull().token("wrong").run((_, _) -> {})).hasMessageContaining("not accepted");
        assertThat(pull().token("secret").run((_, _) -> {}).fetched()).hasSize(4);
    }

    @Test
    void theTokenStaysWithTheEndpoint() throws IOException {
        try (var mirror = new LocalHub(NAME)) {
            mirror.small("model_index.json", "{\"a\": 1}");
            hub.requiring("secret").redirectingTo(mirror.address());
            pull().token("secret").include(List.of("*.json")).run((_, _) -> {});
            assertThat(hub.requests).allMatch(request -> request.contains("Bearer secret"));
            assertThat(mirror.requests).hasSize(1).noneMatch(request -> request.contains("secret"));
        }
        assertThat(folder.resolve("model_index.json")).hasContent("{\"a\": 1}");
    }

    @Test
    void redirectsThatGoInACircleEnd() {
        hub.redirectingTo(hub.address());
        assertThatThrownBy(() -> pull().run((_, _) -> {})).hasMessageContaining("more than 10 redirects");
    }

    @Test
    void longListingsComeInPages() {
        hub.listingPagesOf(1);
        assertThat(pull().run((_, _) -> {}).fetched()).hasSize(4);
    }

    @ParameterizedTest
    @ValueSource(strings = {"../outside.txt", "/etc/passwd", "a/../../outside.txt", "a\\..\\b", "c:evil", "a//b",
            ".zoetrope-snapshot.json"})
    void namesThatLeaveTheFolderAreRefused(String path) {
        hub.small(path, "x");
        assertThatThrownBy(() -> pull().run((_, _) -> {})).isInstanceOf(HubException.class)
                .hasMessageContaining("no safe name");
        assertThat(folder).doesNotExist();
        assertThat(temporary.resolve("outside.txt")).doesNotExist();
    }

    @Test
    void aLinkInTheFolderIsNotFollowedOutOfIt() throws IOException {
        Files.createDirectories(folder);
        var outside = Files.createDirectory(temporary.resolve("outside"));
        Files.createSymbolicLink(folder.resolve("transformer"), outside);
        assertThatThrownBy(() -> pull().run((_, _) -> {})).hasMessageContaining("through a link");
        assertThat(outside).isEmptyDirectory();
    }

    @Test
    void picklesStayWhereTheyAre() {
        hub.large("text_encoder/pytorch_model.bin", WEIGHTS);
        assertThat(pull().run((_, _) -> {}).pickles()).extracting(HubFile::path)
                .containsExactly("text_encoder/pytorch_model.bin");
        assertThat(folder.resolve("text_encoder")).doesNotExist();
        assertThatThrownBy(() -> pull().include(List.of("*.bin")).run((_, _) -> {}))
                .hasMessageContaining("never fetched");
    }

    @Test
    void globsChooseFiles() {
        assertThat(pull().include(List.of("*.json", "transformer/*")).exclude(List.of("*.safetensors"))
                .run((_, _) -> {}).fetched()).extracting(HubFile::path).containsExactly("model_index.json");
        assertThatThrownBy(() -> pull().include(List.of("unet/*")).run((_, _) -> {}))
                .hasMessageContaining("no file that fits \"unet/*\"");
    }

    @Test
    void aPulledFolderIsCheckedWithoutANetwork() throws IOException {
        assertThatThrownBy(() -> pull().check()).hasMessageContaining("was not pulled yet");
        pull().run((_, _) -> {});
        hub.requests.clear();
        assertThat(pull().check().kept()).hasSize(4);
        Files.delete(folder.resolve("empty.txt"));
        Files.writeString(folder.resolve("model_index.json"), "{\"a\": 3}");
        assertThatThrownBy(() -> pull().check()).hasMessageContaining("empty.txt is missing")
                .hasMessageContaining("model_index.json differs");
        assertThat(hub.requests).isEmpty();
    }

    @Test
    void aServerThatIsNotThereIsNamed() {
        hub.close();
        assertThatThrownBy(() -> pull().run((_, _) -> {})).hasMessageContaining("cannot reach " + hub.address())
                .hasMessageContaining("tried 3 times");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a b", "../x", "a/b/c", "-x", "a/..b.."})
    void namesThatAreNoRepositoryAreRefused(String name) {
        assertThatThrownBy(() -> Pull.of(name)).isInstanceOf(HubException.class).hasMessageContaining("OWNER/NAME");
    }

    private List<Path> parts() throws IOException {
        try (var files = Files.walk(folder)) {
            return files.filter(file -> file.toString().endsWith(".part")).toList();
        }
    }
}
