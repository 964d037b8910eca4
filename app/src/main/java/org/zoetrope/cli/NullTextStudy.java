package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.DoubleFunction;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.zoetrope.edit.Anchor;
import org.zoetrope.edit.DecoupledGuidance;
import org.zoetrope.edit.EditedVideo;
import org.zoetrope.edit.Editor;
import org.zoetrope.edit.InversionEdit;
import org.zoetrope.edit.LatentStatistics;
import org.zoetrope.edit.NullText;
import org.zoetrope.edit.VideoEditor;
import org.zoetrope.eval.Flicker;
import org.zoetrope.eval.Psnr;
import org.zoetrope.eval.Ssim;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.CancelledException;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.scenes.EditCase;
import org.zoetrope.scenes.EditCases;
import org.zoetrope.scenes.EditKind;
import org.zoetrope.scenes.PromptCase;
import org.zoetrope.scenes.Prompts;
import org.zoetrope.scenes.Split;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Torch;

/// Does null-text inversion bring a clip back on a video transformer whose autoencoder shortens time? Generated clips
/// are inverted and sampled again under their own captions; what comes back is compared with the clip after encoding
/// and decoding alone, which no method can be better than.
final class NullTextStudy {
    /// A method at a guidance scale, over all clips.
    ///
    /// @param psnr      dB against the clip that went through the codec alone, mean
    /// @param ssim      against the same, mean
    /// @param flicker   beyond that of the codec's clip, mean
    /// @param forwards  evaluations of the network, a clip
    /// @param gradients through the network at most, a clip
    /// @param seconds   a clip
    /// @param late      frames between a change of colour in a clip and that in what came back, mean
    private record Row(String method, double guidance, double psnr, double ssim, double flicker, double forwards,
            long gradients, double seconds, double late) {}

    /// Two methods whose errors are compared.
    private record Pair(String what, String one, String other) {}

    private static final List<Pair> PAIRS = List.of(new Pair("null-text / ddim", "null-text", "ddim"),
            new Pair("per frame (J1) / null-text", "null-text per frame (J1)", "null-text"),
            new Pair("per frame (J2) / null-text", "null-text per frame (J2)", "null-text"),
            new Pair("per frame (J3) / null-text", "null-text per frame (J3)", "null-text"),
            new Pair("2 cosines / null-text", "null-text, 2 cosines", "null-text"),
            new Pair("S1 and K / ddim", "stdg S1 and K", "ddim"), new Pair("S1 / ddim", "stdg S1", "ddim"),
            new Pair("S2m / ddim", "stdg S2m", "ddim"), new Pair("K / ddim", "stdg K", "ddim"),
            new Pair("S3 / ddim", "stdg S3", "ddim"),
            new Pair("null-text with S1 and K / without", "null-text, stdg S1 and K", "null-text"),
            new Pair("null-text with S3 / without", "null-text, stdg S3", "null-text"));

    private static final List<String> EDITED = List.of("flowedit", "ddim", "direct", "null-text", "multi-frame", "stdg",
            "attention-control", "videodirector-dit");

    private static final int FLICKERING = 3; // frames, at least

    private final VideoModel model;
    private final List<PromptCase> clips;
    private final List<EditCase> changes;
    private final List<Double> scales;
    private final int steps;
    private final long seed;
    private final Stages stages;
    private final CodecLimits codec;
    private long done;
    private long all;

    NullTextStudy(VideoModel model, int clips, List<Double> scales, int steps, long seed, Stages stages) {
        this.model = model;
        this.clips = Prompts.draw(seed, clips, Split.TRAIN, 1);
        changes = EditCases.draw(seed, 5 * clips).stream().filter(edit -> edit.kind() == EditKind.RECOLOUR).limit(clips)
                .toList();
        this.scales = List.copyOf(scales);
        this.steps = steps;
        this.seed = seed;
        this.stages = stages;
        codec = new CodecLimits(model, steps, seed);
    }

