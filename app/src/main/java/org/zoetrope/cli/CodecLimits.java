package org.zoetrope.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import org.zoetrope.edit.Anchor;
import org.zoetrope.edit.EditRequest;
import org.zoetrope.edit.EditTask;
import org.zoetrope.edit.EditedLatents;
import org.zoetrope.edit.Inversion;
import org.zoetrope.edit.InversionEdit;
import org.zoetrope.edit.MaskSource;
import org.zoetrope.edit.Sdedit;
import org.zoetrope.edit.Trajectory;
import org.zoetrope.edit.VideoEditor;
import org.zoetrope.eval.Psnr;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.Latents;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.scenes.PromptCase;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// What an autoencoder that shortens time takes away before any method begins: its floor, that floor where things move,
/// and how far what belongs to one latent frame reaches.
final class CodecLimits {
    private static final int MOVING = 16;         // of 255: pixels that change more from frame to frame
    private static final double NUDGE = 0.5;      // of a latent frame, or of a text, in units of its spread
    private static final double GUIDANCE = 3;     // of the runs whose texts are nudged
    private static final int MOST_FRAMES = 5;     // latent frames whose text is nudged

    private final VideoModel model;
    private final int steps;
    private final long seed;

    CodecLimits(VideoModel model, int steps, long seed) {
        this.model = model;
        this.steps = steps;
        this.seed = seed;
    }

    /// A clip through the codec.
    ///
    /// @param speed  of its first object, pixels a frame
    /// @param moving PSNR over pixels that change, NaN if none does
    /// @param own    share of the change by a nudged latent frame that falls into its own frames
    private record Floor(double speed, double psnr, double moving, double own) {}

    /// @param clips and how they are drawn
    void report(List<PromptCase> clips, Report report) {
        var floors = clips.stream().map(this::floor).toList();
        report.heading("The codec alone");
        report.text("PSNR of encoding and decoding against the clip: %.2f dB, over pixels that change from frame "
                + "to frame %s. Of the squared change of pixels that a nudge of one latent frame makes, %.1f %% "
                + "falls into the frames it stands for; of that made by a nudge of the negative prompt's features "
                + "for one frame of tokens, %.1f %%.",
                mean(floors.stream().map(Floor::psnr).toList()), decibels(mean(floors.stream().map(Floor::moving)
                        .filter(Double::isFinite).toList())),
                100 * mean(floors.stream().map(Floor::own).toList()),
                100 * spread(clips.getFirst()));
        report.table(List.of("clip", "speed, pixels a frame", "PSNR, dB", "where it moves, dB"),
                IntStream.range(0, clips.size()).mapToObj(i -> List.of(clips.get(i).caption().text(),
                        String.format(Locale.ROOT, "%.2f", floors.get(i).speed()),
                        String.format(Locale.ROOT, "%.2f", floors.get(i).psnr()),
                        decibels(floors.get(i).moving()))).toList());
        report.points("The floor of the codec against speed", "pixels a frame", "PSNR, dB", List.of(
                new Report.Series("all pixels", floors.stream().map(f -> new double[] {f.speed(), f.psnr()}).toList()),
                new Report.Series("pixels that change", floors.stream().map(f -> new double[] {f.speed(), f.moving()})
                        .toList())));
    }

