package org.zoetrope.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;

/// What was measured on a machine.
///
/// @param version of Zoetrope
public record Report(String version, Host host, List<Row> rows) {
    public Report {
        rows = List.copyOf(rows);
    }

    /// Reads what [#json()] wrote.
    ///
    /// @throws ConfigException if the file is no report, with everything found
    public static Report read(Path file) {
        return ConfigFile.read(file, Report.class);
    }

    public String json() {
        return ConfigFile.print(this);
    }

    /// Writes [#json()] to a file.
    public void writeJson(Path file) throws IOException {
        Files.writeString(file, json(), StandardCharsets.UTF_8);
    }

    /// Writes the roofline picture to a file, as SVG.
    public void writeRoofline(Path file) throws IOException {
        Files.writeString(file, Roofline.svg(this), StandardCharsets.UTF_8);
    }

    /// One line for each case, in columns.
    public String table() {
        var lines = new ArrayList<List<String>>();
        lines.add(List.of("case", "type", "speed", "of its yardstick", "by core time", "peak memory", ""));
        for (var row : rows) {
            lines.add(List.of(row.name(), row.dtype(), row.rate(), share(row), Columns.number(row.coreFraction()),
                    String.format(Locale.ROOT, "%.2f GB", row.peakBytes() / 1e9), row.paced()));
        }
        return machine() + "\n" + Columns.of(lines);
    }

    private static String share(Row row) {
        return String.format(Locale.ROOT, "%.2f %s", row.fraction(), row.isMoving() ? "copy" : "gemm");
    }

    private String machine() {
        return String.format(Locale.ROOT, """
                %s, %d cores, %d threads, %s kernels, libtorch %s, zoetrope %s
                gemm %.0f GFLOP/s in float32, %.0f in bfloat16; copy %.1f GB/s
                """, host.processor(), host.cores(), host.threads(), host.kernels(), host.libtorch(), version,
                host.float32(), host.bfloat16(), host.copy());
    }

    /// This report beside an earlier one: fractions of the yardstick, which two machines or two moments can share, and
    /// their ratio. Cases that only one of them has are left out.
    public String against(Report before) {
        var lines = new ArrayList<List<String>>();
        lines.add(List.of("case", "type", "before", "now", "ratio"));
        for (var now : rows) {
            before.rows.stream().filter(now::isOf).findFirst().ifPresent(then -> lines.add(List.of(now.name(),
                    now.dtype(), Columns.number(then.fraction()), Columns.number(now.fraction()),
                    Columns.number(now.fraction() / then.fraction()))));
        }
        return Columns.of(lines);
    }
}
