package org.zoetrope.models.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.zoetrope.Golden;

/// The tokenizer files and expected ids under golden/tokenizers; see the README there.
final class TokenizerGolden {
    private TokenizerGolden() {}

    static Path path(String name) {
        return Golden.resource("golden/tokenizers/" + name);
    }

    static JsonNode json(String name) {
        try {
            return new ObjectMapper().readTree(path(name).toFile());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static int[] ids(JsonNode list) {
        return IntStream.range(0, list.size()).map(i -> list.get(i).asInt()).toArray();
    }
}