    /// Null-text has nothing to optimise without guidance.
    private static Map<String, DoubleFunction<Editor>> methods(double guidance) {
        var methods = new LinkedHashMap<String, DoubleFunction<Editor>>();
        var shared = NullText.defaults();
        var each = shared.layout(new NullText.Layout.PerFrame());
        var none = shared.iterations(0).rate(1);
        var whole = DecoupledGuidance.published().until(1); // a reconstruction is led to its end
        methods.put("ddim", InversionEdit::plain);
        methods.put("null-text", w -> InversionEdit.plain(w).anchor(shared));
        methods.put("null-text, 2 cosines", w -> InversionEdit.plain(w).anchor(
                shared.layout(new NullText.Layout.Cosine(2))));
        methods.put("null-text per frame (J1)", w -> InversionEdit.plain(w).anchor(each));
        methods.put("null-text per frame (J2)", w -> InversionEdit.plain(w).anchor(each.means(NullText.Means.KEYS)));
        methods.put("null-text per frame (J3)", w -> InversionEdit.plain(w).anchor(each.means(NullText.Means.BIAS)));
        methods.put("stdg S1 and K", w -> InversionEdit.plain(w).anchor(none.guidance(whole)));
        methods.put("stdg S1", w -> InversionEdit.plain(w).anchor(none.guidance(whole.motionAlone())));
        methods.put("stdg S2m", w -> InversionEdit.plain(w).anchor(none.guidance(
                whole.motionAlone().motion(DecoupledGuidance.Motion.FLOW))));
        methods.put("stdg K", w -> InversionEdit.plain(w).anchor(none.guidance(whole.keysAlone())));
        methods.put("stdg S3", w -> InversionEdit.plain(w).pull(LatentStatistics.published()));
        methods.put("null-text, stdg S1 and K", w -> InversionEdit.plain(w).anchor(shared.guidance(whole)));
        methods.put("null-text, stdg S3",
                w -> InversionEdit.plain(w).anchor(shared).pull(LatentStatistics.published()));
        methods.put("residual replay", w -> InversionEdit.plain(w).anchor(new Anchor.ResidualReplay()));
        if (guidance == 1) {
            methods.keySet().removeIf(name -> name.startsWith("null-text"));
        }
        return methods;
    }

    /// Runs everything and writes `report.md` and `report.html` anew after every row.
    ///
    /// @param edits how many edits with known answers are made besides; 0 for none
    void run(String title, String conditions, int edits, Path out) throws IOException {
        var report = new Report();
        report.title(title);
        report.text("%s", conditions);
        codec.report(clips, report);
        all = scales.stream().mapToLong(w -> methods(w).size()).sum() * (clips.size() + changes.size());
        stages.count("study", 0, all, "clips");
        var rows = new ArrayList<Row>();
        for (var w : scales) {
            for (var method : methods(w).entrySet()) {
                rows.add(row(method.getKey(), w, method.getValue().apply(w)));
                // After every row, so that a long study that is stopped leaves what it has.
                write(measured(report, rows), out);
            }
        }
        if (edits > 0) {
            var edited = measured(report, rows);
            edited.heading("Edits with known answers");
            edited.markdown(new EditExam(model, edits, seed, steps, stages).run(EDITED, List.of(), out).markdown());
            write(edited, out);
        }
    }

    private static void write(Report report, Path out) throws IOException {
        Files.writeString(out.resolve("report.md"), report.markdown());
        Files.writeString(out.resolve("report.html"), report.html());
    }

    // ---------------------------------------------------------------- there and back

    private Row row(String method, double guidance, Editor editor) {
        var psnr = new ArrayList<Double>();
        var ssim = new ArrayList<Double>();
        var flicker = new ArrayList<Double>();
        var forwards = new ArrayList<Double>();
        var start = System.nanoTime();
        for (var clip : clips) {
            var source = CodecLimits.source(model, clip);
            var back = back(source, clip.caption().text(), editor);
            psnr.add(Psnr.of(back.frames(), back.codec()));
            ssim.add(Ssim.of(back.frames(), back.codec()));
            flicker.add(source.count() < FLICKERING ? 0 : Flicker.of(back.frames()) - Flicker.of(back.codec()));
            forwards.add((double) back.recipe().evaluations());
        }
        var seconds = (System.nanoTime() - start) / 1e9 / clips.size();
        return new Row(method, guidance, mean(psnr), mean(ssim), mean(flicker), mean(forwards), editor.gradients(steps),
                seconds, late(editor));
    }

    private EditedVideo back(Frames source, String caption, Editor editor) {
        if (stages.isCancelled()) {
            throw new CancelledException("after %d of %d clips".formatted(done, all));
        }
        var way = new VideoEditor(model);
        var video = Scope.run(() -> way.finish(way.run(way.prepare(source, codec.unchanged(caption).editor(editor)),
                ProgressListener.none()), source, ProgressListener.none()));
        stages.count("study", ++done, all, "clips");
        return video;
    }

