package org.zoetrope.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;

/// Draws and lists the losses of a run.
final class LossPlot {
    private static final int POINTS = 400;

    private LossPlot() {}

    /// One panel per stage, losses averaged over equal stretches of steps, on a logarithmic scale.
    static void write(Path png, Map<String, List<Double>> stages) throws IOException {
        var charts = new ArrayList<XYChart>();
        stages.forEach((stage, losses) -> {
            var chart = new XYChartBuilder().width(900).height(320).title("Loss of the " + stage).xAxisTitle("step").yAxisTitle("loss").build();
            var stretch = Math.max(1, losses.size() / POINTS);
            var ends = IntStream.rangeClosed(1, losses.size() / stretch).map(i -> i * stretch).toArray();
            var steps = IntStream.of(ends).asDoubleStream().toArray();
            var means = IntStream.of(ends).mapToDouble(end -> losses.subList(end - stretch, end).stream().mapToDouble(Double::doubleValue).average().orElseThrow()).toArray();
            chart.addSeries("mean of " + stretch + " steps", steps, means).setMarker(SeriesMarkers.NONE);
            chart.getStyler().setYAxisLogarithmic(true).setLegendVisible(true);
            charts.add(chart);
        });
        BitmapEncoder.saveBitmap(charts, charts.size(), 1, png.toString(), BitmapEncoder.BitmapFormat.PNG);
    }

    /// Every loss, one line per step: stage, step, loss.
    static void writeTable(Path csv, Map<String, List<Double>> stages) throws IOException {
        var lines = new ArrayList<String>();
        lines.add("stage,step,loss");
        stages.forEach((stage, losses) -> IntStream.range(0, losses.size()).forEach(i -> lines.add(String.format(Locale.ROOT, "%s,%d,%.6f", stage, i + 1, losses.get(i)))));
        Files.write(csv, lines);
    }
}
