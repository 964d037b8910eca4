package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleFunction;
import java.util.stream.IntStream;
import org.zoetrope.edit.Anchor;
import org.zoetrope.edit.EditRequest;
import org.zoetrope.edit.EditedLatents;
import org.zoetrope.edit.EditedVideo;
import org.zoetrope.edit.Editor;
import org.zoetrope.edit.InversionEdit;
import org.zoetrope.edit.LatentStatistics;
import org.zoetrope.edit.MaskSource;
import org.zoetrope.edit.NullText;
import org.zoetrope.edit.Sdedit;
import org.zoetrope.edit.VideoEditor;
import org.zoetrope.eval.Flicker;
import org.zoetrope.eval.Psnr;
import org.zoetrope.eval.Ssim;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.CancelledException;
import org.zoetrope.pipeline.Latents;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.scenes.EditCase;
import org.zoetrope.scenes.EditCases;
import org.zoetrope.scenes.EditKind;
import org.zoetrope.scenes.PromptCase;
import org.zoetrope.scenes.Prompts;
import org.zoetrope.scenes.Split;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;

/// Does null-text inversion bring a clip back on a video transformer whose autoencoder shortens time? Generated clips
/// are inverted and sampled again under their own captions; what comes back is compared with the clip after encoding
/// and decoding alone, which no method can be better than.
final class NullTextStudy {
    /// A method at a guidance scale, over all clips.
    ///
    /// @param psnr     dB against the clip that went through the codec alone, mean
    /// @param ssim     against the same, mean
    /// @param flicker  beyond that of the codec's clip, mean
    /// @param forwards evaluations of the network, a clip
    /// @param seconds  a clip
    private record Row(String method, double guidance, double psnr, double ssim, double flicker, double forwards,
            double seconds) {}

    /// What became of a change of colour at a known frame, mean over clips and frames.
    ///
    /// @param error frames between the change in the clip and the change in what came back
    private record Timing(String method, double guidance, double error) {}

    private static final int FLICKERING = 3;      // frames, at least
    private static final double FAR = 0.4;       // of the picture's side
    private static final double NUDGE = 0.5;     // of a latent frame, in units of the latents' spread