    /// Clips whose object changes its colour in the middle, under the caption of their beginning.
    private double late(Editor editor) {
        var errors = new ArrayList<Double>();
        for (var i = 0; i < changes.size(); i++) {
            var d = model.defaults();
            var side = Math.min(d.width(), d.height());
            var before = changes.get(i).source().render(d.frames(), side, d.fps());
            var after = changes.get(i).target().render(d.frames(), side, d.fps());
            // Every place within a group of frames that share a latent frame has its turn.
            var at = Math.min(d.frames() - 1, d.frames() / 2 + i % model.geometry().strideT());
            var images = new ArrayList<>(before.images().subList(0, at));
            images.addAll(after.images().subList(at, after.count()));
            var source = new Frames(side, side, d.fps(), images);
            var back = back(source, changes.get(i).from().text(), editor).frames();
            var found = IntStream.range(0, back.count())
                    .filter(f -> CodecLimits.change(back.images().get(f), after.images().get(f)) < CodecLimits
                            .change(back.images().get(f), before.images().get(f)))
                    .findFirst().orElse(back.count());
            errors.add((double) Math.abs(found - at));
        }
        return mean(errors);
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
    }

    // ---------------------------------------------------------------- what was measured

    private Report measured(Report start, List<Row> rows) {
        var report = start.copy();
        report.heading("There and back");
        report.table(
                List.of("method", "guidance", "PSNR, dB", "SSIM", "flicker added", "evaluations", "gradients, at most",
                        "seconds"),
                rows.stream().map(row -> Stream.concat(Stream.of(row.method()), Stream.of(
                        said("%.0f", row.guidance()), Report.decibels(row.psnr()), said("%.4f", row.ssim()),
                        said("%+.3f", row.flicker()), said("%.0f", row.forwards()), Long.toString(row.gradients()),
                        said("%.1f", row.seconds()))).toList()).toList());
        if (rows.stream().anyMatch(row -> Double.isInfinite(row.psnr()))) {
            report.text("Exact: every pixel of every clip is the same. The plot leaves these out.");
        }
        report.lines("What comes back", "guidance", "PSNR, dB", series(rows, Row::psnr));
        report.lines("Flicker that is added", "guidance", "flicker", series(rows, Row::flicker));
        report.heading("When a colour changes");
        report.text("Frames between the change in the clip and the change in what came back. A latent frame stands for "
                + "%d frames.", model.geometry().strideT());
        report.table(List.of("method", "guidance", "error, frames"), rows.stream().map(row -> List.of(row.method(),
                said("%.0f", row.guidance()), said("%.2f", row.late()))).toList());
        report.lines("When a colour changes", "guidance", "error, frames", series(rows, Row::late));
        compare(report, rows);
        return report;
    }

    private static String said(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }

    private static List<Report.Series> series(List<Row> rows, ToDoubleFunction<Row> value) {
        return rows.stream().map(Row::method).distinct().map(method -> new Report.Series(method, rows.stream()
                .filter(row -> row.method().equals(method))
                .map(row -> new double[] {row.guidance(), value.applyAsDouble(row)}).toList())).toList();
    }

    /// Squared errors over squared errors, from PSNR.
    private void compare(Report report, List<Row> rows) {
        report.heading("What helps");
        report.text("Squared error of the first over that of the second, from their mean PSNR: below 1 the first is "
                + "better. Residual replay is the bound of reconstruction; what is gained beyond it can only be gained "
                + "in edits. All this is measured on %s and says nothing about other models.", model.name());
        var measured = scales.stream().filter(w -> rows.stream().anyMatch(row -> row.guidance() == w)).toList();
        var header = Stream.concat(Stream.of("compared"), measured.stream().map(w -> said("guidance %.0f", w)))
                .toList();
        report.table(header, PAIRS.stream().map(pair -> Stream.concat(Stream.of(pair.what()), measured.stream()
                .map(w -> ratio(rows, pair, w))).toList()).toList());
        report.text("Largest memory of the whole study: %.2f GiB, weights included.",
                Torch.peakResidentBytes() / (double) (1L << 30));
    }

    private static String ratio(List<Row> rows, Pair pair, double guidance) {
        var one = psnr(rows, pair.one(), guidance);
        var other = psnr(rows, pair.other(), guidance);
        if (one.isEmpty() || other.isEmpty()) {
            return "-";
        }
        var ratio = Math.pow(10, (other.getAsDouble() - one.getAsDouble()) / 10);
        return Double.isFinite(ratio) ? said("%.3g", ratio) : "-";
    }

    private static OptionalDouble psnr(List<Row> rows, String method, double guidance) {
        return rows.stream().filter(row -> row.method().equals(method) && row.guidance() == guidance)
                .mapToDouble(Row::psnr).findFirst();
    }
}
