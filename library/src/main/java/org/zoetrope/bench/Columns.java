package org.zoetrope.bench;

import java.util.Collections;
import java.util.List;
import java.util.Locale;

/// Lines of cells as text, each column as wide as its widest cell. The first two are words, and the seventh; others are
/// numbers and end together.
final class Columns {
    private Columns() {}

    static String of(List<List<String>> lines) {
        var text = new StringBuilder();
        for (var line : lines) {
            var row = new StringBuilder();
            for (var i = 0; i < line.size(); i++) {
                var column = i;
                var width = Collections.max(lines.stream().map(l -> l.get(column).length()).toList());
                var isText = i < 2 || i == 6;
                row.append(((isText ? "%-" : "%") + Math.max(1, width) + "s").formatted(line.get(i))).append("  ");
            }
            text.append(row.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }

    /// A ratio as a cell.
    static String number(double value) {
        return String.format(Locale.ROOT, "%.2f", value);
    }
}
