package org.zoetrope.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.zoetrope.weights.ConfigFile;

/// Two builds or settings that were measured in turns.
///
/// @param version of Zoetrope that asked
/// @param first   what the ratio is against
/// @param second  what the ratio is of
/// @param unknown cases that one of them does not have
public record Comparison(String version, String first, String second, List<Row> rows, List<String> unknown) {
    public Comparison {
        rows = List.copyOf(rows);
        unknown = List.copyOf(unknown);
    }

    /// What came of one case.
    ///
    /// @param dtype         number type, in lower case
    /// @param firstSeconds  of the fastest run of the first
    /// @param secondSeconds of the second
    /// @param ratio         speed of the second over that of the first in the same round, the median of the rounds
    /// @param least         of the rounds
    /// @param most          of the rounds
    public record Row(String name, String dtype, double firstSeconds, double secondSeconds, double ratio, double least, double most) {}

    /// Reads what [#writeJson] wrote.
    ///
    /// @throws org.zoetrope.weights.ConfigException if the file is no comparison, with everything found
    public static Comparison read(Path file) {
        return ConfigFile.read(file, Comparison.class);
    }

    /// Writes all of it as JSON.
    public void writeJson(Path file) throws IOException {
        Files.writeString(file, ConfigFile.print(this), StandardCharsets.UTF_8);
    }

    /// One line for each case, in columns.
    public String table() {
        var lines = new ArrayList<List<String>>();
        lines.add(List.of("case", "type", "first", "second", "speed, second over first", "of all rounds", ""));
        for (var row : rows) {
            lines.add(List.of(row.name, row.dtype, seconds(row.firstSeconds), seconds(row.secondSeconds), Columns.number(row.ratio),
                    "%s to %s".formatted(Columns.number(row.least), Columns.number(row.most)), ""));
        }
        return "first   %s%nsecond  %s%n%n%s%s".formatted(first, second, Columns.of(lines),
                unknown.isEmpty() ? "" : "not in both: %s%n".formatted(String.join(", ", unknown)));
    }

    private static String seconds(double value) {
        return String.format(Locale.ROOT, "%.3g s", value);
    }
}
