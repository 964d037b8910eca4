package org.zoetrope.models.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;

/// Prepares text as SentencePiece's `normalizer_spec` says: replaces characters by rules, tidies spaces, marks word
/// boundaries with U+2581. Source: Kudo and Richardson, "SentencePiece" (2018), section 3.2; the release's
/// normalizer.cc.
///
/// @param rules         the precompiled rules, if the model has any
/// @param spaces        whether the edge gets a word boundary, runs of spaces become one, and spaces become U+2581
/// @param spaceIsSuffix whether the boundary at the edge comes last instead of first
/// @param userDefined   pieces that pass through untouched by the rules
record PieceNormalizer(Optional<CharsMap> rules, SentencePieceModel.Spaces spaces, boolean spaceIsSuffix,
        PieceIndex userDefined) {
    private static final byte[] SPACE = {' '};
    private static final byte[] BOUNDARY = "▁".getBytes(StandardCharsets.UTF_8);
    private static final byte[] REPLACEMENT = "\ufffd".getBytes(StandardCharsets.UTF_8);

    /// Normalised text, and for each of its bytes and its end the character of the prompt that it came from.
    @SuppressWarnings("ArrayRecordComponent") // made for one reader, never compared
    record Normalized(byte[] text, int[] origins) {}

    Normalized normalize(String prompt) {
        var input = Utf8.of(prompt);
        var out = new Output();
        var at = 0;
        while (spaces.removeExtra() && at < input.text.length) {
            var step = step(input.text, at);
            if (!step.is(SPACE)) {
                break;
            }
            at += step.consumed;
        }
        if (at == input.text.length) {
            return new Normalized(new byte[0], new int[] {input.characters[at]});
        }
        var space = spaces.escape() ? BOUNDARY : SPACE;
        if (spaces.addDummyPrefix() && !spaceIsSuffix) {
            out.add(space, input.characters[at]);
        }
        var afterSpace = spaces.removeExtra();
        while (at < input.text.length) {
            var step = step(input.text, at);
            var from = step.begin;
            while (afterSpace && from < step.end && step.source[from] == ' ') {
                from++;
            }
            for (var i = from; i < step.end; i++) {
                if (step.source[i] == ' ') {
                    out.add(space, input.characters[at]);
                } else {
                    out.add(step.source[i], input.characters[at]);
                }
            }
            if (from < step.end) {
                afterSpace = spaces.removeExtra() && step.source[step.end - 1] == ' ';
            }
            at += step.consumed;
        }
        var end = input.characters[at];
        while (spaces.removeExtra() && out.endsWith(space)) {
            out.length -= space.length;
            end = out.origins[out.length];
        }
        if (spaces.addDummyPrefix() && spaceIsSuffix) {
            out.add(space, end);
        }
        return out.finish(end);
    }

    /// A stretch of input and what it becomes: `source[begin, end)`.
    @SuppressWarnings("ArrayRecordComponent") // lives for one prompt, never compared
    private record Step(int consumed, byte[] source, int begin, int end) {
        boolean is(byte[] text) {
            return Arrays.equals(source, begin, end, text, 0, text.length);
        }
    }

    private Step step(byte[] text, int at) {
        var untouched = userDefined.longest(text, at);
        if (untouched > 0) {
            return new Step(untouched, text, at, at + untouched);
        }
        if (rules.isPresent()) {
            var rule = rules.get().longest(text, at);
            if (rule.length() > 0) {
                return new Step(rule.length(), rules.get().replacements(), rule.begin(), rule.end());
            }
        }
        var length = characterLength(text[at]);
        return new Step(length, text, at, at + length);
    }

    /// Bytes of the UTF-8 character that begins with a byte.
    static int characterLength(byte first) {
        return switch (first >>> 4 & 0xf) {
            case 0xc, 0xd -> 2;
            case 0xe -> 3;
            case 0xf -> 4;
            default -> 1;
        };
    }

    /// Text as bytes, and for each byte and the end its index in the string.
    @SuppressWarnings("ArrayRecordComponent") // lives for one prompt, never compared
    private record Utf8(byte[] text, int[] characters) {
        static Utf8 of(String prompt) {
            var out = new Output();
            for (var i = 0; i < prompt.length(); ) {
                var codePoint = prompt.codePointAt(i);
                var lone = Character.getType(codePoint) == Character.SURROGATE;
                out.add(lone ? REPLACEMENT : Character.toString(codePoint).getBytes(StandardCharsets.UTF_8), i);
                i += Character.charCount(codePoint);
            }
            var all = out.finish(prompt.length());
            return new Utf8(all.text, all.origins);
        }
    }

    private static final class Output {
        private byte[] text = new byte[64];
        private int[] origins = new int[64];
        private int length;

        void add(byte[] bytes, int origin) {
            for (var b : bytes) {
                add(b, origin);
            }
        }

        void add(byte b, int origin) {
            if (length == text.length) {
                text = Arrays.copyOf(text, 2 * length);
                origins = Arrays.copyOf(origins, 2 * length);
            }
            text[length] = b;
            origins[length++] = origin;
        }

        boolean endsWith(byte[] bytes) {
            return length >= bytes.length && Arrays.equals(text, length - bytes.length, length, bytes, 0, bytes.length);
        }

        Normalized finish(int end) {
            var all = Arrays.copyOf(origins, length + 1);
            all[length] = end;
            return new Normalized(Arrays.copyOf(text, length), all);
        }
    }
}