    private static String decibels(double value) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, "%.2f dB", value) : "none";
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
    }

    // ---------------------------------------------------------------- the floor

    /// A clip as the model likes it.
    static Frames source(VideoModel model, PromptCase clip) {
        var d = model.defaults();
        return clip.scene().render(d.frames(), Math.min(d.width(), d.height()), d.fps());
    }

    private Floor floor(PromptCase clip) {
        var editor = new VideoEditor(model);
        var source = source(model, clip);
        return Scope.run(() -> {
            var latents = editor.run(editor.prepare(source, unchanged(clip.caption().text())), ProgressListener.none());
            var kept = editor.finish(latents, source, ProgressListener.none()).codec();
            var speed = clip.scene().objects().getFirst().track().travel() * source.width()
                    / Math.max(1, source.count() - 1);
            return new Floor(speed, Psnr.of(kept, source), moving(kept, source), nudgedLatents(latents));
        });
    }

    /// A request that leaves a clip as it is.
    EditRequest unchanged(String caption) {
        return EditRequest.of(caption, caption).editor(new Sdedit(0, 1)).mask(new MaskSource.Everywhere())
                .composite(false).steps(steps).seed(seed);
    }

    private static double moving(Frames kept, Frames source) {
        double sum = 0, count = 0;
        for (var f = 1; f < source.count(); f++) {
            byte[] now = source.images().get(f), before = source.images().get(f - 1), other = kept.images().get(f);
            for (var at = 0; at < now.length; at++) {
                if (Math.abs((now[at] & 0xff) - (before[at] & 0xff)) > MOVING) {
                    var error = (now[at] & 0xff) - (other[at] & 0xff);
                    sum += error * error;
                    count++;
                }
            }
        }
        return count == 0 ? Double.NaN : 10 * Math.log10(255.0 * 255 / Math.max(1e-9, sum / count));
    }

    // ---------------------------------------------------------------- how far a latent frame reaches

    private double nudgedLatents(EditedLatents latents) {
        var source = latents.source();
        var plain = decoded(latents, source);
        var spread = Math.sqrt(source.square().mean().item());
        var shares = new ArrayList<Double>();
        for (var f = 0; f < source.size(1); f++) {
            var nudge = new Rng(seed + f).normal(source.narrow(1, f, 1).shape()).times(NUDGE * spread);
            var moved = source.copy();
            moved.narrow(1, f, 1).addInPlace(nudge, 1);
            shares.add(own(plain, decoded(latents, moved), f, 1));
        }
        return mean(shares);
    }

    private Frames decoded(EditedLatents of, Tensor values) {
        return Scope.run(() -> {
            var padding = model.geometry().padding(of.recipe().frames());
            var kept = values.narrow(1, padding, values.size(1) - padding).contiguous();
            return model.decode(new Latents(kept, of.recipe().decoding(), List.of()), ProgressListener.none()).frames();
        });
    }

    /// The share of the squared change that falls into the frames of a frame of tokens.
    private double own(Frames plain, Frames changed, int token, int patchFrames) {
        var g = model.geometry();
        double within = 0, whole = 0;
        for (var frame = 0; frame < plain.count(); frame++) {
            var change = change(plain.images().get(frame), changed.images().get(frame));
            whole += change;
            within += (g.latentFrame(frame) + g.padding(plain.count())) / patchFrames == token ? change : 0;
        }
        return whole == 0 ? 0 : within / whole;
    }

    /// The squared change of a frame.
    static double change(byte[] a, byte[] b) {
        return IntStream.range(0, a.length).mapToDouble(i -> (a[i] & 0xff) - (b[i] & 0xff)).map(d -> d * d).sum();
    }

    // ---------------------------------------------------------------- how far a text of one frame reaches

    /// Gives one frame of tokens another negative prompt than the others.
    ///
    /// @param frame of tokens; -1 for none
    private record Nudge(int frame, long seed) implements Anchor {
        @Override
        public List<Hold> along(EditTask task, Trajectory pivots, double guidanceScale) {
            var plain = task.unprompted().features();
            var copies = plain.unsqueeze(1)
                    .repeat(1, task.source().size(1) / task.tokens().patchFrames(), 1, 1);
            if (frame >= 0) {
                var size = NUDGE * Math.sqrt(plain.square().mean().item());
                copies.narrow(1, frame, 1).addInPlace(
                        new Rng(seed).normal(1, 1, plain.size(1), plain.size(2)).like(plain),
                        size);
            }
            return Anchor.steps(task, pivots).stream()
                    .map(_ -> new Hold(task.unprompted().with(copies), Optional.empty())).toList();
        }

        @Override
        public long mostEvaluations(int taken, double guidanceScale) {
            return 0;
        }
    }

    private double spread(PromptCase clip) {
        var g = model.geometry();
        var plain = nudged(clip, -1);
        var count = (g.latentFrame(plain.count() - 1) + 1 + g.padding(plain.count())) / g.patchFrames();
        return mean(IntStream.range(0, Math.min(count, MOST_FRAMES))
                .mapToObj(frame -> own(plain, nudged(clip, frame), frame, g.patchFrames())).toList());
    }

    private Frames nudged(PromptCase clip, int frame) {
        var editor = new VideoEditor(model);
        var source = source(model, clip);
        var way = InversionEdit.plain(GUIDANCE).inversion(new Inversion.FixedPoint(1, 0))
                .anchor(new Nudge(frame, seed));
        return Scope.run(
                () -> editor.finish(editor.run(editor.prepare(source, unchanged(clip.caption().text()).editor(way)),
                        ProgressListener.none()), source, ProgressListener.none()).frames());
    }
}
