package org.zoetrope.tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.ToLongFunction;

/// A parsed axis pattern: reshape, permute, reshape. Patterns are parsed once.
record Rearrange(String pattern, List<List<String>> left, List<List<String>> right) {
    private static final Map<String, Rearrange> PARSED = new ConcurrentHashMap<>();

    static Rearrange of(String pattern) {
        return PARSED.computeIfAbsent(pattern, Rearrange::parse);
    }

    private static Rearrange parse(String pattern) {
        var sides = pattern.split("->", -1);
        ShapeException.require(sides.length == 2, "pattern \"%s\" has no single ->", pattern);
        var left = side(sides[0], pattern);
        var right = side(sides[1], pattern);
        var names = left.stream().flatMap(List::stream).sorted().toList();
        ShapeException.require(names.equals(right.stream().flatMap(List::stream).sorted().toList()),
                "pattern \"%s\" does not name the same axes on both sides", pattern);
        ShapeException.require(names.size() == names.stream().distinct().count(), "pattern \"%s\" names an axis twice", pattern);
        return new Rearrange(pattern, left, right);
    }

    /// One list of names per axis; an empty list is an axis of size one.
    private static List<List<String>> side(String text, String pattern) {
        var axes = new ArrayList<List<String>>();
        var group = new ArrayList<String>();
        var inside = false;
        for (var token : text.replace("(", " ( ").replace(")", " ) ").trim().split("\\s+")) {
            switch (token) {
                case "(" -> {
                    ShapeException.require(!inside, "nested parentheses in \"%s\"", pattern);
                    inside = true;
                    group = new ArrayList<>();
                }
                case ")" -> {
                    ShapeException.require(inside, "unbalanced parentheses in \"%s\"", pattern);
                    inside = false;
                    axes.add(List.copyOf(group));
                }
                case "1" -> {
                    if (!inside) {
                        axes.add(List.of());
                    }
                }
                case "" -> {}
                default -> {
                    if (inside) {
                        group.add(token);
                    } else {
                        axes.add(List.of(token));
                    }
                }
            }
        }
        ShapeException.require(!inside, "unbalanced parentheses in \"%s\"", pattern);
        return List.copyOf(axes);
    }

    Tensor apply(Tensor tensor, Axis... given) {
        var shape = tensor.shape();
        var sizes = new LinkedHashMap<String, Long>();
        for (var axis : given) {
            sizes.put(axis.name(), axis.size());
        }
        ShapeException.require(shape.length == left.size(), "pattern \"%s\" takes %d axes, not %s", pattern, left.size(),
                Arrays.toString(shape));
        for (var i = 0; i < shape.length; i++) {
            resolve(left.get(i), shape[i], sizes, shape);
        }
        var order = left.stream().flatMap(List::stream).toList();
        var target = right.stream().flatMap(List::stream).toList();
        ToLongFunction<String> size = name -> Objects.requireNonNull(sizes.get(name));
        var split = order.stream().mapToLong(size).toArray();
        var moved = target.stream().mapToLong(order::indexOf).toArray();
        var joined = right.stream().mapToLong(group -> group.stream().mapToLong(size).reduce(1, (a, b) -> a * b)).toArray();
        var value = Arrays.equals(split, shape) ? tensor : tensor.reshape(split);
        value = order.equals(target) ? value : value.permute(moved);
        return Arrays.equals(joined, value.shape()) ? value : value.reshape(joined);
    }

    private void resolve(List<String> group, long size, Map<String, Long> sizes, long[] shape) {
        var open = group.stream().filter(name -> !sizes.containsKey(name)).toList();
        ShapeException.require(open.size() <= 1, "pattern \"%s\" leaves the sizes of %s open", pattern, String.join(" and ", open));
        var known = group.stream().filter(sizes::containsKey).mapToLong(name -> Objects.requireNonNull(sizes.get(name))).reduce(1, (a, b) -> a * b);
        var fits = open.isEmpty() ? known == size : known > 0 && size % known == 0;
        ShapeException.require(fits, "pattern \"%s\" does not fit %s: axis (%s) has size %d", pattern, Arrays.toString(shape),
                String.join(" ", group), size);
        open.forEach(name -> sizes.put(name, size / known));
    }
}
