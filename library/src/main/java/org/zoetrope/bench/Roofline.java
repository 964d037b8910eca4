package org.zoetrope.bench;

import java.util.Locale;
import java.util.stream.IntStream;

/// The roofline picture (Williams, Waterman and Patterson, CACM 52(4), 2009): speed over operations for each byte that
/// must be moved, both logarithmic. Left, memory is the roof; right, the product of matrices.
final class Roofline {
    private static final int WIDTH = 640, HEIGHT = 420, LEFT = 70, TOP = 40, LINE = 17;
    private static final String FLOAT32 = "#1f6fb4", BFLOAT16 = "#c2541b";

    private final Report report;
    private final double minX, maxX, minY, maxY;
    private final StringBuilder out = new StringBuilder();

    private Roofline(Report report) {
        this.report = report;
        var host = report.host();
        minX = Math.min(0.1, decade(report.rows().stream().mapToDouble(Row::intensity).min().orElse(1)));
        maxX = 10 * decade(report.rows().stream().mapToDouble(Row::intensity).max().orElse(1000));
        minY = Math.min(1, decade(report.rows().stream().mapToDouble(Row::gflops).min().orElse(1)));
        maxY = 10 * decade(Math.max(Math.max(host.float32(), host.bfloat16()),
                report.rows().stream().mapToDouble(Row::gflops).max().orElse(1)));
    }

    static String svg(Report report) {
        return new Roofline(report).draw();
    }

    private String draw() {
        var height = Math.max(HEIGHT + 90, TOP + LINE * (report.rows().size() + 3));
        add("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                + "font-family=\"sans-serif\" font-size=\"12\">", WIDTH + 420, height, WIDTH + 420, height);
        add("<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>");
        add("<text x=\"%d\" y=\"22\" font-size=\"14\">%s</text>", LEFT, escaped(report.host().processor() + ", "
                + report.host().threads() + " threads, zoetrope " + report.version()));
        axes();
        roof(report.host().float32(), FLOAT32, "gemm float32");
        roof(report.host().bfloat16(), BFLOAT16, "gemm bfloat16");
        IntStream.range(0, report.rows().size()).forEach(i -> point(i + 1, report.rows().get(i)));
        add("</svg>");
        return out.toString();
    }

    private void axes() {
        for (var value = minX; value <= maxX * 1.001; value *= 10) {
            add("<line x1=\"%1$.1f\" y1=\"%2$d\" x2=\"%1$.1f\" y2=\"%3$d\" stroke=\"#dddddd\"/>", x(value), TOP,
                    TOP + HEIGHT);
            add("<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>", x(value), TOP + HEIGHT + 18, tick(value));
        }
        for (var value = minY; value <= maxY * 1.001; value *= 10) {
            add("<line x1=\"%1$d\" y1=\"%2$.1f\" x2=\"%3$d\" y2=\"%2$.1f\" stroke=\"#dddddd\"/>", LEFT, y(value),
                    LEFT + WIDTH - 100);
            add("<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>", LEFT - 8, y(value) + 4, tick(value));
        }
        add("<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">operations for each byte that must be moved</text>",
                LEFT + (WIDTH - 100) / 2, TOP + HEIGHT + 40);
        add("<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">GFLOP/s</text>", TOP + HEIGHT / 2);
    }

    /// Up to the ridge the speed of memory times intensity, then the speed of products.
    private void roof(double peak, String colour, String label) {
        if (peak <= 0 || report.host().copy() <= 0) {
            return;
        }
        var ridge = peak / report.host().copy();
        var start = Math.max(minX, minY / report.host().copy());
        add("<polyline points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>",
                x(start), y(start * report.host().copy()), x(ridge), y(peak), x(maxX), y(peak), colour);
        add("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\" fill=\"%s\">%s %.0f</text>", x(maxX), y(peak) - 5, colour,
                label, peak);
    }

    private void point(int number, Row row) {
        var colour = row.dtype().equals("bfloat16") ? BFLOAT16 : FLOAT32;
        double px = x(row.intensity()), py = y(row.gflops());
        add("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>", px, py, colour);
        add("<text x=\"%.1f\" y=\"%.1f\" font-size=\"10\">%d</text>", px + 5, py + 3, number);
        add("<text x=\"%d\" y=\"%d\" fill=\"%s\">%d  %s, %s: %.2f of %s</text>", LEFT + WIDTH - 80,
                TOP + LINE * number, colour, number, escaped(row.name()), row.dtype(), row.fraction(), row.yardstick());
    }

    private double x(double value) {
        return LEFT + (WIDTH - 100) * (Math.log10(value / minX) / Math.log10(maxX / minX));
    }

    private double y(double value) {
        return TOP + HEIGHT * (1 - Math.log10(value / minY) / Math.log10(maxY / minY));
    }

    private static double decade(double value) {
        return Math.pow(10, Math.floor(Math.log10(value)));
    }

    private static String tick(double value) {
        return value >= 1 ? String.format(Locale.ROOT, "%.0f", value) : String.format(Locale.ROOT, "%.3g", value);
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }

    private void add(String format, Object... values) {
        out.append(String.format(Locale.ROOT, format, values)).append('\n');
    }
}
