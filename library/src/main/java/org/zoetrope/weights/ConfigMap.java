package org.zoetrope.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/// Settings whose keys depend on other settings, as those of schedulers do. The reader asks for each key with its type
/// and ends with [#finish()], which refuses by name what nobody asked for:
///
/// ```java
/// var c = ConfigMap.read(folder.resolve("scheduler_config.json"));
/// c.expectClass("DDIMScheduler");
/// var start = c.number("beta_start", 1e-4);
/// var shift = c.optionalNumber("flow_shift");
/// c.finish();
/// ```
///
/// A key of the wrong type is remembered, its default stands in, and `finish` reports it with the rest. Keys that begin
/// with `_` are notes of the release and need not be read. An object is for one thread.
public final class ConfigMap {
    private final String subject;
    private final ObjectNode values;
    private final Set<String> read = new LinkedHashSet<>();
    private final List<ConfigMap> parts = new ArrayList<>();
    private final List<String> problems = new ArrayList<>();

    private ConfigMap(String subject, ObjectNode values) {
        this.subject = subject;
        this.values = values;
    }

    /// The settings in a file.
    ///
    /// @throws ConfigException if the file cannot be read or is not a JSON object
    public static ConfigMap read(Path file) {
        return new ConfigMap(file.toString(), Json.read(file));
    }

    /// The settings in a text.
    ///
    /// @param subject what messages call it
    /// @param json    the text of a JSON object
    public static ConfigMap parse(String subject, String json) {
        return new ConfigMap(subject, Json.parse(subject, json));
    }

