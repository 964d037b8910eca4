package org.zoetrope.models.text;

import static org.zoetrope.weights.ConfigException.require;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigMap;

/// Reads and writes the `tokenizer` folder of a model, as transformers lays it out.
public final class Tokenizers {
    static final String CONFIG = "tokenizer_config.json";
    private static final String SPECIAL = "special_tokens_map.json";
    private static final String PIECES = "spiece.model", VOCABULARY = "vocab.json", MERGES = "merges.txt";

    private Tokenizers() {}

    /// The tokenizer of a folder, chosen by `tokenizer_class` in its tokenizer_config.json.
    ///
    /// @throws ConfigException if files are missing or damaged, or the class is none of T5's and CLIP's
    public static Tokenizer read(Path folder) {
        require(Files.isDirectory(folder), "no tokenizer folder %s", folder);
        var file = folder.resolve(CONFIG);
        require(Files.isRegularFile(file),
                "no %s in %s (found %s); it says which tokenizer this is: copy it from the original release",
                CONFIG, folder, list(folder));
        // Published files carry dozens of keys about other uses of a tokenizer; only these matter here.
        var config = ConfigMap.read(file);
        var special = Files.isRegularFile(folder.resolve(SPECIAL)) ? ConfigMap.read(folder.resolve(SPECIAL))
                : ConfigMap.parse(SPECIAL, "{}");
        var name = config.string("tokenizer_class", "");
        require(!config.string("padding_side", "right").equals("left"),
                "%s asks for padding on the left; text encoders are padded on the right", file);
        var maxLength = maxLength(config);
        return switch (name) {
            case "T5Tokenizer", "T5TokenizerFast" -> {
                present(folder, name, PIECES);
                yield SentencePiece.read(folder.resolve(PIECES), piece("eos_token", config, special),
                        piece("pad_token", config, special), maxLength);
            }
            case "CLIPTokenizer", "CLIPTokenizerFast" -> {
                present(folder, name, VOCABULARY, MERGES);
                var published = ClipBpe.Special.PUBLISHED;
                yield ClipBpe.read(folder.resolve(VOCABULARY), folder.resolve(MERGES), new ClipBpe.Special(
                        piece("bos_token", config, special).orElse(published.start()),
                        piece("eos_token", config, special).orElse(published.end()),
                        piece("pad_token", config, special).orElse(published.pad()),
                        piece("unk_token", config, special).orElse(published.unknown())), maxLength);
            }
            case "" -> throw new ConfigException(
                    "%s has no tokenizer_class; write T5Tokenizer or CLIPTokenizer".formatted(file));
            default -> throw new ConfigException(
                    "%s: tokenizer_class is %s; only T5Tokenizer and CLIPTokenizer (and their Fast forms) are read"
                            .formatted(file, name));
        };
    }

    /// Writes a T5 tokenizer folder over a list of whole words, as [SentencePiece#write] describes.
    ///
    /// @param maxLength tokens the encoder will read, the end token included
    /// @return size of the vocabulary
    public static int write(Path folder, Collection<String> words, int maxLength) throws IOException {
        Files.createDirectories(folder);
        var config = new LinkedHashMap<String, Object>();
        config.put("tokenizer_class", "T5Tokenizer");
        config.put("model_max_length", maxLength);
        config.put("pad_token", "<pad>");
        config.put("eos_token", "</s>");
        config.put("unk_token", "<unk>");
        config.put("extra_ids", 0);
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(folder.resolve(CONFIG).toFile(), config);
        return SentencePiece.write(folder.resolve(PIECES), words);
    }

    private static void present(Path folder, String tokenizer, String... names) {
        var missing = Stream.of(names).filter(name -> !Files.isRegularFile(folder.resolve(name)))
                .collect(Collectors.joining(" and "));
        var fast = Files.exists(folder.resolve("tokenizer.json"))
                ? "tokenizer.json, which is not read, says the same: " : "";
        require(missing.isEmpty(), "no %s in %s, which %s is read from (found %s); %scopy %s from the original release",
                missing, folder, tokenizer, list(folder), fast, missing);
    }

    /// A special piece: a plain string, or an object that holds it as `content`.
    private static Optional<String> piece(String key, ConfigMap... files) {
        return Stream.of(files).flatMap(file -> file.optionalString(key)
                .or(() -> file.optionalMap(key).flatMap(object -> object.optionalString("content"))).stream())
                        .findFirst();
    }

    /// Transformers writes 1e30 where a tokenizer has no limit.
    private static OptionalInt maxLength(ConfigMap config) {
        var length = config.number("model_max_length", Double.POSITIVE_INFINITY);
        require(length >= 2, "model_max_length is %s; a prompt needs at least two tokens", length);
        return length <= Integer.MAX_VALUE ? OptionalInt.of((int) length) : OptionalInt.empty();
    }

    private static String list(Path folder) {
        try (var files = Files.list(folder)) {
            var names = files.map(file -> file.getFileName().toString()).sorted().collect(Collectors.joining(", "));
            return names.isEmpty() ? "nothing" : names;
        } catch (IOException e) {
            return "nothing readable";
        }
    }
}
