package org.zoetrope.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.weights.ConfigException;

class SentencePieceTest {
    private static final Path T5 = TokenizerGolden.path("t5/spiece.model");

    @TempDir
    Path folder;

    @Test
    void theIdsOfT5AreThoseOfTheReference() {
        var tokenizer = SentencePiece.read(T5);
        var cases = TokenizerGolden.json("t5/cases.json").path("cases");
        assertThat(cases).hasSize(299);
        var softly = new SoftAssertions();
        for (var one : cases) {
            softly.assertThat(tokenizer.encode(one.path("text").asText())).as(one.path("text").asText())
                    .isEqualTo(TokenizerGolden.ids(one.path("ids")));
        }
        softly.assertAll();
    }

    /// Each of these models differs from T5's in a setting of its trainer or normaliser.
    @ParameterizedTest
    @ValueSource(strings = {"byte-fallback", "user-defined", "user-defined-bytes", "no-dummy-prefix", "all-spaces",
            "suffix",
            "default-ids", "named-ids", "own-rules", "own-rules-all-spaces"})
    void everySettingOfAModelFileIsHonoured(String name) {
        var tokenizer = SentencePiece.read(TokenizerGolden.path("sentencepiece/" + name + ".model"));
        var texts = TokenizerGolden.json("sentencepiece/cases.json");
        var expected = TokenizerGolden.json("sentencepiece/" + name + ".json");
        assertThat(tokenizer.frame().end()).isEqualTo(expected.path("end").asInt());
        assertThat(tokenizer.frame().pad().orElse(-1)).isEqualTo(expected.path("pad").asInt());
        assertThat(texts).hasSizeGreaterThan(250);
        var softly = new SoftAssertions();
        for (var i = 0; i < texts.size(); i++) {
            softly.assertThat(tokenizer.split(texts.get(i).asText()).stream().map(Tokenizer.Token::id).toList())
                    .as("%s: '%s'", name, texts.get(i).asText())
                    .isEqualTo(IntStream.of(TokenizerGolden.ids(expected.path("ids").get(i))).boxed().toList());
        }
        softly.assertAll();
    }

    @Test
    void everyTokenKnowsItsPlaceInThePrompt() {
        var prompt = "  a ﬁne   🐉 panda\u3000moves ";
        var tokens = SentencePiece.read(T5).split(prompt);
        assertThat(tokens).allSatisfy(token -> assertThat(token.begin()).isBetween(0, token.end()));
        for (var i = 1; i < tokens.size(); i++) {
            assertThat(tokens.get(i).begin()).isBetween(tokens.get(i - 1).begin(), tokens.get(i - 1).end());
        }
        var word = tokens.stream().filter(token -> prompt.substring(token.begin(), token.end()).contains("panda"))
                .findFirst();
        assertThat(word)
                .hasValueSatisfying(token -> assertThat(prompt.substring(token.begin(), token.end()).strip())
                .isEqualTo("panda"));
        assertThat(tokens.getLast().end()).isEqualTo(prompt.stripTrailing().length());
    }

    @Test
    void anUnpairedSurrogateIsOneUnknownCharacter() {
        var tokenizer = SentencePiece.read(T5);
        assertThat(tokenizer.encode("a \ud83d b")).isEqualTo(tokenizer.encode("a \ufffd b"));
    }

    @Test
    void aWrittenModelSpellsEveryAsciiPrompt() throws IOException {
        var file = folder.resolve("spiece.model");
        var size = SentencePiece.write(file, List.of("a", "red", "circle", "moves", "left", "red"));
        var tokenizer = SentencePiece.read(file);
        assertThat(size).isEqualTo(3 + 5 + 1 + 94).isEqualTo(tokenizer.size());
        assertThat(tokenizer.frame().pad()).hasValue(0);
        assertThat(tokenizer.encode("a red circle moves left")).containsExactly(3, 4, 5, 6, 7, 1);
        var ascii = new StringBuilder();
        IntStream.rangeClosed(' ', '~').forEach(c -> ascii.append((char) c).append((char) ('~' - c + ' ')).append(' '));
        assertThat(tokenizer.encode(ascii.toString())).doesNotContain(2);
        assertThat(tokenizer.encode("redder 円"))
                .containsExactly(4, id(tokenizer, "d"), id(tokenizer, "e"), id(tokenizer, "r"), 8, 2, 1);
    }

    private static int id(SentencePiece tokenizer, String letter) {
        return tokenizer.split("x" + letter).getLast().id();
    }

    @Test
    void writingTwiceGivesTheSameFile() throws IOException {
        Path one = folder.resolve("one.model"), two = folder.resolve("two.model");
        SentencePiece.write(one, List.of("red", "blue"));
        SentencePiece.write(two, List.of("red", "blue"));
        assertThat(one).hasSameBinaryContentAs(two);
    }

    @Test
    void aWordWithASpaceIsRefused() {
        assertThatThrownBy(() -> SentencePiece.write(folder.resolve("spiece.model"), List.of("two words")))
                .isInstanceOf(ConfigException.class).hasMessage("\"two words\" is not one word");
    }

    @Test
    void aMissingFileIsNamed() {
        assertThatThrownBy(() -> SentencePiece.read(folder.resolve("spiece.model")))
                .isInstanceOf(ConfigException.class)
                        .hasMessageContaining("no SentencePiece model " + folder.resolve("spiece.model"));
    }