    /// The keys, in the order of the file.
    public Set<String> keys() {
        return values.properties().stream().map(Map.Entry::getKey).collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /// Whether the key is there and not null.
    public boolean has(String key) {
        return values.hasNonNull(key);
    }

    /// The published class, from `_class_name` or, as transformers writes it, the first of `architectures`.
    public Optional<String> className() {
        return className(values);
    }

    static Optional<String> className(ObjectNode values) {
        var name = values.path("_class_name");
        return Optional.of(name.isTextual() ? name : values.path("architectures").path(0))
                .filter(JsonNode::isTextual).map(JsonNode::asText);
    }

    /// Refuses a file written for another class; one that names none is taken at its keys' word.
    public ConfigMap expectClass(String... accepted) {
        read.add("architectures");
        className().filter(found -> !Arrays.asList(accepted).contains(found)).ifPresent(found ->
                problems.add(wrongClass(found, accepted)));
        return this;
    }

    static String wrongClass(String found, String... accepted) {
        return "it describes a %s, expected %s".formatted(found, String.join(" or ", accepted));
    }

    /// Accepts keys that change nothing here.
    public ConfigMap ignore(String... keys) {
        read.addAll(Arrays.asList(keys));
        return this;
    }

    public String string(String key) {
        return required(key, Value.STRING);
    }

    public String string(String key, String otherwise) {
        return optional(key, Value.STRING).orElse(otherwise);
    }

    public Optional<String> optionalString(String key) {
        return optional(key, Value.STRING);
    }

    public int integer(String key) {
        return required(key, Value.INTEGER);
    }

    public int integer(String key, int otherwise) {
        return optional(key, Value.INTEGER).orElse(otherwise);
    }

    public Optional<Integer> optionalInteger(String key) {
        return optional(key, Value.INTEGER);
    }

    public double number(String key) {
        return required(key, Value.NUMBER);
    }

    public double number(String key, double otherwise) {
        return optional(key, Value.NUMBER).orElse(otherwise);
    }

    public Optional<Double> optionalNumber(String key) {
        return optional(key, Value.NUMBER);
    }

    public boolean bool(String key) {
        return required(key, Value.BOOL);
    }

    public boolean bool(String key, boolean otherwise) {
        return optional(key, Value.BOOL).orElse(otherwise);
    }

    /// A list of numbers; empty if the key is absent or null.
    public Optional<List<Double>> numbers(String key) {
        return optional(key, Value.list(Value.NUMBER));
    }

    /// A list of whole numbers; empty if the key is absent or null.
    public Optional<List<Integer>> integers(String key) {
        return optional(key, Value.list(Value.INTEGER));
    }

    /// A list of strings; empty if the key is absent, null, or a list with a null in it, which is how
    /// `model_index.json` says that a component is left out.
    public Optional<List<String>> strings(String key) {
        if (values.path(key).isArray() && values.path(key).valueStream().anyMatch(JsonNode::isNull)) {
            read.add(key);
            return Optional.empty();
        }
        return optional(key, Value.list(Value.STRING));
    }

    /// Settings inside these settings. Their unread keys are reported by this object's [#finish()].
    public ConfigMap map(String key) {
        return optionalMap(key).orElseThrow(() -> new ConfigException(
                subject, values.hasNonNull(key) ? problems : withProblem(missing(key))));
    }

    public Optional<ConfigMap> optionalMap(String key) {
        read.add(key);
        if (!(values.path(key) instanceof ObjectNode object)) {
            if (values.hasNonNull(key)) {
                problems.add(mistyped(key, "an object"));
            }
            return Optional.empty();
        }
        var part = new ConfigMap(subject + " " + key, object);
        parts.add(part);
        return Optional.of(part);
    }

    /// Ends the reading.
    ///
    /// @throws ConfigException if a key was never asked for or has the wrong type, with all of them
    public void finish() {
        var all = new ArrayList<>(problems);
        collectUnread("", all);
        if (!all.isEmpty()) {
            throw new ConfigException(subject, all);
        }
    }

    private void collectUnread(String place, List<String> all) {
        keys().stream().filter(k -> !read.contains(k) && !k.startsWith("_")).forEach(k -> all.add(
                "unknown option \"%s%s\" = %s%s".formatted(place, k, values.path(k), Names.nearest(k, absent())
                        .map("; did you mean \"%s\"?"::formatted).orElse(""))));
        parts.forEach(part -> {
            all.addAll(part.problems);
            part.collectUnread(place + part.subject.substring(subject.length() + 1) + ".", all);
        });
    }

    private List<String> absent() {
        return read.stream().filter(k -> !values.has(k)).toList();
    }

    private <T> T required(String key, Value<T> type) {
        read.add(key);
        var node = values.path(key);
        return type.of(node).orElseThrow(() -> new ConfigException(subject, withProblem(
                node.isMissingNode() ? missing(key) : mistyped(key, type.name()))));
    }

    private <T> Optional<T> optional(String key, Value<T> type) {
        read.add(key);
        var node = values.path(key);
        if (node.isMissingNode() || node.isNull()) {
            return Optional.empty();
        }
        var value = type.of(node);
        if (value.isEmpty()) {
            problems.add(mistyped(key, type.name()));
        }
        return value;
    }

    private List<String> withProblem(String last) {
        var all = new ArrayList<>(problems);
        all.add(last);
        return all;
    }

    private String missing(String key) {
        var unread = keys().stream().filter(k -> !read.contains(k)).toList();
        return "missing key \"%s\"%s".formatted(key, Names.nearest(key, unread)
                .map("; found \"%s\""::formatted).orElse(""));
    }

    private String mistyped(String key, String expected) {
        return "\"%s\" is %s, expected %s".formatted(key, values.path(key), expected);
    }

    /// A type of JSON value, by how it is read.
    record Value<T>(String name, Function<JsonNode, Optional<T>> reader) {
        static final Value<String> STRING =
                new Value<>("a string", n -> n.isTextual() ? Optional.of(n.asText()) : Optional.empty());
        static final Value<Boolean> BOOL =
                new Value<>("true or false", n -> n.isBoolean() ? Optional.of(n.asBoolean()) : Optional.empty());
        /// Releases write `4.0` for 4 here and there.
        static final Value<Integer> INTEGER = new Value<>("a whole number", n ->
                n.isNumber() && n.doubleValue() == Math.rint(n.doubleValue())
                        && Math.abs(n.doubleValue()) <= Integer.MAX_VALUE
                        ? Optional.of((int) n.doubleValue()) : Optional.empty());
        static final Value<Double> NUMBER =
                new Value<>("a number", n -> n.isNumber() ? Optional.of(n.doubleValue()) : Optional.empty());

        static <T> Value<List<T>> list(Value<T> element) {
            return new Value<>("a list, each " + element.name, n -> {
                var items = n.isArray() ? n.valueStream().map(element::of).toList() : List.<Optional<T>>of();
                return n.isArray() && items.stream().allMatch(Optional::isPresent)
                        ? Optional.of(items.stream().map(Optional::orElseThrow).toList()) : Optional.empty();
            });
        }

        Optional<T> of(JsonNode node) {
            return reader.apply(node);
        }
    }
}
