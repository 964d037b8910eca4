package org.zoetrope.weights;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// What error messages say about names: which ones there are, and which one was probably meant.
final class Names {
    private static final int LISTED = 12;

    private Names() {}

    /// The first few of many names. Whole numbers, as the children of a list of blocks have, come as a range.
    static String some(Collection<String> names) {
        if (names.isEmpty()) {
            return "nothing";
        }
        var numbers = names.stream().filter(Names::isIndex).mapToInt(Integer::parseInt).sorted().toArray();
        var range = numbers.length > 2 && numbers[numbers.length - 1] - numbers[0] == numbers.length - 1;
        var words = range
                ? Stream.concat(Stream.of(numbers[0] + " to " + numbers[numbers.length - 1]),
                        names.stream().filter(n -> !isIndex(n))).toList()
                : List.copyOf(names);
        var text = words.stream().limit(LISTED).collect(Collectors.joining(", "));
        return words.size() > LISTED ? "%s and %d more".formatted(text, words.size() - LISTED) : text;
    }

    private static boolean isIndex(String name) {
        return name.length() < 7 && !name.isEmpty() && name.chars().allMatch(c -> c >= '0' && c <= '9');
    }

    /// The name that differs least, if any is close enough to have been meant.
    static Optional<String> nearest(String name, Collection<String> known) {
        var plain = name.toLowerCase(Locale.ROOT);
        return known.stream()
                .filter(k -> {
                    var length = Math.max(name.length(), k.length());
                    return distance(plain, k.toLowerCase(Locale.ROOT)) <= Math.min(length - 1, Math.max(2, length / 3));
                })
                .min(Comparator.comparingInt(k -> distance(plain, k.toLowerCase(Locale.ROOT))));
    }

    /// How many letters must be inserted, deleted or replaced to turn one name into the other.
    private static int distance(String a, String b) {
        var row = new int[b.length() + 1];
        for (var j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (var i = 1; i <= a.length(); i++) {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.length(); j++) {
                var replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }
}
