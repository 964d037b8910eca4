package org.zoetrope.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/// A report that is written twice: as Markdown, and as a page that stands alone, with plots.
///
/// Not safe to share between threads.
final class Report {
    private static final String[] COLOURS = {"#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7",
            "#a463f2",
            "#97bbf5", "#9c6b4e", "#9498a0", "#1b7f8c", "#b5418a", "#7a8b00", "#c2571a"};

    /// Points of one kind.
    ///
    /// @param points pairs of x and y
    record Series(String name, List<double[]> points) {}

    private sealed interface Part {
        record Heading(int level, String text) implements Part {}

        record Text(String text) implements Part {}

        record Table(List<String> header, List<List<String>> rows) implements Part {}

        /// @param lines whether the points of a series are joined
        record Plot(String title, String x, String y, boolean lines, List<Series> series) implements Part {}
    }

    private final List<Part> parts = new ArrayList<>();

    /// A copy that goes on by itself.
    Report copy() {
        var other = new Report();
        other.parts.addAll(parts);
        return other;
    }

    void title(String text) {
        parts.add(new Part.Heading(1, text));
    }

    void heading(String text) {
        parts.add(new Part.Heading(2, text));
    }

    void text(String format, Object... values) {
        parts.add(new Part.Text(values.length == 0 ? format : String.format(Locale.ROOT, format, values)));
    }

    void table(List<String> header, List<List<String>> rows) {
        parts.add(new Part.Table(List.copyOf(header), List.copyOf(rows)));
    }

    /// Points joined by lines.
    void lines(String title, String x, String y, List<Series> series) {
        parts.add(new Part.Plot(title, x, y, true, List.copyOf(series)));
    }

    /// Points on their own.
    void points(String title, String x, String y, List<Series> series) {
        parts.add(new Part.Plot(title, x, y, false, List.copyOf(series)));
    }

    /// Tables and paragraphs of a report that another part of this program has written.
    void markdown(String text) {
        for (var block : text.strip().split("\n\\s*\n")) {
            var rows = block.lines().toList();
            if (rows.size() > 2 && rows.getFirst().startsWith("|")) {
                table(cells(rows.getFirst()), rows.stream().skip(2).map(Report::cells).toList());
            } else if (block.startsWith("#")) {
                heading(block.replaceFirst("^#+\\s*", ""));
            } else {
                text("%s", block);
            }
        }
    }

    private static List<String> cells(String row) {
        var inner = row.strip().replaceAll("^\\||\\|$", "");
        return Arrays.stream(inner.split("\\|", -1)).map(String::strip).toList();
    }

    /// How a signal to noise ratio is said; that of equal clips has no number.
    static String decibels(double psnr) {
        return Double.isInfinite(psnr) ? "exact" : String.format(Locale.ROOT, "%.2f", psnr);
    }

    // ---------------------------------------------------------------- Markdown

    String markdown() {
        return parts.stream().map(part -> switch (part) {
            case Part.Heading(var level, var text) -> "#".repeat(level) + " " + text + "\n";
            case Part.Text(var text) -> text + "\n";
            case Part.Table(var header, var rows) -> row(header) + "|---|" + "---:|".repeat(header.size() - 1) + "\n"
                    + rows.stream().map(Report::row).collect(Collectors.joining());
            case Part.Plot _ -> "";
        }).filter(text -> !text.isEmpty()).collect(Collectors.joining("\n"));
    }

    private static String row(List<String> cells) {
        return "| " + String.join(" | ", cells) + " |\n";
    }

    // ---------------------------------------------------------------- the page

    /// A page that loads nothing.
    String html() {
        var title = parts.stream().filter(Part.Heading.class::isInstance).map(part -> ((Part.Heading) part).text())
                .findFirst().orElse("report");
        return """
                <!doctype html>
                <html lang="en">
                <meta charset="utf-8">
                <title>%s</title>
                <style>
                body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
                  color-scheme: light dark; }
                table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
                th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #8886; }
                th:first-child, td:first-child { text-align: left; }
                svg { width: 100%%; height: auto; margin: 1rem 0; }
                </style>
                %s</html>
                """.formatted(escaped(title), parts.stream().map(Report::html).collect(Collectors.joining()));
    }

    private static String html(Part part) {
        return switch (part) {
            case Part.Heading(var level, var text) -> "<h%d>%s</h%d>\n".formatted(level, escaped(text), level);
            case Part.Text(var text) -> "<p>%s</p>\n".formatted(escaped(text));
            case Part.Table(var header, var rows) -> "<table>\n" + row("th", header)
                    + rows.stream().map(row -> row("td", row)).collect(Collectors.joining()) + "</table>\n";
            case Part.Plot plot -> svg(plot);
        };
    }

