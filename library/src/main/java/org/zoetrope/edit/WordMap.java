package org.zoetrope.edit;

import java.util.Arrays;
import java.util.function.Function;
import org.zoetrope.models.text.TokenizedPrompt;

/// How the tokens of the target prompt belong to those of the source prompt, and to words.
///
/// @param source  for every text token of the target its place in the source, or -1 for what is new
/// @param columns the places of a phrase's tokens in the target prompt; none if it does not stand there
public record WordMap(int[] source, Function<String, int[]> columns) {
    /// No word belongs to any.
    public static WordMap none() {
        return new WordMap(new int[0], _ -> new int[0]);
    }

    /// Tokens that both prompts share in order belong together, and so do the places that neither fills.
    ///
    /// @param length text tokens that the network reads
    static WordMap of(TokenizedPrompt from, TokenizedPrompt to, int length, Function<String, int[]> columns) {
        int[] a = Arrays.copyOf(from.ids(), from.length()), b = Arrays.copyOf(to.ids(), to.length());
        var aligned = Phrases.align(a, b);
        var all = new int[length];
        for (var at = 0; at < length; at++) {
            all[at] = at < aligned.length ? aligned[at] : at >= a.length ? at : -1;
        }
        return new WordMap(all, columns);
    }

    /// Whether any token of the target continues one of the source.
    boolean isAligned() {
        return Arrays.stream(source).anyMatch(place -> place >= 0);
    }
}
