package org.zoetrope.models.text;

import static org.zoetrope.weights.ConfigException.require;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/// Turns a prompt into the token ids a text encoder was trained on.
///
/// Both tokenizers are immutable and safe to share between threads.
public sealed interface Tokenizer permits SentencePiece, ClipBpe {
    /// One token and the stretch of the prompt it stands for.
    ///
    /// @param id    row of the encoder's embedding table
    /// @param begin first character of the stretch, as an index into the prompt
    /// @param end   index after its last character; equal to `begin` for start and end tokens
    record Token(int id, int begin, int end) {}

    /// What a tokenizer adds around the text of a prompt.
    ///
    /// @param start     id placed before the text, if the model has one
    /// @param end       id placed after the text
    /// @param pad       id that fills a prompt up to a fixed length, if the model has one
    /// @param maxLength tokens the encoder reads, start and end included, if the model folder says so
    record Frame(OptionalInt start, int end, OptionalInt pad, OptionalInt maxLength) {
        /// How many tokens surround the text.
        int size() {
            return start.isPresent() ? 2 : 1;
        }
    }

    /// The tokens of the text alone, without start and end.
    List<Token> split(String prompt);

    /// What surrounds the text.
    Frame frame();

    /// The ids of a prompt with start and end tokens, neither padded nor cut.
    default int[] encode(String prompt) {
        return framed(frame(), split(prompt));
    }

    /// A prompt at exactly the length that the tokenizer's folder asks for.
    ///
    /// @throws org.zoetrope.weights.ConfigException if the folder names no length
    default TokenizedPrompt fit(String prompt) {
        var length = frame().maxLength();
        require(length.isPresent(),
                "the tokenizer_config.json of this tokenizer has no model_max_length to fit a prompt to; add it");
        return fit(prompt, length.getAsInt());
    }

    /// A prompt at exactly the given length: short ones are padded behind the end token; long ones lose their
    /// last words, which the result names.
    ///
    /// @param maxLength number of ids in the result, start and end tokens included
    /// @throws org.zoetrope.weights.ConfigException if the prompt needs padding and the model has no padding token
    default TokenizedPrompt fit(String prompt, int maxLength) {
        var frame = frame();
        require(maxLength >= frame.size(), "a length of %d tokens has no room for the start and end tokens", maxLength);
        var text = split(prompt);
        var room = maxLength - frame.size();
        var dropped = text.size() > room ? TokenizedPrompt.wordsFrom(prompt, text.get(room).begin())
                : List.<String>of();
        var ids = framed(frame, text.subList(0, Math.min(room, text.size())));
        var mask = new int[maxLength];
        Arrays.fill(mask, 0, ids.length, 1);
        if (ids.length == maxLength) {
            return new TokenizedPrompt(ids, mask, dropped);
        }
        require(frame.pad().isPresent(),
                "a prompt of %d tokens needs padding to %d, and this tokenizer has no padding token; "
                + "name one as pad_token in tokenizer_config.json", ids.length, maxLength);
        var padded = Arrays.copyOf(ids, maxLength);
        Arrays.fill(padded, ids.length, maxLength, frame.pad().getAsInt());
        return new TokenizedPrompt(padded, mask, dropped);
    }

    private static int[] framed(Frame frame, List<Token> text) {
        var ids = new ArrayList<Integer>(text.size() + 2);
        frame.start().ifPresent(ids::add);
        text.forEach(token -> ids.add(token.id()));
        ids.add(frame.end());
        return ids.stream().mapToInt(Integer::intValue).toArray();
    }
}
