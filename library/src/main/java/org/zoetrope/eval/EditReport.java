package org.zoetrope.eval;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.zoetrope.scenes.EditKind;

/// Methods of editing side by side: the same edits, scored alike.
public record EditReport(List<Row> rows) {
    /// A method and how it did.
    ///
    /// @param overlap     of the mask with the cells that the true answer changes, on average over the edits that change
    ///                    something; empty for a method without a mask
    /// @param evaluations of the network, for each edit
    /// @param seconds     for each edit, decoding included
    public record Row(String method, List<EditScore> scores, OptionalDouble overlap, double evaluations,
            double seconds) {
        public Row {
            scores = List.copyOf(scores);
        }

        private double mean(ToDoubleFunction<EditScore> value) {
            return scores.stream().mapToDouble(value).average().orElse(Double.NaN);
        }

        /// The share of edits that show all that the target words promise.
        public double adherence() {
            return mean(score -> score.verdict().allCorrect() ? 1 : 0);
        }

        private String adherence(EditKind kind) {
            var some = scores.stream().filter(score -> score.edit().kind() == kind).toList();
            return some.isEmpty() ? "-" : percent(some.stream().mapToDouble(s -> s.verdict().allCorrect() ? 1 : 0)
                    .average().orElseThrow());
        }

        private String trackError() {
            return shown(scores.stream().flatMapToDouble(score -> score.trackError().stream()).average());
        }

        private static String shown(OptionalDouble value) {
            return value.isEmpty() ? "-" : String.format(Locale.ROOT, "%.2f", value.getAsDouble());
        }
    }

    public EditReport {
        rows = List.copyOf(rows);
    }

    /// One line for each method; then the adherence by kind of edit.
    public String markdown() {
        var lines = new ArrayList<String>();
        lines.add("| method | edits | adherence | kept PSNR (codec alone) | track error, px | lost objects "
                + "| flicker (true) | mask overlap | evaluations | seconds |");
        lines.add("|---|" + "---:|".repeat(9));
        for (var row : rows) {
            lines.add(String.format(Locale.ROOT, "| %s | %d | %s | %.2f (%.2f) | %s | %d | %.2f (%.2f) | %s | %.0f | %.1f |",
                    row.method(), row.scores().size(), percent(row.adherence()), row.mean(EditScore::kept),
                    row.mean(EditScore::codecKept), row.trackError(),
                    row.scores().stream().mapToInt(EditScore::lost).sum(), row.mean(EditScore::flicker),
                    row.mean(EditScore::trueFlicker), Row.shown(row.overlap()), row.evaluations(), row.seconds()));
        }
        lines.add("");
        lines.add("| adherence | " + String.join(" | ", Stream.of(EditKind.values()).map(EditKind::words).toList())
                + " |");
        lines.add("|---|" + "---:|".repeat(EditKind.values().length));
        rows.forEach(row -> lines.add("| %s | %s |".formatted(row.method(), String.join(" | ",
                Stream.of(EditKind.values()).map(row::adherence).toList()))));
        return String.join("\n", lines) + "\n";
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }

    /// Every edit of every method.
    public String json() {
        var root = JsonNodeFactory.instance.objectNode();
        var methods = root.putArray("methods");
        for (var row : rows) {
            var node = methods.addObject().put("method", row.method()).put("adherence", row.adherence())
                    .put("evaluations", row.evaluations()).put("seconds", row.seconds());
            row.overlap().ifPresent(overlap -> node.put("mask_overlap", overlap));
            var edits = node.putArray("edits");
            for (var score : row.scores()) {
                var v = score.verdict();
                var edit = edits.addObject().put("kind", score.edit().kind().words())
                        .put("from", score.edit().from().text()).put("to", score.edit().to().text())
                        .put("all_correct", v.allCorrect()).put("count", v.count()).put("colour", v.colour())
                        .put("shape", v.shape()).put("motion", v.motion()).put("kept_psnr", score.kept())
                        .put("codec_psnr", score.codecKept()).put("lost", score.lost())
                        .put("flicker", score.flicker()).put("true_flicker", score.trueFlicker());
                v.background().ifPresent(background -> edit.put("background", background));
                score.trackError().ifPresent(error -> edit.put("track_error", error));
            }
        }
        return root.toPrettyString() + "\n";
    }
}
