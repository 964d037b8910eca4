package org.zoetrope.edit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// Finds words in prompts.
///
/// @param source what the source prompt says and the target prompt does not
/// @param target what the target prompt says and the source prompt does not
record Phrases(String source, String target) {
    /// The words between the common beginning and the common end of two prompts.
    static Phrases differing(String from, String to) {
        List<String> a = words(from), b = words(to);
        var first = 0;
        while (first < Math.min(a.size(), b.size()) && a.get(first).equals(b.get(first))) {
            first++;
        }
        var last = 0;
        while (last < Math.min(a.size(), b.size()) - first
                && a.get(a.size() - 1 - last).equals(b.get(b.size() - 1 - last))) {
            last++;
        }
        return new Phrases(String.join(" ", a.subList(first, a.size() - last)),
                String.join(" ", b.subList(first, b.size() - last)));
    }

    private static List<String> words(String prompt) {
        return Arrays.stream(prompt.strip().split("\\s+")).filter(word -> !word.isEmpty()).toList();
    }

    /// Where a phrase stands in a prompt: the places of its tokens at the first exact match; none if there is none, or
    /// if the phrase is empty.
    ///
    /// @param phrase token ids, without what a tokenizer adds
    /// @param prompt token ids
    static int[] find(int[] phrase, int[] prompt) {
        var places = new ArrayList<Integer>();
        for (var start = 0; phrase.length > 0 && start + phrase.length <= prompt.length; start++) {
            if (Arrays.equals(phrase, Arrays.copyOfRange(prompt, start, start + phrase.length))) {
                IntStream.range(start, start + phrase.length).forEach(places::add);
                break;
            }
        }
        return places.stream().mapToInt(Integer::intValue).toArray();
    }

    /// Which token of one prompt each token of another continues: the longest way of matching equal tokens in order (a global
    /// alignment that gains 1 by a match and loses nothing by a gap, as in Prompt-to-Prompt).
    ///
    /// @param source token ids
    /// @param target token ids
    /// @return for every token of the target its place in the source, or -1
    static int[] align(int[] source, int[] target) {
        var best = new int[source.length + 1][target.length + 1]; // matches of what is left
        for (var s = source.length - 1; s >= 0; s--) {
            for (var t = target.length - 1; t >= 0; t--) {
                best[s][t] = Math.max(Math.max(best[s + 1][t], best[s][t + 1]),
                        source[s] == target[t] ? 1 + best[s + 1][t + 1] : 0);
            }
        }
        var places = new int[target.length];
        Arrays.fill(places, -1);
        for (int s = 0, t = 0; s < source.length && t < target.length;) {
            if (source[s] == target[t] && best[s][t] == 1 + best[s + 1][t + 1]) {
                places[t++] = s++;
            } else if (best[s][t] == best[s + 1][t]) {
                s++;
            } else {
                t++;
            }
        }
        return places;
    }
}