    private static String row(String tag, List<String> cells) {
        return cells.stream().map(cell -> "<%s>%s</%s>".formatted(tag, escaped(cell), tag))
                .collect(Collectors.joining("", "<tr>", "</tr>\n"));
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }

    // ---------------------------------------------------------------- plots

    private static final int WIDTH = 760;
    private static final int HEIGHT = 320;
    private static final int LEFT = 60;
    private static final int RIGHT = 240; // names of series stand there
    private static final int TOP = 30;
    private static final int BOTTOM = 45;
    private static final int TICKS = 5;

    /// An axis from the data to places on the page.
    private record Scale(double low, double high, double from, double to) {
        static Scale of(DoubleStream values, double from, double to) {
            var range = values.filter(Double::isFinite).summaryStatistics();
            if (range.getCount() == 0) {
                return new Scale(0, 1, from, to);
            }
            var width = range.getMax() - range.getMin();
            var margin = width == 0 ? Math.max(1, Math.abs(range.getMax())) / 10 : width / 20;
            return new Scale(range.getMin() - margin, range.getMax() + margin, from, to);
        }

        double at(double value) {
            return from + (value - low) / (high - low) * (to - from);
        }

        double tick(int index) {
            return low + (high - low) * index / (TICKS - 1);
        }
    }

    private static String svg(Part.Plot plot) {
        var all = plot.series().stream().flatMap(series -> series.points().stream()).toList();
        var x = Scale.of(all.stream().mapToDouble(p -> p[0]), LEFT, WIDTH - RIGHT);
        var y = Scale.of(all.stream().mapToDouble(p -> p[1]), HEIGHT - BOTTOM, TOP);
        var svg = new StringBuilder("""
                <svg viewBox="0 0 %d %d" role="img" font-size="12" fill="currentColor">
                <text x="%d" y="16" font-weight="bold">%s</text>
                """.formatted(WIDTH, HEIGHT, LEFT, escaped(plot.title())));
        for (var tick = 0; tick < TICKS; tick++) {
            svg.append(line(x.at(x.tick(tick)), HEIGHT - BOTTOM, x.at(x.tick(tick)), TOP));
            svg.append(line(LEFT, y.at(y.tick(tick)), WIDTH - RIGHT, y.at(y.tick(tick))));
            svg.append(label(x.at(x.tick(tick)), HEIGHT - BOTTOM + 16, "middle", number(x.tick(tick))));
            svg.append(label(LEFT - 6, y.at(y.tick(tick)) + 4, "end", number(y.tick(tick))));
        }
        svg.append(label((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8, "middle", plot.x()));
        svg.append("<text transform=\"translate(14 %.1f) rotate(-90)\" text-anchor=\"middle\">%s</text>%n"
                .formatted((TOP + HEIGHT - BOTTOM) / 2.0, escaped(plot.y())));
        IntStream.range(0, plot.series().size()).forEach(i -> draw(svg, plot, i, x, y));
        return svg.append("</svg>\n").toString();
    }

    private static void draw(StringBuilder svg, Part.Plot plot, int index, Scale x, Scale y) {
        var series = plot.series().get(index);
        var colour = COLOURS[index % COLOURS.length];
        var shown = series.points().stream().filter(p -> Double.isFinite(p[0]) && Double.isFinite(p[1])).toList();
        if (plot.lines()) {
            svg.append("<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"%s\"/>%n".formatted(colour,
                    shown.stream().map(p -> String.format(Locale.ROOT, "%.1f,%.1f", x.at(p[0]), y.at(p[1])))
                            .collect(Collectors.joining(" "))));
        }
        shown.forEach(p -> svg.append(String.format(Locale.ROOT,
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>%n", x.at(p[0]), y.at(p[1]), colour)));
        var height = TOP + 10 + 18.0 * index;
        svg.append(
                String.format(Locale.ROOT, "<circle cx=\"%d\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>%n", WIDTH - RIGHT + 16,
                        height - 4, colour));
        svg.append(label(WIDTH - RIGHT + 26, height, "start", series.name()));
    }

    private static String line(double x1, double y1, double x2, double y2) {
        return String.format(Locale.ROOT, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#8884\"/>%n",
                x1,
                y1, x2, y2);
    }

    private static String label(double x, double y, String anchor, String text) {
        return String.format(Locale.ROOT, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>%n", x, y, anchor,
                escaped(text));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, Math.abs(value) >= 100 ? "%.0f" : Math.abs(value) >= 10 ? "%.1f" : "%.2f",
                value);
    }
}
