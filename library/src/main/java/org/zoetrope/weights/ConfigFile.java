package org.zoetrope.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Reads `config.json` into a record, once and completely.
///
/// The key `text_width` becomes the component `textWidth`. Unknown, missing and mistyped keys are reported together,
/// with the nearest name; keys that begin with `_` are notes of the release. The record's constructor checks what must
/// hold between values, and its complaint is reported with the name of the file.
///
/// Components may be numbers, booleans, strings, enums, records, lists of these, `int[]` and `double[]`.
/// `Optional<...>` stands for a key that may be null or absent; [Default] for one that may be absent. A single value
/// is read as a list of one where a list is expected, as releases write both.
public final class ConfigFile {
    /// The value of a key that a release may leave out, as JSON: `@Default("1e-5") double normEps`.
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.RECORD_COMPONENT)
    public @interface Default {
        String value();
    }

    /// The key of a component whose name cannot be derived from it.
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.RECORD_COMPONENT)
    public @interface Key {
        String value();
    }

    /// Published keys that change nothing in our implementation; a `*` at the end stands for any ending.
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.TYPE)
    public @interface Ignores {
        String[] value();
    }

    private ConfigFile() {}

    /// Reads a file into a record.
    ///
    /// @param classNames the published classes it may have been written for; none given, none checked
    /// @throws ConfigException if the file and the record do not fit together, with everything found
    public static <C extends Record> C read(Path file, Class<C> type, String... classNames) {
        return read(file.toString(), Json.read(file), type, classNames);
    }

    /// Reads the text of a JSON object, as [#read(Path, Class, String...)].
    ///
    /// @param subject what messages call it
    public static <C extends Record> C parse(String subject, String json, Class<C> type, String... classNames) {
        return read(subject, Json.parse(subject, json), type, classNames);
    }

    private static <C extends Record> C read(String subject, ObjectNode json, Class<C> type, String... classNames) {
        var problems = new ArrayList<String>();
        if (classNames.length > 0) {
            ConfigMap.className(json).filter(c -> !Arrays.asList(classNames).contains(c))
                    .ifPresent(c -> problems.add(ConfigMap.wrongClass(c, classNames)));
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(subject, problems); // the keys of another class would only add noise
        }
        var record = record(json, type, "", problems);
        return record.filter(_ -> problems.isEmpty()).map(type::cast)
                .orElseThrow(() -> new ConfigException(subject, problems));
    }

    /// Writes a record so that [#read(Path, Class, String...)] gives it back. The file is replaced at once or not at
    /// all.
    ///
    /// @param className what `_class_name` will say
    public static void write(Path file, String className, Record config) {
        var json = Json.object().put("_class_name", className);
        json.setAll((ObjectNode) toJson(config));
        try {
            AtomicFile.write(file, channel -> {
                var text = StandardCharsets.UTF_8.encode(Json.print(json));
                while (text.hasRemaining()) {
                    channel.write(text);
                }
            });
        } catch (IOException e) {
            throw new ConfigException("cannot write %s: %s".formatted(file, e), e);
        }
    }

    /// The text of a record, indented, that [#parse(String, String, Class, String...)] gives back.
    public static String print(Record config) {
        return Json.print(toJson(config));
    }

    // ---------------------------------------------------------------- JSON to record

    private static Optional<Object> record(ObjectNode json, Class<?> type, String place, List<String> problems) {
        var before = problems.size();
        var components = new LinkedHashMap<String, RecordComponent>();
        for (var component : type.getRecordComponents()) {
            components.put(key(component), component);
        }
        var unknown = json.properties().stream().map(Map.Entry::getKey)
                .filter(k -> !components.containsKey(k) && !k.startsWith("_") && !isIgnored(type, k)).toList();
        var missing = components.entrySet().stream()
                .filter(c -> !json.has(c.getKey()) && !mayBeAbsent(c.getValue())).map(Map.Entry::getKey).toList();
        unknown.forEach(k -> problems.add("unknown key \"%s%s\" = %s%s".formatted(place, k, json.path(k),
                Names.nearest(k, components.keySet().stream().filter(c -> !json.has(c)).toList())
                        .map("; did you mean \"%s\"?"::formatted).orElse(""))));
        missing.forEach(k -> problems.add("missing key \"%s%s\"%s".formatted(place, k,
                Names.nearest(k, unknown).map("; found \"%s\""::formatted).orElse(""))));

        var values = new ArrayList<Object>();
        components.forEach((key, component) -> {
            if (!missing.contains(key)) {
                var byDefault = component.getAnnotation(Default.class);
                var node = json.has(key) || byDefault == null ? json.path(key) : Json.value(byDefault.value());
                value(node, component.getGenericType(), place + key, problems).ifPresent(values::add);
            }
        });
        return problems.size() > before ? Optional.empty() : construct(type, values, place, problems);
    }

    private static Optional<Object> construct(Class<?> type, List<Object> values, String place, List<String> problems) {
        try {
            var constructor = type.getDeclaredConstructor(
                    Arrays.stream(type.getRecordComponents()).map(RecordComponent::getType).toArray(Class<?>[]::new));
            constructor.setAccessible(true);
            return Optional.of(constructor.newInstance(values.toArray()));
        } catch (InvocationTargetException e) {
            var where = place.isEmpty() ? "" : "\"" + place.substring(0, place.length() - 1) + "\": ";
            if (e.getCause() instanceof ConfigException refusal) {
                refusal.problems().forEach(p -> problems.add(where + p));
            } else if (e.getCause() instanceof IllegalArgumentException refusal) {
                problems.add(where + refusal.getMessage());
            } else if (e.getCause() instanceof RuntimeException refusal) {
                problems.add("%sits values cannot be used together: %s".formatted(where, refusal));
            } else {
                throw new IllegalStateException("the constructor of %s failed".formatted(type.getName()), e);
            }
            return Optional.empty();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("%s cannot be constructed".formatted(type.getName()), e);
        }
    }

    private static Optional<Object> value(JsonNode node, Type type, String place, List<String> problems) {
        if (type instanceof ParameterizedType outer && outer.getRawType() == Optional.class) {
            return node.isNull() || node.isMissingNode() ? Optional.of(Optional.empty())
                    : value(node, outer.getActualTypeArguments()[0], place, problems).map(Optional::of);
        }
        if (type instanceof ParameterizedType outer && outer.getRawType() == List.class) {
            return list(node, outer.getActualTypeArguments()[0], place, problems).map(l -> l);
        }
        if (!(type instanceof Class<?> plain)) {
            throw new IllegalStateException("\"%s\" has the type %s, which configs do not hold".formatted(place, type));
        }
        if (plain == int[].class) {
            return list(node, Integer.class, place, problems)
                    .map(l -> l.stream().mapToInt(Integer.class::cast).toArray());
        }
        if (plain == double[].class) {
            return list(node, Double.class, place, problems)
                    .map(l -> l.stream().mapToDouble(Double.class::cast).toArray());
        }
        if (plain.isRecord() && node instanceof ObjectNode object) {
            return record(object, plain, place + ".", problems);
        }
        var scalar = scalar(node, plain);
        if (scalar.isEmpty()) {
            problems.add("\"%s\" is %s, expected %s".formatted(place, node, name(plain)));
        }
        return scalar;
    }

    private static Optional<List<Object>> list(JsonNode node, Type element, String place, List<String> problems) {
        if (!node.isArray() && (node.isNull() || node.isObject())) {
            problems.add("\"%s\" is %s, expected a list".formatted(place, node));
            return Optional.empty();
        }
        var nodes = node.isArray() ? node.valueStream().toList() : List.of(node);
        var before = problems.size();
        var items = new ArrayList<Object>();
        for (var i = 0; i < nodes.size(); i++) {
            value(nodes.get(i), element, node.isArray() ? "%s[%d]".formatted(place, i) : place, problems)
                    .ifPresent(items::add);
        }
        return problems.size() > before ? Optional.empty() : Optional.of(List.copyOf(items));
    }

    private static Optional<Object> scalar(JsonNode node, Class<?> type) {
        if (type == int.class || type == Integer.class) {
            return ConfigMap.Value.INTEGER.of(node).map(i -> i);
        }
        if (type == long.class || type == Long.class) {
            return node.canConvertToExactIntegral() && node.canConvertToLong()
                    ? Optional.of(node.longValue()) : Optional.empty();
        }
        if (type == double.class || type == Double.class) {
            return ConfigMap.Value.NUMBER.of(node).map(d -> d);
        }
        if (type == float.class || type == Float.class) {
            return ConfigMap.Value.NUMBER.of(node).map(Double::floatValue);
        }
        if (type == boolean.class || type == Boolean.class) {
            return ConfigMap.Value.BOOL.of(node).map(b -> b);
        }
        if (type == String.class) {
            return ConfigMap.Value.STRING.of(node).map(s -> s);
        }
        if (type.isEnum()) {
            return ConfigMap.Value.STRING.of(node).flatMap(text -> Arrays.stream(type.getEnumConstants())
                    .filter(c -> spelling(c).equals(text)).map(Object.class::cast).findFirst());
        }
        if (!type.isRecord()) {
            throw new IllegalStateException(type.getName() + " is not a type that configs hold");
        }
        return Optional.empty();
    }

    private static String name(Class<?> type) {
        if (type.isEnum()) {
            return Arrays.stream(type.getEnumConstants()).map(c -> "\"" + spelling(c) + "\"")
                    .collect(Collectors.joining(" or "));
        }
        return switch (type.getSimpleName()) {
            case "int", "Integer", "long", "Long" -> "a whole number";
            case "boolean", "Boolean" -> "true or false";
            case "String" -> "a string";
            case "double", "Double", "float", "Float" -> "a number";
            default -> "an object";
        };
    }

    /// Enum constants are written as `V_PREDICTION` here and as `v_prediction` in a config.
    private static String spelling(Object constant) {
        return ((Enum<?>) constant).name().toLowerCase(Locale.ROOT);
    }

    private static String key(RecordComponent component) {
        var given = component.getAnnotation(Key.class);
        return given != null ? given.value()
                : Pattern.compile("[A-Z]").matcher(component.getName())
                        .replaceAll(m -> "_" + m.group().toLowerCase(Locale.ROOT));
    }

    private static boolean mayBeAbsent(RecordComponent component) {
        return component.isAnnotationPresent(Default.class) || component.getType() == Optional.class;
    }

    private static boolean isIgnored(Class<?> type, String key) {
        var ignores = type.getAnnotation(Ignores.class);
        return ignores != null && Arrays.stream(ignores.value()).anyMatch(i -> i.endsWith("*")
                ? key.startsWith(i.substring(0, i.length() - 1)) : key.equals(i));
    }

    // ---------------------------------------------------------------- record to JSON

    private static JsonNode toJson(Object value) {
        return switch (value) {
            case Record config -> {
                var json = Json.object();
                for (var component : config.getClass().getRecordComponents()) {
                    try {
                        var accessor = component.getAccessor();
                        accessor.setAccessible(true);
                        json.set(key(component), toJson(accessor.invoke(config)));
                    } catch (ReflectiveOperationException e) {
                        throw new IllegalStateException("%s cannot be read".formatted(component), e);
                    }
                }
                yield json;
            }
            case Optional<?> maybe -> maybe.isPresent() ? toJson(maybe.get()) : Json.value("null");
            case List<?> list -> {
                var json = Json.object().arrayNode();
                list.forEach(item -> json.add(toJson(item)));
                yield json;
            }
            case Enum<?> constant -> Json.tree(spelling(constant));
            default -> Json.tree(value);
        };
    }
}
