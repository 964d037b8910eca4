package org.zoetrope.server;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.javalin.http.Context;
import jakarta.servlet.MultipartConfigElement;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.Part;
import java.io.IOException;
import org.eclipse.jetty.http.HttpException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// What a request brought: a multipart form, a form in the body, or a JSON object, all read into the same names. What is
/// inside an object is called `video[id]`, as the OpenAI clients write it into forms.
final class Form {
    /// A video may be one long text; how long bodies may be is checked before they are read.
    private static final JsonMapper JSON = new JsonMapper(JsonFactory.builder().streamReadConstraints(
            StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build()).build());
    private static final int DEEPEST = 4;
    private static final String MULTIPART = "org.eclipse.jetty.multipartConfig"; // how Jetty is told of limits
    private static final int IN_MEMORY = 1 << 20; // bytes of a part that are not written to a temporary file
    private static final Set<String> LISTS = Set.of("characters"); // of objects; no other field is a list

    private final Map<String, String> fields = new LinkedHashMap<>();
    private final Map<String, byte[]> files = new LinkedHashMap<>();
    private final Map<String, Integer> entries = new HashMap<>(); // of lists, by the name that all of them have in a form

    private Form() {}

    /// @throws ApiException if the body is not what it says, or brings more than it may
    static Form read(Context ctx, ServerSettings.RequestLimits limits) {
        var type = Optional.ofNullable(ctx.header("Content-Type")).orElse("").toLowerCase(Locale.ROOT);
        var form = new Form();
        try {
            if (type.startsWith("multipart/form-data")) {
                form.parts(ctx, limits);
            } else if (type.startsWith("application/x-www-form-urlencoded")) {
                form.encoded(ctx);
            } else {
                form.json(ctx.bodyAsBytes());
            }
        } catch (IOException | ServletException | IllegalStateException e) {
            throw ApiException.invalid("invalid_body", "the body of the request cannot be read: "
                    + String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        } catch (RuntimeException e) {
            // Jetty's own family for bodies that are cut short or too large.
            throw e instanceof HttpException http
                    ? ApiException.invalid("invalid_body", "the body of the request cannot be read: " + http.getReason())
                    : e;
        }
        return form;
    }

    private void encoded(Context ctx) {
        Map<String, List<String>> given;
        try {
            given = ctx.formParamMap();
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid("invalid_body", "the form is not encoded as its type says: " + e.getMessage());
        }
        given.forEach((name, values) -> (values.isEmpty() ? List.of("") : values).forEach(value -> put(name, value)));
    }

    private void parts(Context ctx, ServerSettings.RequestLimits limits) throws IOException, ServletException {
        ctx.req().setAttribute(MULTIPART, new MultipartConfigElement("", limits.bodyBytes(), limits.bodyBytes(),
                IN_MEMORY));
        var parts = ctx.req().getParts();
        if (parts.size() > limits.parts()) {
            throw ApiException.invalid("too_many_parts", "the form has %d parts; at most %d are read".formatted(
                    parts.size(), limits.parts()));
        }
        for (var part : parts) {
            read(part);
        }
    }

    private void read(Part part) throws IOException {
        var content = part.getInputStream().readAllBytes();
        if (part.getSubmittedFileName() != null) {
            if (files.put(part.getName(), content) != null) {
                throw ApiException.invalid("duplicate_field", part.getName(), "this field comes twice");
            }
            return;
        }
        try {
            put(part.getName(), StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString());
        } catch (CharacterCodingException e) {
            // A file that a client forgot to name.
            files.put(part.getName(), content);
        }
    }

    private void put(String name, String value) {
        if (fields.put(numbered(name), value) != null) {
            throw ApiException.invalid("duplicate_field", name, "this field comes twice");
        }
    }

    /// What clients write into forms as `characters[][id]`, again and again, is `characters[0][id]` and so on.
    private String numbered(String name) {
        var at = name.indexOf("[]");
        return at < 0 || !LISTS.contains(name.substring(0, at)) ? name
                : "%s[%d]%s".formatted(name.substring(0, at), entries.merge(name, 1, Integer::sum) - 1,
                        name.substring(at + 2));
    }

    private void json(byte[] body) throws IOException {
        if (body.length == 0) {
            return;
        }
        JsonNode root;
        try {
            root = JSON.readTree(body);
        } catch (JsonProcessingException e) {
            throw ApiException.invalid("invalid_json", "the body is no JSON: " + e.getOriginalMessage());
        }
        if (root == null || !root.isObject()) {
            throw ApiException.invalid("invalid_json", "the body must be a JSON object");
        }
        root.properties().forEach(entry -> flatten(entry.getKey(), entry.getValue(), 1));
    }

    private void flatten(String name, JsonNode value, int depth) {
        if (depth > DEEPEST) {
            throw ApiException.invalid("invalid_json", name, "this is nested too deeply");
        }
        if (value.isObject()) {
            value.properties().forEach(entry -> flatten("%s[%s]".formatted(name, entry.getKey()), entry.getValue(),
                    depth + 1));
        } else if (value.isArray() && LISTS.contains(name)) {
            for (var i = 0; i < value.size(); i++) {
                var entry = "%s[%d]".formatted(name, i);
                var before = fields.size();
                flatten(entry, value.get(i), depth + 1);
                if (fields.size() == before) {
                    put(entry, ""); // it says nothing, which is told where the list is read
                }
            }
        } else if (value.isArray()) {
            throw ApiException.invalid("invalid_value", name, "this field is no list");
        } else if (!value.isNull()) {
            put(name, value.asText());
        }
    }

    // ---------------------------------------------------------------- reading

    /// Refuses what is in nobody's vocabulary, so that a misspelt setting is not silently without effect.
    void allow(Set<String> names) {
        var unknown = names().filter(name -> !names.contains(name) && !names.contains(field(name))).toList();
        if (!unknown.isEmpty()) {
            throw ApiException.invalid("unknown_parameter", unknown.getFirst(),
                    "unknown %s; this request takes %s".formatted(
                            unknown.stream().map("\"%s\""::formatted).collect(Collectors.joining(", ")),
                            names.stream().sorted().collect(Collectors.joining(", "))));
        }
    }

    private Stream<String> names() {
        return Stream.concat(fields.keySet().stream(), files.keySet().stream());
    }

    /// The field that something within an object belongs to.
    private static String field(String name) {
        return name.replaceAll("\\[.*", "");
    }

    /// Whether the request says anything about a field.
    boolean has(String field) {
        return names().anyMatch(name -> field(name).equals(field));
    }

    /// What stands under a key in every object of a list.
    List<String> each(String list, String key) {
        var form = Pattern.compile("%s\\[\\d+]\\[%s]".formatted(list, key));
        return names().filter(name -> field(name).equals(list)).map(name -> text(name).filter(_ -> form.matcher(name)
                .matches()).orElseThrow(() -> ApiException.invalid("invalid_value", list,
                        "\"%s\" is a list of objects with one key, such as [{\"%s\": \"...\"}]".formatted(list, key))))
                .toList();
    }

    Optional<String> text(String name) {
        return Optional.ofNullable(fields.get(name));
    }

    Optional<byte[]> file(String name) {
        return Optional.ofNullable(files.get(name));
    }

    String required(String name) {
        return text(name).filter(value -> !value.isBlank()).orElseThrow(() -> ApiException.invalid(
                "missing_required_parameter", name, "\"%s\" is missing".formatted(name)));
    }

    Optional<Integer> integer(String name) {
        return number(name, "a whole number", Integer::valueOf);
    }

    Optional<Long> longInteger(String name) {
        return number(name, "a whole number", Long::valueOf);
    }

    Optional<Double> real(String name) {
        return number(name, "a number", text -> {
            var value = Double.parseDouble(text);
            if (!Double.isFinite(value)) {
                throw new NumberFormatException(text);
            }
            return value;
        });
    }

    private <T> Optional<T> number(String name, String kind, Function<String, T> parse) {
        return text(name).map(value -> {
            try {
                return parse.apply(value.strip());
            } catch (NumberFormatException _) {
                throw ApiException.invalid("invalid_value", name, "\"%s\" must be %s, found \"%s\"".formatted(name,
                        kind, value.length() > 40 ? value.substring(0, 40) + "..." : value));
            }
        });
    }

    /// Tells two requests apart, by everything that they brought.
    String fingerprint(String operation) {
        try {
            var digest = MessageDigest.getInstance("SHA-256");
            digest.update(operation.getBytes(StandardCharsets.UTF_8));
            fields.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(e -> digest.update("%d:%s=%s;"
                    .formatted(e.getValue().length(), e.getKey(), e.getValue()).getBytes(StandardCharsets.UTF_8)));
            files.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(e -> {
                digest.update("%d:%s=".formatted(e.getValue().length, e.getKey()).getBytes(StandardCharsets.UTF_8));
                digest.update(e.getValue());
            });
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