    private final VideoModel model;
    private final List<PromptCase> clips;
    private final List<EditCase> changes;
    private final List<Double> scales;
    private final int steps;
    private final long seed;
    private final Stages stages;
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
    }

    /// Null-text has nothing to optimise without guidance.
    private static Map<String, DoubleFunction<Editor>> methods() {
        var methods = new LinkedHashMap<String, DoubleFunction<Editor>>();
        var shared = NullText.defaults();
        var each = shared.layout(new NullText.Layout.PerFrame());
        methods.put("ddim", InversionEdit::plain);
        methods.put("null-text", w -> InversionEdit.plain(w).anchor(shared));
        methods.put("null-text, 2 cosines", w -> InversionEdit.plain(w).anchor(
                shared.layout(new NullText.Layout.Cosine(2))));
        methods.put("null-text per frame (J1)", w -> InversionEdit.plain(w).anchor(each));
        methods.put("null-text per frame (J2)", w -> InversionEdit.plain(w).anchor(each.means(NullText.Means.KEYS)));
        methods.put("null-text per frame (J3)", w -> InversionEdit.plain(w).anchor(each.means(NullText.Means.BIAS)));
        methods.put("stdg", w -> InversionEdit.plain(w).pull(LatentStatistics.published()));
        methods.put("null-text and stdg",
                w -> InversionEdit.plain(w).anchor(shared).pull(LatentStatistics.published()));
        methods.put("residual replay", w -> InversionEdit.plain(w).anchor(new Anchor.ResidualReplay()));
        return methods;
    }

    /// Runs everything and writes `report.md` anew after every row.
    void run(String title, Path out) throws IOException {
        var text = new StringBuilder(title).append("\n\n").append(codec());
        var combinations = scales.stream().mapToInt(w -> w == 1 ? 3 : methods().size()).sum();
        all = (long) combinations * (clips.size() + changes.size());
        stages.count("study", 0, all, "clips");
        var rows = new ArrayList<Row>();
        var timings = new ArrayList<Timing>();
        for (var w : scales) {
            for (var method : methods().entrySet()) {
                if (w == 1 && method.getKey().startsWith("null-text")) {
                    continue;
                }
                var editor = method.getValue().apply(w);
                rows.add(row(method.getKey(), w, editor));
                timings.add(new Timing(method.getKey(), w, timing(editor)));
                Files.writeString(out.resolve("report.md"), text + reconstruction(rows) + timing(timings));
            }
        }
    }

    // ---------------------------------------------------------------- the codec alone

    /// What the autoencoder does by itself: its floor, and how far a latent frame reaches in time.
    private String codec() {
        var editor = new VideoEditor(model);
        var psnr = new ArrayList<Double>();
        var slow = new ArrayList<Double>();
        var fast = new ArrayList<Double>();
        var own = new ArrayList<Double>();
        for (var clip : clips) {
            var source = source(clip);
            var kept = Scope.run(() -> {
                var latents = editor.run(editor.prepare(source, unchanged(clip.caption().text())),
                        ProgressListener.none());
                own.add(ownShare(latents));
                return editor.finish(latents, source, ProgressListener.none()).codec();
            });
            psnr.add(Psnr.of(kept, source));
            (clip.scene().objects().getFirst().track().travel() > FAR ? fast : slow).add(Psnr.of(kept, source));
        }
        return String.format(Locale.ROOT,
                """
                        ## The codec alone

                        PSNR of encoding and decoding against the clip: %.2f dB (objects that travel far %s, \
                        others %s). Of the squared change of pixels that a nudge of one latent frame makes, %.1f %% \
                        falls into the frames it stands for.

                        """,
                mean(psnr), or(fast), or(slow), 100 * mean(own));
    }

    private static String or(List<Double> values) {
        return values.isEmpty() ? "none" : String.format(Locale.ROOT, "%.2f dB", mean(values));
    }

    private EditRequest unchanged(String caption) {
        return EditRequest.of(caption, caption).editor(new Sdedit(0, 1)).mask(new MaskSource.Everywhere())
                .composite(false).steps(steps).seed(seed);
    }

    /// The share of the change that stays in the own frames of a latent frame, mean over latent frames.
    private double ownShare(EditedLatents latents) {
        return Scope.run(() -> {
            var source = latents.source();
            var recipe = latents.recipe().decoding();
            var plain = decoded(new Latents(source, recipe, List.of()));
            var spread = Math.sqrt(source.square().mean().item());
            var stride = model.geometry().strideT();
            var shares = new ArrayList<Double>();
            for (var f = 0; f < source.size(1); f++) {
                var nudge = new Rng(seed + f).normal(source.narrow(1, f, 1).shape()).times(NUDGE * spread);
                var moved = source.copy();
                moved.narrow(1, f, 1).addInPlace(nudge, 1);
                var changed = decoded(new Latents(moved, recipe, List.of()));
                double within = 0, whole = 0;
                for (var frame = 0; frame < plain.count(); frame++) {
                    var change = change(plain.images().get(frame), changed.images().get(frame));
                    whole += change;
                    within += (frame + stride - 1) / stride == f ? change : 0;
                }
                shares.add(within / whole);
            }
            return mean(shares);
        });
    }

    private Frames decoded(Latents latents) {
        return model.decode(latents, ProgressListener.none()).frames();
    }

    private static double change(byte[] a, byte[] b) {
        return IntStream.range(0, a.length).mapToDouble(i -> (a[i] & 0xff) - (b[i] & 0xff)).map(d -> d * d).sum();
    }

    // ---------------------------------------------------------------- there and back

    private Frames source(PromptCase clip) {
        var d = model.defaults();
        return clip.scene().render(d.frames(), Math.min(d.width(), d.height()), d.fps());
    }

    private Row row(String method, double guidance, Editor editor) {
        var psnr = new ArrayList<Double>();
        var ssim = new ArrayList<Double>();
        var flicker = new ArrayList<Double>();
        var forwards = new ArrayList<Double>();
        var start = System.nanoTime();
        for (var clip : clips) {
            var source = source(clip);
            var back = back(source, clip.caption().text(), editor);
            psnr.add(Psnr.of(back.frames(), back.codec()));
            ssim.add(Ssim.of(back.frames(), back.codec()));
            flicker.add(source.count() < FLICKERING ? 0 : Flicker.of(back.frames()) - Flicker.of(back.codec()));
            forwards.add((double) back.recipe().evaluations());
        }
        return new Row(method, guidance, mean(psnr), mean(ssim), mean(flicker), mean(forwards),
                (System.nanoTime() - start) / 1e9 / clips.size());
    }

    private EditedVideo back(Frames source, String caption, Editor editor) {
        if (stages.isCancelled()) {
            throw new CancelledException("after %d of %d clips".formatted(done, all));
        }
        var way = new VideoEditor(model);
        var video = Scope.run(() -> way.finish(way.run(way.prepare(source, unchanged(caption).editor(editor)),
                ProgressListener.none()), source, ProgressListener.none()));
        stages.count("study", ++done, all, "clips");
        return video;
    }

    // ---------------------------------------------------------------- when things change

    /// Clips whose object changes its colour in the middle, under the caption of their beginning.
    private double timing(Editor editor) {
        var errors = new ArrayList<Double>();
        for (var i = 0; i < changes.size(); i++) {
            var d = model.defaults();
            var side = Math.min(d.width(), d.height());
            var before = changes.get(i).source().render(d.frames(), side, d.fps());
            var after = changes.get(i).target().render(d.frames(), side, d.fps());
            // Every place within a group of four frames that share a latent frame has its turn.
            var at = Math.min(d.frames() - 1, d.frames() / 2 + i % model.geometry().strideT());
            var images = new ArrayList<>(before.images().subList(0, at));
            images.addAll(after.images().subList(at, after.count()));
            var source = new Frames(side, side, d.fps(), images);
            var back = back(source, changes.get(i).from().text(), editor).frames();
            var found = IntStream.range(0, back.count())
                    .filter(f -> change(back.images().get(f), after.images().get(f)) < change(back.images().get(f),
                            before.images().get(f)))
                    .findFirst().orElse(back.count());
            errors.add((double) Math.abs(found - at));
        }
        return mean(errors);
    }

    // ---------------------------------------------------------------- tables

    private static String reconstruction(List<Row> rows) {
        var lines = new ArrayList<String>();
        lines.add("## There and back\n");
        lines.add("| method | guidance | PSNR, dB | SSIM | flicker added | evaluations | seconds |");
        lines.add("|---|" + "---:|".repeat(6));
        rows.forEach(row -> lines.add(String.format(Locale.ROOT, "| %s | %.0f | %.2f | %.4f | %+.3f | %.0f | %.1f |",
                row.method(), row.guidance(), row.psnr(), row.ssim(), row.flicker(), row.forwards(), row.seconds())));
        return String.join("\n", lines) + "\n\n";
    }

    private static String timing(List<Timing> timings) {
        var lines = new ArrayList<String>();
        lines.add("## When a colour changes\n");
        lines.add("| method | guidance | error, frames |");
        lines.add("|---|---:|---:|");
        timings.forEach(row -> lines.add(String.format(Locale.ROOT, "| %s | %.0f | %.2f |", row.method(),
                row.guidance(), row.error())));
        return String.join("\n", lines) + "\n";
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
    }
}
