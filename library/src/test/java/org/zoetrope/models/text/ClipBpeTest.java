package org.zoetrope.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.weights.ConfigException;

class ClipBpeTest {
    private static final Path VOCABULARY = TokenizerGolden.path("clip/vocab.json");
    private static final Path MERGES = TokenizerGolden.path("clip/merges.txt");
    private static final ClipBpe CLIP = ClipBpe.read(VOCABULARY, MERGES);

    @TempDir
    Path folder;

    @Test
    void theIdsOfClipAreThoseOfTheReference() {
        var cases = TokenizerGolden.json("clip/cases.json").path("cases");
        assertThat(cases).hasSize(299);
        var softly = new SoftAssertions();
        for (var one : cases) {
            softly.assertThat(CLIP.encode(one.path("text").asText())).as(one.path("text").asText())
                    .isEqualTo(TokenizerGolden.ids(one.path("ids")));
        }
        softly.assertAll();
    }

    @Test
    void caseAndSpacesDoNotMatter() {
        assertThat(CLIP.encode("A  Red\tSQUARE\n")).isEqualTo(CLIP.encode("a red square"));
    }

    @Test
    void composedAndDecomposedAccentsAreTheSame() {
        assertThat(CLIP.encode("cafe\u0301")).isEqualTo(CLIP.encode("café"));
    }

    @Test
    void aSpelledOutSpecialPieceIsThatPiece() {
        assertThat(CLIP.encode("a<|endoftext|>b")).hasSize(5).contains(49407);
    }

    @Test
    void everyTokenKnowsItsPlaceInThePrompt() {
        var prompt = "A Panda's cafe\u0301,  now";
        assertThat(CLIP.split(prompt).stream().map(token -> prompt.substring(token.begin(), token.end())))
                .containsExactly("A", "Panda", "'s", "cafe\u0301,", "cafe\u0301,", "now");
    }

    /// Ten thousand letters without a space are a word too, with thousands of different merges to go through.
    @Test
    void aVeryLongWordIsRead() {
        var letters = new Random(7).ints(10_000, 'a', 'z' + 1).collect(StringBuilder::new, StringBuilder::appendCodePoint,
                StringBuilder::append).toString();
        var tokens = assertTimeoutPreemptively(Duration.ofSeconds(30), () -> CLIP.split(letters));
        assertThat(tokens).hasSizeBetween(2_500, 9_000);
    }

    @Test
    void aMissingFileIsNamed() {
        assertThatThrownBy(() -> ClipBpe.read(VOCABULARY, folder.resolve("merges.txt")))
                .isInstanceOf(ConfigException.class)
                .hasMessage("no file " + folder.resolve("merges.txt") + "; copy it from the original release");
    }

    @Test
    void mergesOfAnotherVocabularyAreRefused() throws IOException {
        var merges = Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\ni n\nzq zq</w>\n");
        assertThatThrownBy(() -> ClipBpe.read(VOCABULARY, merges)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("line 3 makes the piece \"zqzq</w>\", which vocab.json does not have");
    }

    @Test
    void aLineThatIsNoPairIsNamed() throws IOException {
        var merges = Files.writeString(folder.resolve("merges.txt"), "i n\nin\n");
        assertThatThrownBy(() -> ClipBpe.read(VOCABULARY, merges)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("line 2 is \"in\", not two pieces");
    }

    @Test
    void aVocabularyThatIsNoMapIsRefused() throws IOException {
        var list = Files.writeString(folder.resolve("vocab.json"), "[\"a\"]");
        assertThatThrownBy(() -> ClipBpe.read(list, MERGES)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("vocab.json does not map pieces to ids");
        var small = Files.writeString(folder.resolve("vocab.json"), "{\"in\": 0}");
        var merges = Files.writeString(folder.resolve("merges.txt"), "i n\n");
        assertThatThrownBy(() -> ClipBpe.read(small, merges)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("no special piece \"<|startoftext|>\"")
                        .hasMessageContaining("no special piece \"<|endoftext|>\"");
    }
}
