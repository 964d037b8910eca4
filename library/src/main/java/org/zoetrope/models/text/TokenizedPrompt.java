package org.zoetrope.models.text;

import java.lang.Character.UnicodeScript;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;

/// A prompt at the length an encoder reads.
///
/// @param ids     token ids [L]
/// @param mask    1 for the prompt's tokens (start and end included), 0 for padding [L]
/// @param dropped the prompt's words that did not fit, in order; empty when everything was read. A word that was cut in
///                the middle is among them
@SuppressWarnings("ArrayRecordComponent") // the arrays go straight into tensors; nobody compares prompts by value
public record TokenizedPrompt(int[] ids, int[] mask, List<String> dropped) {
    public TokenizedPrompt {
        dropped = List.copyOf(dropped);
    }

    /// Number of tokens that are not padding.
    public int length() {
        var length = 0;
        for (var m : mask) {
            length += m;
        }
        return length;
    }

    /// The ids of prompts of one length, as an encoder takes them: int64 [B, L].
    ///
    /// @throws ShapeException if there are none, or their lengths differ
    public static Tensor ids(List<TokenizedPrompt> prompts) {
        return rows(prompts, TokenizedPrompt::ids);
    }

    /// The masks of prompts of one length: int64 [B, L].
    ///
    /// @throws ShapeException if there are none, or their lengths differ
    public static Tensor masks(List<TokenizedPrompt> prompts) {
        return rows(prompts, TokenizedPrompt::mask);
    }

    private static Tensor rows(List<TokenizedPrompt> prompts, Function<TokenizedPrompt, int[]> row) {
        var lengths = prompts.stream().map(prompt -> prompt.ids.length).distinct().toList();
        ShapeException.require(lengths.size() == 1, "prompts of the lengths %s do not make one batch", lengths);
        var all = prompts.stream().flatMapToInt(prompt -> IntStream.of(row.apply(prompt))).asLongStream().toArray();
        return Tensor.of(all, prompts.size(), lengths.getFirst());
    }

    /// The words of a prompt from a position on. A position inside a word counts from the word's beginning; scripts
    /// written without spaces have no such beginning, so there it counts from the position itself.
    static List<String> wordsFrom(String prompt, int position) {
        var start = position;
        while (start > 0 && start < prompt.length() && isInsideWord(prompt.codePointAt(start))
                && isInsideWord(prompt.codePointBefore(start))) {
            start -= Character.charCount(prompt.codePointBefore(start));
        }
        return Stream.of(prompt.substring(start).split("(?U)\\s+")).filter(word -> !word.isEmpty()).toList();
    }

    private static boolean isInsideWord(int codePoint) {
        return switch (UnicodeScript.of(codePoint)) {
            case HAN, HIRAGANA, KATAKANA, THAI, LAO, KHMER, MYANMAR -> false;
            default -> !Character.isWhitespace(codePoint) && !Character.isSpaceChar(codePoint);
        };
    }
}
