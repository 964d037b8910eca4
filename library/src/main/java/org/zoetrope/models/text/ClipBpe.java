package org.zoetrope.models.text;

import static org.zoetrope.weights.ConfigException.require;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.zoetrope.weights.ConfigException;

/// The byte-pair tokenizer of CLIP, read from the published `vocab.json` and `merges.txt`.
/// Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021), section 2.4;
/// the file keeps the order of the release's simple_tokenizer.py.
///
/// Text is composed (NFC), lower-cased and cut into words of letters, single digits and runs of other signs. The
/// release also repairs broken encodings (ftfy) and decodes HTML entities first; the tokenizers that diffusers loads
/// from these files do neither, and neither does this one.
public final class ClipBpe implements Tokenizer {
    private static final long LARGEST_FILE = 64L << 20; // the published files are 1 MB
    private static final String WORD_END = "</w>";
    private static final Pattern WORDS = Pattern.compile(
            "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}|[^\\s\\p{L}\\p{N}]+",
            Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE | Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern CHUNKS = Pattern.compile("\\S+", Pattern.UNICODE_CHARACTER_CLASS);
    private static final String[] LETTERS = letters();

    /// The names of the special pieces, as tokenizer_config.json gives them.
    record Special(String start, String end, String pad, String unknown) {
        static final Special PUBLISHED = new Special("<|startoftext|>", "<|endoftext|>", "<|endoftext|>",
                "<|endoftext|>");
    }

    private record Pair(String left, String right) {}

    private final Map<String, Integer> vocabulary;
    private final Map<Pair, Integer> ranks;
    private final int unknown;
    private final Frame frame;

    /// Reads the two files with the published names of the special pieces.
    ///
    /// @throws ConfigException if a file is missing or damaged, or the two do not belong together
    public static ClipBpe read(Path vocabulary, Path merges) {
        return read(vocabulary, merges, Special.PUBLISHED, OptionalInt.empty());
    }

    static ClipBpe read(Path vocabularyFile, Path mergesFile, Special special, OptionalInt maxLength) {
        var vocabulary = vocabulary(vocabularyFile);
        var ranks = merges(mergesFile, vocabulary);
        var problems = new ArrayList<String>();
        var ids = Stream.of(special.start, special.end, special.pad, special.unknown).mapToInt(name -> {
            var id = vocabulary.getOrDefault(name, -1);
            if (id < 0 && problems.stream().noneMatch(problem -> problem.contains(name))) {
                problems.add("no special piece \"%s\"".formatted(name));
            }
            return id;
        }).toArray();
        if (!problems.isEmpty()) {
            throw new ConfigException(vocabularyFile.toString(), problems);
        }
        return new ClipBpe(vocabulary, ranks, ids[3],
                new Frame(OptionalInt.of(ids[0]), ids[1], OptionalInt.of(ids[2]), maxLength));
    }

    private ClipBpe(Map<String, Integer> vocabulary, Map<Pair, Integer> ranks, int unknown, Frame frame) {
        this.vocabulary = vocabulary;
        this.ranks = ranks;
        this.unknown = unknown;
        this.frame = frame;
    }

    @Override
    public Frame frame() {
        return frame;
    }

    @Override
    public List<Token> split(String prompt) {
        // Neither composing nor lower-casing looks across a space, so chunks can be cleaned one by one, and every token
        // keeps its place in the prompt.
        var tokens = new ArrayList<Token>();
        var chunks = CHUNKS.matcher(prompt);
        while (chunks.find()) {
            var clean = Normalizer.normalize(chunks.group(), Normalizer.Form.NFC).toLowerCase(Locale.ROOT);
            var sameLength = clean.length() == chunks.group().length();
            var words = WORDS.matcher(clean);
            while (words.find()) {
                var begin = sameLength ? chunks.start() + words.start() : chunks.start();
                var end = sameLength ? chunks.start() + words.end() : chunks.end();
                for (var piece : pieces(words.group())) {
                    tokens.add(new Token(vocabulary.getOrDefault(piece, unknown), begin, end));
                }
            }
        }
        return tokens;
    }

    /// Byte-pair encoding of one word: starting from its bytes, the neighbours with the earliest merge are joined, all
    /// of them from left to right, until no neighbours have one.
    private List<String> pieces(String word) {
        if (word.equals(Special.PUBLISHED.start) || word.equals(Special.PUBLISHED.end)) {
            return List.of(word);
        }
        var pieces = new ArrayList<String>();
        for (var b : word.getBytes(StandardCharsets.UTF_8)) {
            pieces.add(LETTERS[b & 0xff]);
        }
        pieces.set(pieces.size() - 1, pieces.getLast() + WORD_END);
        var next = new int[pieces.size()]; // rank of each piece with its right neighbour
        for (var i = 0; i < next.length; i++) {
            next[i] = rank(pieces, i);
        }
        while (true) {
            var best = Integer.MAX_VALUE;
            for (var i = 0; i < pieces.size(); i++) {
                best = Math.min(best, next[i]);
            }
            if (best == Integer.MAX_VALUE) {
                return pieces;
            }
            var joined = new ArrayList<String>(pieces.size());
            var from = new int[pieces.size() + 1];
            for (var i = 0; i < pieces.size(); i++) {
                from[joined.size()] = i;
                joined.add(next[i] == best ? pieces.get(i) + pieces.get(++i) : pieces.get(i));
            }
            from[joined.size()] = pieces.size();
            var ranksBefore = next.clone();
            for (var i = 0; i < joined.size(); i++) {
                // Only pieces beside a fresh one meet a new neighbour.
                var fresh = from[i + 1] - from[i] == 2 || (i + 1 < joined.size() && from[i + 2] - from[i + 1] == 2);
                next[i] = fresh ? rank(joined, i) : ranksBefore[from[i]];
            }
            pieces = joined;
        }
    }

    private int rank(List<String> pieces, int i) {
        return i + 1 < pieces.size()
                ? ranks.getOrDefault(new Pair(pieces.get(i), pieces.get(i + 1)), Integer.MAX_VALUE) : Integer.MAX_VALUE;
    }

    /// A printable letter for every byte, as GPT-2 chose them: bytes that print stand for themselves, the others follow
    /// from U+0100 on.
    private static String[] letters() {
        var letters = new String[256];
        var next = 0x100;
        for (var b = 0; b < letters.length; b++) {
            var prints = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
            letters[b] = Character.toString(prints ? b : next++);
        }
        return letters;
    }

    private static Map<String, Integer> vocabulary(Path file) {
        try {
            var vocabulary = new ObjectMapper().readValue(text(file), new TypeReference<Map<String, Integer>>() {});
            if (vocabulary == null || vocabulary.isEmpty() || vocabulary.containsValue(null)) {
                throw new ConfigException(file
                        + " has no pieces or a piece without an id; it must map each piece to its id");
            }
            return vocabulary;
        } catch (JsonProcessingException e) {
            throw new ConfigException("%s does not map pieces to ids: %s".formatted(file, e.getOriginalMessage()), e);
        }
    }

    private static Map<Pair, Integer> merges(Path file, Map<String, Integer> vocabulary) {
        var ranks = new HashMap<Pair, Integer>();
        var lines = text(file).lines().toList();
        for (var number = 0; number < lines.size(); number++) {
            var line = lines.get(number);
            if (line.isBlank() || (number == 0 && line.startsWith("#version"))) {
                continue;
            }
            var pair = line.strip().split(" ", -1);
            require(pair.length == 2, "%s: line %d is \"%s\", not two pieces", file, number + 1, line);
            require(vocabulary.containsKey(pair[0] + pair[1]),
                    "%s: line %d makes the piece \"%s%s\", which vocab.json does not have; "
                    + "take both files from the same folder", file, number + 1, pair[0], pair[1]);
            ranks.putIfAbsent(new Pair(pair[0], pair[1]), ranks.size());
        }
        require(!ranks.isEmpty(), "%s has no merges", file);
        return ranks;
    }

    private static String text(Path file) {
        try {
            require(Files.isRegularFile(file), "no file %s; copy it from the original release", file);
            require(Files.size(file) <= LARGEST_FILE, "%s has %d bytes, too many for a tokenizer", file,
                    Files.size(file));
            return Files.readString(file);
        } catch (IOException e) {
            throw new ConfigException("cannot read %s: %s".formatted(file, e.getMessage()), e);
        }
    }
}
