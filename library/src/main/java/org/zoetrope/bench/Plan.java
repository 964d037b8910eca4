package org.zoetrope.bench;

import java.util.ArrayList;
import java.util.List;

/// What to measure, and how long.
///
/// @param tokens          lengths of the sequences of block stacks; more than the [#TEXT_TOKENS] that are text
/// @param blocks          of a stack; published models have 30
/// @param attentionTokens lengths of the sequences of attention alone
/// @param rounds          how often each case is measured, in turns with its yardstick
/// @param side            of the matrices of the yardstick
/// @param copied          bytes that the yardstick of memory copies
/// @param clipSide        pixels of a side of the clip that the autoencoder decodes, a multiple of 8
/// @param clipLatents     latent frames of that clip
/// @param isNarrow        whether networks are narrowed, which measures nothing and only shows that everything runs
/// @param only            words of which a case has one in its name or number type; empty for all cases
public record Plan(List<Integer> tokens, int blocks, List<Integer> attentionTokens, int rounds, int side, long copied,
        int clipSide, int clipLatents, boolean isNarrow, List<String> only) {
    /// Text tokens in front of CogVideoX's video tokens, as published.
    public static final int TEXT_TOKENS = 226;

    private static final long MIB = 1 << 20;

    public Plan {
        tokens = List.copyOf(tokens);
        attentionTokens = List.copyOf(attentionTokens);
        only = List.copyOf(only);
    }

    /// Some minutes.
    public static Plan full() {
        return new Plan(List.of(1506, 3554), 3, List.of(1024, 4096), 7, 2048, 256 * MIB, 128, 3, false, List.of());
    }

    /// About a minute: a single block, few rounds, the shorter sequences.
    public static Plan quick() {
        return new Plan(List.of(1506), 1, List.of(1024), 3, 2048, 256 * MIB, 64, 1, false, List.of());
    }

    /// Seconds. The numbers say nothing about speed.
    public static Plan tiny() {
        return new Plan(List.of(242), 1, List.of(32), 1, 64, MIB, 32, 1, true, List.of());
    }

    /// Attention over one more length.
    public Plan withAttention(int length) {
        var lengths = new ArrayList<>(attentionTokens);
        lengths.add(length);
        return new Plan(tokens, blocks, lengths, rounds, side, copied, clipSide, clipLatents, isNarrow, only);
    }

    /// The cases that have one of these words in their names or number types.
    public Plan only(List<String> words) {
        return new Plan(tokens, blocks, attentionTokens, rounds, side, copied, clipSide, clipLatents, isNarrow, words);
    }

    boolean includes(String label) {
        return only.isEmpty() || only.stream().anyMatch(label::contains);
    }
}
