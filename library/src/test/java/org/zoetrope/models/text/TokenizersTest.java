package org.zoetrope.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.weights.ConfigException;

class TokenizersTest {
    @TempDir
    Path folder;

    @Test
    void theConfigChoosesTheTokenizerAndItsLength() {
        assertThat(Tokenizers.read(TokenizerGolden.path("t5"))).isInstanceOf(SentencePiece.class)
                .satisfies(t5 -> assertThat(t5.frame().maxLength()).hasValue(226));
        assertThat(Tokenizers.read(TokenizerGolden.path("clip"))).isInstanceOf(ClipBpe.class)
                .satisfies(clip -> assertThat(clip.frame().maxLength()).hasValue(77));
    }

    @Test
    void aShortPromptIsPadded() {
        var prompt = Tokenizers.read(TokenizerGolden.path("t5")).fit("a panda");
        assertThat(prompt.ids()).hasSize(226).endsWith(0, 0);
        assertThat(prompt.ids()[prompt.length() - 1]).isEqualTo(1);
        assertThat(prompt.mask()).startsWith(1, 1).endsWith(0, 0);
        assertThat(prompt.dropped()).isEmpty();
    }

    /// CLIP pads with its end token; a reader that looks for the end takes the first.
    @Test
    void clipPadsWithItsEndToken() {
        var prompt = Tokenizers.read(TokenizerGolden.path("clip")).fit("a panda");
        assertThat(prompt.ids()).startsWith(49406).endsWith(49407, 49407);
        assertThat(prompt.length()).isEqualTo(4);
    }

    @Test
    void aLongPromptKeepsItsEndTokenAndNamesTheWordsItLost() {
        var clip = Tokenizers.read(TokenizerGolden.path("clip"));
        var prompt = clip.fit("A red panda plays guitar,  Slowly", 6);
        assertThat(prompt.ids()).containsExactly(Arrays.copyOf(clip.encode("A red panda plays"), 6));
        assertThat(prompt.ids()[5]).isEqualTo(49407);
        assertThat(prompt.dropped()).containsExactly("guitar,", "Slowly");
    }

    @Test
    void aWordCutInTheMiddleCountsAsLost() {
        var t5 = Tokenizers.read(TokenizerGolden.path("t5"));
        var before = t5.split("a panda").size();
        assertThat(t5.split("a panda marmalade").size()).isGreaterThan(before + 2);
        assertThat(t5.fit("a panda marmalade left", before + 2).dropped()).containsExactly("marmalade", "left");
    }

    @Test
    void aTextWithoutSpacesNamesWhatFollowsTheCut() {
        var clip = Tokenizers.read(TokenizerGolden.path("clip"));
        assertThat(clip.fit("東京,東京", 5).dropped()).hasSize(1)
                .allSatisfy(word -> assertThat(word.length()).isLessThan(5));
    }

    @Test
    void aLengthWithoutRoomIsRefused() {
        assertThatThrownBy(() -> Tokenizers.read(TokenizerGolden.path("clip")).fit("a", 1))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("no room for the start and end tokens");
    }

    @Test
    void aFolderWrittenHereIsReadBack() throws IOException {
        var size = Tokenizers.write(folder, List.of("a", "red", "circle"), 16);
        var tokenizer = Tokenizers.read(folder);
        assertThat(tokenizer)
                .isInstanceOfSatisfying(SentencePiece.class, model -> assertThat(model.size()).isEqualTo(size));
        assertThat(tokenizer.fit("a red circle").ids()).startsWith(3, 4, 5, 1, 0).hasSize(16);
    }

    @Test
    void aSpecialPieceMayBeAnObject() throws IOException {
        Files.copy(TokenizerGolden.path("clip/vocab.json"), folder.resolve("vocab.json"));
        Files.copy(TokenizerGolden.path("clip/merges.txt"), folder.resolve("merges.txt"));
        Files.writeString(folder.resolve("tokenizer_config.json"), """
                {"tokenizer_class": "CLIPTokenizer", "model_max_length": 1000000000000000019884624838656,
                 "pad_token": {"__type": "AddedToken", "content": "!", "lstrip": false}}""");
        assertThat(Tokenizers.read(folder).frame().pad()).hasValue(0);
        assertThat(Tokenizers.read(folder).frame().maxLength()).isEmpty();
        assertThatThrownBy(() -> Tokenizers.read(folder).fit("a")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("model_max_length");
    }

    @Test
    void aFolderWithoutItsModelSaysWhatIsMissing() throws IOException {
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"tokenizer_class\": \"T5TokenizerFast\"}");
        Files.writeString(folder.resolve("tokenizer.json"), "{}");
        assertThatThrownBy(() -> Tokenizers.read(folder)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("no spiece.model in " + folder)
                        .hasMessageContaining("found tokenizer.json, tokenizer_config.json")
                .hasMessageContaining("copy spiece.model from the original release");
    }

    @Test
    void anUnknownTokenizerIsNamed() throws IOException {
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"tokenizer_class\": \"LlamaTokenizer\"}");
        assertThatThrownBy(() -> Tokenizers.read(folder)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("tokenizer_class is LlamaTokenizer");
    }

    @Test
    void aFolderWithoutAConfigIsRefused() {
        assertThatThrownBy(() -> Tokenizers.read(folder)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("no tokenizer_config.json in " + folder + " (found nothing)");
    }

    @Test
    void paddingWithoutAPaddingPieceIsRefused() {
        var model = SentencePiece.read(TokenizerGolden.path("sentencepiece/default-ids.model"));
        assertThatThrownBy(() -> model.fit("a", 10)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("has no padding token");
    }
}
