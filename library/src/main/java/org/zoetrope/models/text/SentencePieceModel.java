package org.zoetrope.models.text;

import static org.zoetrope.weights.ConfigException.require;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.zoetrope.weights.ConfigException;

/// The contents of a SentencePiece `.model` file: a `ModelProto` of sentencepiece_model.proto, field numbers as there.
///
/// @param file       what to call the file in errors
/// @param pieces     the vocabulary, in the order of its ids
/// @param ids        id of each piece name
/// @param trainer    how the pieces were made, as far as it matters for reading text
/// @param rules      `precompiled_charsmap` of the normaliser, empty for none
/// @param spaces     what the normaliser does with spaces
@SuppressWarnings("ArrayRecordComponent") // the rules go straight into a CharsMap; nobody compares models
record SentencePieceModel(String file, List<Piece> pieces, Map<String, Integer> ids, Trainer trainer, byte[] rules,
        Spaces spaces) {
    private static final long LARGEST_FILE = 64L << 20; // published vocabularies stay below 20 MB
    private static final int UNIGRAM = 1;
    private static final Map<Integer, String> MODEL_TYPES = Map.of(2, "BPE", 3, "word", 4, "character");

    /// `ModelProto.SentencePiece.Type`.
    enum Kind {
        NORMAL(1), UNKNOWN(2), CONTROL(3), USER_DEFINED(4), UNUSED(5), BYTE(6);

        private final int number;

        Kind(int number) {
            this.number = number;
        }

        boolean inText() {
            return this == NORMAL || this == USER_DEFINED || this == UNUSED;
        }
    }

    @SuppressWarnings("ArrayRecordComponent") // read once, never compared
    record Piece(byte[] text, float score, Kind kind) {
        String name() {
            return new String(text, StandardCharsets.UTF_8);
        }
    }

    /// `TrainerSpec`: fields 3, 24, 35, 42, 43, 47 and 48. Ids are -1 where the model has no such piece.
    record Trainer(int modelType, boolean spaceIsSuffix, boolean byteFallback, int eosId, int padId, String eos,
            String pad) {}

    /// `NormalizerSpec`: fields 3, 4 and 5.
    record Spaces(boolean addDummyPrefix, boolean removeExtra, boolean escape) {}

    /// @throws ConfigException if the file is missing, damaged, or not a unigram model
    static SentencePieceModel read(Path path) {
        var file = path.toString();
        byte[] bytes;
        try {
            require(Files.isRegularFile(path), "no SentencePiece model %s; copy it from the original release", file);
            require(Files.size(path) <= LARGEST_FILE, "%s has %d bytes, too many for a SentencePiece model", file,
                    Files.size(path));
            bytes = Files.readAllBytes(path);
        } catch (IOException e) {
            throw new ConfigException("cannot read %s: %s".formatted(file, e.getMessage()), e);
        }
        var pieces = new ArrayList<Piece>();
        var trainer = new Trainer(UNIGRAM, false, false, 2, -1, "</s>", "<pad>"); // the defaults of the proto
        var rules = new byte[0];
        var spaces = new Spaces(true, true, true);
        var model = new Protobuf(file, bytes);
        while (model.next()) {
            switch (model.field()) {
                case 1 -> pieces.add(piece(file, pieces.size(), model.asMessage()));
                case 2 -> trainer = trainer(model.asMessage());
                case 3 -> {
                    var spec = model.asMessage();
                    while (spec.next()) {
                        switch (spec.field()) {
                            case 2 -> rules = spec.asBytes();
                            case 3 -> spaces = new Spaces(spec.asBoolean(), spaces.removeExtra, spaces.escape);
                            case 4 -> spaces = new Spaces(spaces.addDummyPrefix, spec.asBoolean(), spaces.escape);
                            case 5 -> spaces = new Spaces(spaces.addDummyPrefix, spaces.removeExtra, spec.asBoolean());
                            default -> { }
                        }
                    }
                }
                default -> { } // self tests, the denormaliser and extensions do not touch reading
            }
        }
        return new SentencePieceModel(file, List.copyOf(pieces), idsOf(file, pieces, trainer), trainer, rules, spaces);
    }

    private static Piece piece(String file, int id, Protobuf message) {
        var text = new byte[0];
        var score = 0f;
        var kind = Kind.NORMAL;
        while (message.next()) {
            switch (message.field()) {
                case 1 -> text = message.asBytes();
                case 2 -> score = message.asFloat();
                case 3 -> {
                    var number = message.asInt();
                    kind = Stream.of(Kind.values()).filter(k -> k.number == number).findFirst()
                            .orElseThrow(() -> new ConfigException(
                                    "%s: piece %d is of the unknown kind %d".formatted(file, id, number)));
                }
                default -> { }
            }
        }
        require(text.length > 0, "%s: piece %d is empty", file, id);
        require(!Float.isNaN(score), "%s: the score of piece %d is not a number", file, id);
        return new Piece(text, score, kind);
    }

    private static Trainer trainer(Protobuf message) {
        var type = UNIGRAM;
        boolean suffix = false, fallback = false;
        int eosId = 2, padId = -1;
        String eos = "</s>", pad = "<pad>";
        while (message.next()) {
            switch (message.field()) {
                case 3 -> type = message.asInt();
                case 24 -> suffix = message.asBoolean();
                case 35 -> fallback = message.asBoolean();
                case 42 -> eosId = message.asInt();
                case 43 -> padId = message.asInt();
                case 47 -> eos = message.asString();
                case 48 -> pad = message.asString();
                default -> { }
            }
        }
        return new Trainer(type, suffix, fallback, eosId, padId, eos, pad);
    }

    /// Checks what must hold between pieces, and gives each its id.
    private static Map<String, Integer> idsOf(String file, List<Piece> pieces, Trainer trainer) {
        require(!pieces.isEmpty(), "%s holds no pieces; is it a SentencePiece model?", file);
        require(trainer.modelType == UNIGRAM, "%s is a %s model; only unigram models are read, which T5 and UMT5 use",
                file, MODEL_TYPES.getOrDefault(trainer.modelType, "type " + trainer.modelType));
        // Pieces of text and reserved pieces are two name spaces; where both have a name, it means the reserved one.
        var ids = new HashMap<String, Integer>(2 * pieces.size());
        var reserved = new HashMap<String, Integer>();
        var problems = new ArrayList<String>();
        for (var id = 0; id < pieces.size(); id++) {
            var piece = pieces.get(id);
            var earlier = (piece.kind.inText() ? ids : reserved).putIfAbsent(piece.name(), id);
            if (earlier != null) {
                problems.add("piece \"%s\" has two ids, %d and %d".formatted(piece.name(), earlier, id));
            }
        }
        ids.putAll(reserved);
        var unknown = pieces.stream().filter(piece -> piece.kind == Kind.UNKNOWN).count();
        if (unknown != 1) {
            problems.add("%d pieces for unknown text, where there must be one".formatted(unknown));
        }
        if (pieces.stream().noneMatch(piece -> piece.kind == Kind.NORMAL || piece.kind == Kind.USER_DEFINED)) {
            problems.add("no pieces to write text with");
        }
        if (trainer.byteFallback) {
            IntStream.range(0, 256).mapToObj(SentencePieceModel::byteName).filter(name -> !ids.containsKey(name))
                    .limit(3).forEach(name ->
                            problems.add("no piece %s, although unknown text falls back to bytes".formatted(name)));
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(file, problems.subList(0, Math.min(problems.size(), 20)));
        }
        return ids;
    }

    /// The piece that stands for one byte of unknown text.
    static String byteName(int value) {
        return "<0x%02X>".formatted(value);
    }

    OptionalInt id(String name) {
        var id = ids.get(name);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /// The piece that ends a text: the one the trainer names, as SentencePiece looks it up, or else the one it numbers.
    OptionalInt end() {
        return control(trainer.eos, trainer.eosId);
    }

    /// The piece that fills a text up to a length.
    OptionalInt pad() {
        return control(trainer.pad, trainer.padId);
    }

    private OptionalInt control(String name, int number) {
        return IntStream.of(id(name).orElse(-1), number)
                .filter(id -> id >= 0 && id < pieces.size() && pieces.get(id).kind == Kind.CONTROL).findFirst();
    }

    /// Ids of the pieces that stand for the bytes 0 to 255.
    int[] bytes() {
        return IntStream.range(0, 256).map(value -> ids.get(byteName(value))).toArray();
    }

    /// Ids of all pieces of some kinds, ascending.
    int[] idsOf(Kind... kinds) {
        return IntStream.range(0, pieces.size()).filter(id -> Arrays.asList(kinds).contains(pieces.get(id).kind))
                .toArray();
    }

    /// Writes a small model over whole words. Everything else that ASCII can spell is written letter by letter: letters
    /// score so low that a word of the list is always preferred to its spelling.
    static int write(Path file, Collection<String> words) throws IOException {
        for (var word : words) {
            require(!word.isEmpty() && word.chars().noneMatch(Character::isWhitespace), "\"%s\" is not one word", word);
        }
        var normal = new LinkedHashSet<String>();
        words.forEach(word -> normal.add("▁" + word));
        var whole = normal.size();
        normal.add("▁");
        IntStream.rangeClosed('!', '~').mapToObj(Character::toString).forEach(normal::add);
        var model = new Protobuf.Writer();
        model.put(1, entry("<pad>", 0, Kind.CONTROL)).put(1, entry("</s>", 0, Kind.CONTROL))
                .put(1, entry("<unk>", 0, Kind.UNKNOWN));
        var count = 0;
        for (var piece : normal) {
            model.put(1, entry(piece, count++ < whole ? -1 : -20, Kind.NORMAL));
        }
        model.put(2, new Protobuf.Writer().put(3, UNIGRAM).put(4, count + 3).put(40, 2).put(41, -1).put(42, 1)
                .put(43, 0));
        model.put(3, new Protobuf.Writer().put(1, "identity").put(3, true).put(4, true).put(5, true));
        Files.write(file, model.toBytes());
        return count + 3;
    }

    private static Protobuf.Writer entry(String piece, float score, Kind kind) {
        return new Protobuf.Writer().put(1, piece).put(2, score).put(3, kind.number);
    }
}
