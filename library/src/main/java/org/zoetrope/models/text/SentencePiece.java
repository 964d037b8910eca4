package org.zoetrope.models.text;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.zoetrope.models.text.SentencePieceModel.Kind;
import org.zoetrope.weights.ConfigException;

/// The unigram tokenizer of T5 and UMT5, read from the published `spiece.model`.
/// Source: Kudo, "Subword Regularization" (2018), section 3.2: of all ways to write a text as pieces, take the one
/// whose scores (log probabilities) add up highest. Ids agree with the SentencePiece 0.2 release.
///
/// Control pieces such as `</s>` are never found in text: a prompt that spells one out gets the pieces of its letters.
public final class SentencePiece implements Tokenizer {
    private static final float UNKNOWN_PENALTY = 10;
    private static final double USER_DEFINED_PENALTY = 0.1;

    private final PieceNormalizer normalizer;
    private final PieceIndex index;
    private final float[] scores;
    private final boolean[] userDefined;
    private final float highest;
    private final int unknown;
    private final float unknownScore;
    private final Optional<int[]> bytes;
    private final Frame frame;

    private SentencePiece(SentencePieceModel model, Frame frame) {
        var texts = model.pieces().stream().map(SentencePieceModel.Piece::text).toList();
        var rules = model.rules().length == 0 ? Optional.<CharsMap>empty()
                : Optional.of(new CharsMap(model.file(), model.rules()));
        normalizer = new PieceNormalizer(rules, model.spaces(), model.trainer().spaceIsSuffix(),
                new PieceIndex(texts, model.idsOf(Kind.USER_DEFINED)));
        index = new PieceIndex(texts, model.idsOf(Kind.NORMAL, Kind.USER_DEFINED));
        scores = new float[texts.size()];
        userDefined = new boolean[texts.size()];
        // The release starts the maximum from the smallest positive float, so it is never negative.
        var lowest = Float.MAX_VALUE;
        var top = Float.MIN_NORMAL;
        for (var id = 0; id < scores.length; id++) {
            var piece = model.pieces().get(id);
            scores[id] = piece.score();
            userDefined[id] = piece.kind() == Kind.USER_DEFINED;
            if (piece.kind() == Kind.NORMAL) {
                lowest = Math.min(lowest, piece.score());
                top = Math.max(top, piece.score());
            }
        }
        highest = top;
        unknown = model.idsOf(Kind.UNKNOWN)[0];
        unknownScore = lowest - UNKNOWN_PENALTY;
        bytes = model.trainer().byteFallback() ? Optional.of(model.bytes()) : Optional.empty();
        this.frame = frame;
    }

    /// Reads a model whose own end and padding pieces frame the text.
    ///
    /// @throws ConfigException if the file is missing, damaged or not a unigram model, or has no end piece
    public static SentencePiece read(Path file) {
        return read(file, Optional.empty(), Optional.empty(), OptionalInt.empty());
    }

    /// Reads a model of a tokenizer folder, whose config may name the pieces that frame the text.
    static SentencePiece read(Path file, Optional<String> end, Optional<String> pad, OptionalInt maxLength) {
        var model = SentencePieceModel.read(file);
        var endId = end.isPresent() ? model.id(end.get()) : model.end();
        var padId = pad.isPresent() ? model.id(pad.get()) : model.pad();
        if (endId.isEmpty()) {
            throw new ConfigException(
                    "%s has no end piece \"%s\", which T5 expects behind every prompt; name one as eos_token in %s"
                            .formatted(file, end.orElse("</s>"), Tokenizers.CONFIG));
        }
        return new SentencePiece(model, new Frame(OptionalInt.empty(), endId.getAsInt(), padId, maxLength));
    }

    /// Writes a model file over a list of whole words. The ids are `<pad>` 0, `</s>` 1, `<unk>` 2, then the words in
    /// their order, then single characters, so that every printable ASCII prompt has a spelling. Letters keep their
    /// case.
    ///
    /// @param words words without spaces; repetitions count once
    /// @return size of the vocabulary
    public static int write(Path file, Collection<String> words) throws IOException {
        return SentencePieceModel.write(file, words);
    }

    /// Number of pieces; ids are smaller. Published encoders may have more embedding rows than that.
    public int size() {
        return scores.length;
    }

    @Override
    public Frame frame() {
        return frame;
    }

    @Override
    public List<Token> split(String prompt) {
        var normalized = normalizer.normalize(prompt);
        var text = normalized.text();
        var origins = normalized.origins();
        var lattice = bestPath(text);
        var tokens = new ArrayList<Token>();
        for (int end = text.length, begin; end > 0; end = begin) {
            begin = lattice.begins[end];
            tokens.add(new Token(lattice.ids[end], begin, end));
        }
        var result = new ArrayList<Token>(tokens.size());
        for (var token : tokens.reversed()) {
            int from = origins[token.begin()], to = origins[token.end()];
            if (token.id() == unknown && bytes.isPresent()) {
                for (var i = token.begin(); i < token.end(); i++) {
                    result.add(new Token(bytes.get()[text[i] & 0xff], from, to));
                }
            } else if (token.id() == unknown && !result.isEmpty() && result.getLast().id() == unknown) {
                // a run of unknown characters is one token
                result.add(new Token(unknown, result.removeLast().begin(), to));
            } else {
                result.add(new Token(token.id(), from, to));
            }
        }
        return result;
    }

    /// The best piece that ends at each byte: its id, where it begins, and the score of the whole path up to its end.
    private static final class Lattice {
        private final int[] ids;
        private final int[] begins;
        private final float[] scores;

        Lattice(int length) {
            ids = new int[length + 1];
            begins = new int[length + 1];
            scores = new float[length + 1];
            Arrays.fill(begins, -1);
        }

        void offer(int id, int begin, int end, double score) {
            if (begins[end] < 0 || score > scores[end]) {
                ids[end] = id;
                begins[end] = begin;
                scores[end] = (float) score;
            }
        }
    }

    /// Viterbi over byte positions. Sums are compared in double and kept in float, and the unknown piece is summed in
    /// float: ties, as in runs of one letter, fall as in the release only with the same rounding.
    private Lattice bestPath(byte[] text) {
        var lattice = new Lattice(text.length);
        for (var start = 0; start < text.length; start += characterLength(text, start)) {
            var begin = start;
            var before = lattice.scores[begin];
            var single = characterLength(text, begin);
            var spelled = new boolean[1];
            index.matches(text, begin, (id, length) -> {
                var score = userDefined[id] ? length * highest - USER_DEFINED_PENALTY : scores[id];
                lattice.offer(id, begin, begin + length, score + before);
                spelled[0] |= length == single;
            });
            if (!spelled[0]) {
                lattice.offer(unknown, begin, begin + single, unknownScore + before);
            }
        }
        return lattice;
    }

    private static int characterLength(byte[] text, int at) {
        return Math.min(PieceNormalizer.characterLength(text[at]), text.length - at);
    }
}
