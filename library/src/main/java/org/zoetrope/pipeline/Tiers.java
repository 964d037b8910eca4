package org.zoetrope.pipeline;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.zoetrope.nn.Reuse;

/// What makes a run faster or smaller and its result a little different, in the words that users say, and what of it
/// goes together.
///
/// @param chosen    at least one
/// @param threshold with [Tier#CACHED]: how much change may add up before blocks are run again; empty leaves it to the
///                  model
public record Tiers(List<Tier> chosen, Optional<Double> threshold) {
    /// A way of being faster or smaller.
    public enum Tier {
        /// Everything is computed, in the number type of the model.
        LOSSLESS,
        /// Blocks are not run at steps where the network hardly changes ([Reuse.Stack]).
        CACHED,
        /// Attentions serve several steps ([Reuse.Attention]).
        BROADCAST,
        /// The matrices of transformer and text encoder are kept in eight bits ([OpenOptions.Matrices#INT8]).
        INT8;

        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }

        /// @throws RequestException if there is no such word
        public static Tier of(String word) {
            return Arrays.stream(values()).filter(tier -> tier.word().equals(word)).findFirst()
                    .orElseThrow(() -> new RequestException("speed", List.of(
                            "no speed is called \"%s\"; there are %s".formatted(word, Arrays.stream(values())
                                    .map(Tier::word).collect(Collectors.joining(", "))))));
        }
    }

    /// @throws RequestException with every reason why these do not go together
    public Tiers {
        chosen = chosen.stream().distinct().sorted().toList();
        var problems = new ArrayList<String>();
        if (chosen.isEmpty()) {
            problems.add("none is named; name lossless to compute everything");
        }
        if (chosen.size() > 1 && chosen.contains(Tier.LOSSLESS)) {
            problems.add("lossless computes everything; leave out %s".formatted(chosen.stream()
                    .filter(tier -> tier != Tier.LOSSLESS).map(Tier::word).collect(Collectors.joining(", "))));
        }
        if (chosen.contains(Tier.CACHED) && chosen.contains(Tier.BROADCAST)) {
            problems.add("cached and broadcast are two ways of reusing earlier steps; give one");
        }
        if (threshold.isPresent() && !chosen.contains(Tier.CACHED)) {
            problems.add("a threshold for reuse says when blocks are run again; add cached");
        }
        if (!problems.isEmpty()) {
            throw new RequestException("speed", problems);
        }
    }

    /// Everything is computed.
    public static Tiers lossless() {
        return new Tiers(List.of(Tier.LOSSLESS), Optional.empty());
    }

    /// Reads words with commas between them, such as `cached,int8`.
    ///
    /// @throws RequestException if there is no such word, or they do not go together
    public static Tiers parse(String words, Optional<Double> threshold) {
        return new Tiers(Arrays.stream(words.split(",", -1)).map(word -> Tier.of(word.strip())).toList(), threshold);
    }

    /// What [#parse] reads.
    public String words() {
        return chosen.stream().map(Tier::word).collect(Collectors.joining(","));
    }

    /// How matrices are kept.
    public OpenOptions.Matrices matrices() {
        return chosen.contains(Tier.INT8) ? OpenOptions.Matrices.INT8 : OpenOptions.Matrices.AS_NUMBERS;
    }

    /// How to open the model.
    public OpenOptions on(OpenOptions options) {
        return chosen.contains(Tier.INT8) ? options.matrices(matrices()) : options;
    }

    /// What to ask of it.
    public Request on(Request request) {
        return reuse().map(request::reuse).orElse(request);
    }

    /// What may be taken over from earlier steps.
    public Optional<Reuse> reuse() {
        return chosen.contains(Tier.CACHED) ? Optional.of(new Reuse.Stack(threshold))
                : chosen.contains(Tier.BROADCAST) ? Optional.of(Reuse.Attention.published()) : Optional.empty();
    }
}