    @Test
    void aByteCutFromTheEndIsNoticed() throws IOException {
        var bytes = Files.readAllBytes(T5);
        var file = Files.write(folder.resolve("cut.model"), Arrays.copyOf(bytes, bytes.length - 1));
        assertThatThrownBy(() -> SentencePiece.read(file)).isInstanceOf(ConfigException.class)
                .hasMessageContaining(file + " is damaged").hasMessageContaining("copy the file again");
    }

    @Test
    void anEmptyFileIsNoModel() throws IOException {
        var file = Files.write(folder.resolve("empty.model"), new byte[0]);
        assertThatThrownBy(() -> SentencePiece.read(file)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("holds no pieces");
    }

    /// A length of two gigabytes in a file of ten bytes must cost no memory.
    @Test
    void aLengthBeyondTheFileIsRefusedBeforeMemoryIsSpent() throws IOException {
        var file = Files.write(folder.resolve("huge.model"), new byte[] {0x0a, -1, -1, -1, -1, 0x07, 1, 2, 3, 4});
        assertThatThrownBy(() -> SentencePiece.read(file)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("a value of 2147483647 bytes where 4 are left");
    }

    @Test
    void aBytePairModelIsNamedAsSuch() throws IOException {
        var model = new Protobuf.Writer()
                .put(1, new Protobuf.Writer().put(1, "<unk>").put(3, 2))
                        .put(1, new Protobuf.Writer().put(1, "a").put(2, -1f))
                .put(2, new Protobuf.Writer().put(3, 2));
        var file = Files.write(folder.resolve("bpe.model"), model.toBytes());
        assertThatThrownBy(() -> SentencePiece.read(file)).isInstanceOf(ConfigException.class)
                .hasMessage(file + " is a BPE model; only unigram models are read, which T5 and UMT5 use");
    }

    @Test
    void allFaultsOfAVocabularyAreReportedTogether() throws IOException {
        var piece = new Protobuf.Writer().put(1, "a").put(2, -1f);
        var file = Files.write(folder.resolve("twice.model"), new Protobuf.Writer().put(1, piece).put(1, piece)
                .toBytes());
        assertThatThrownBy(() -> SentencePiece.read(file)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("piece \"a\" has two ids, 0 and 1")
                .hasMessageContaining("0 pieces for unknown text, where there must be one");
    }

    @Test
    void aModelWithoutAnEndPieceIsRefused() throws IOException {
        var model = new Protobuf.Writer().put(1, new Protobuf.Writer().put(1, "<unk>").put(3, 2))
                .put(1, new Protobuf.Writer().put(1, "a").put(2, -1f));
        var file = Files.write(folder.resolve("endless.model"), model.toBytes());
        assertThatThrownBy(() -> SentencePiece.read(file)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("has no end piece \"</s>\"");
    }

    /// Every unit of this rule table is the parent of itself, so any text could be followed for ever.
    @Test
    void aCyclicRuleTableEndsWithTheText() {
        var units = new int[256];
        for (var i = 0; i < units.length; i++) {
            units[i] = i; // label i, children at itself: offset 0 leads from node n to n ^ 0 ^ label
        }
        var rules = charsMap(units, new byte[] {'x', 0});
        var text = new byte[100_000];
        assertTimeoutPreemptively(Duration.ofSeconds(5),
                () -> assertThat(new CharsMap("m", rules).longest(text, 0).length()).isZero());
    }

    @Test
    void aRuleThatLeadsOutsideItsTableIsRefused() {
        var units = new int[256];
        units['a'] = 'a' | 1 << 8 | 1_000_000 << 10;
        assertThatThrownBy(() -> new CharsMap("spiece.model", charsMap(units, new byte[] {'x', 0})))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("the normalisation rules of spiece.model are damaged");
    }

    private static byte[] charsMap(int[] units, byte[] replacements) {
        var blob = ByteBuffer.allocate(4 + 4 * units.length + replacements.length).order(ByteOrder.LITTLE_ENDIAN)
                .putInt(4 * units.length);
        for (var unit : units) {
            blob.putInt(unit);
        }
        return blob.put(replacements).array();
    }

    /// Whatever a disk does to a model, reading it ends in a tokenizer or in a message.
    @Test
    void damagedFilesAreRefusedInWords() throws IOException {
        var rng = new Random(7);
        var healthy = Files.readAllBytes(TokenizerGolden.path("sentencepiece/own-rules.model"));
        var outcomes = new ArrayList<String>();
        for (var round = 0; round < 400; round++) {
            var bytes = round % 4 == 0 ? Arrays.copyOf(healthy, rng.nextInt(healthy.length)) : healthy.clone();
            for (var flip = rng.nextInt(4); flip >= 0 && bytes.length > 0; flip--) {
                bytes[rng.nextInt(bytes.length)] = (byte) rng.nextInt();
            }
            var file = Files.write(folder.resolve("damaged.model"), bytes);
            try {
                var ids = SentencePiece.read(file).encode("A naïve panda\u3000moves 😀 &amp; abc");
                outcomes.add("ids " + ids.length);
            } catch (ConfigException e) {
                outcomes.add(e.getMessage());
            }
        }
        assertThat(outcomes).hasSize(400).anyMatch(o -> o.contains("damaged")).anyMatch(o -> o.startsWith("ids"));
    }
}
