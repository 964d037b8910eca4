package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.stream.Stream;
import org.zoetrope.edit.Anchor;
import org.zoetrope.edit.AttentionControl;
import org.zoetrope.edit.DecoupledGuidance;
import org.zoetrope.edit.EditRequest;
import org.zoetrope.edit.Editor;
import org.zoetrope.edit.FlowDirectorV1;
import org.zoetrope.edit.FlowDirectorV2;
import org.zoetrope.edit.FlowEdit;
import org.zoetrope.edit.InversionEdit;
import org.zoetrope.edit.LatentStatistics;
import org.zoetrope.edit.MaskSource;
import org.zoetrope.edit.NullText;
import org.zoetrope.edit.PixelMask;
import org.zoetrope.edit.RandomStart;
import org.zoetrope.edit.Sdedit;
import org.zoetrope.edit.VideoEditor;
import org.zoetrope.eval.EditReport;
import org.zoetrope.eval.EditScore;
import org.zoetrope.media.ContactSheet;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.CancelledException;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.scenes.EditCase;
import org.zoetrope.scenes.EditCases;
import org.zoetrope.scenes.EditKind;
import org.zoetrope.tensor.Scope;

/// Every method of editing on the same edits with known answers.
final class EditExam {
    /// A method with the mask it is asked to keep.
    ///
    /// @param composite whether what the autoencoder loses is given back outside the mask
    record Way(String name, Editor editor, Function<Frames, MaskSource> mask, boolean composite) {
        Way(String name, Editor editor, MaskSource mask) {
            this(name, editor, _ -> mask, true);
        }
    }

    /// An edit, what came of it, and how good that is.
    private record Done(EditScore score, OptionalDouble overlap, long evaluations, Frames source, Frames edited) {
        boolean succeeded() {
            return score.verdict().allCorrect();
        }

        List<String> captions() {
            return List.of(score.edit().from().text(), String.format(Locale.ROOT, "%s: %s, %.1f dB kept",
                    score.edit().to().text(), succeeded() ? "all correct" : "not all correct", score.kept()));
        }
    }

    private final VideoModel model;
    private final List<EditCase> cases;
    private final long seed;
    private final int steps;
    private final Stages stages;

    EditExam(VideoModel model, int edits, long seed, int steps, Stages stages) {
        this.model = model;
        cases = EditCases.draw(seed, edits);
        this.seed = seed;
        this.steps = steps;
        this.stages = stages;
    }

    /// The rows of the table: the baselines, the published methods, each part of FlowDirector left out in turn, and the
    /// default of `edit` with and without its mask.
    private List<Way> ways() {
        var everywhere = new MaskSource.Everywhere();
        var velocity = MaskSource.velocityDifference();
        var attention = MaskSource.attention();
        var usual = model.defaults().edits();
        double source = usual.sourceScale(), target = usual.targetScale();
        var flowEdit = FlowEdit.of(usual);
        var director = FlowDirectorV2.defaults().scales(source, target);
        var inversion = InversionEdit.plain(target);
        var eachFrame = NullText.defaults().layout(new NullText.Layout.PerFrame());
        return List.of(
                new Way("random", new RandomStart(target), everywhere),
                new Way("sdedit-0.4", new Sdedit(0.4, target), everywhere),
                new Way("sdedit-0.6", new Sdedit(0.6, target), everywhere),
                new Way("sdedit-0.8", new Sdedit(0.8, target), everywhere),
                new Way("flowedit", flowEdit, everywhere),
                new Way("flowdirector-v1", FlowDirectorV1.defaults().scales(source, target), attention),
                new Way("flowdirector", director, attention),
                new Way("flowdirector-no-mask", director, everywhere),
                new Way("flowdirector-no-da-fc", director.withoutDirection(), attention),
                new Way("flowdirector-no-dag", director.withoutAveraging(), attention),
                new Way("flowdirector-no-mad-fc", director.withoutMotion(), attention),
                new Way("flowdirector-velocity", director, velocity),
                new Way("ddim-unguided", InversionEdit.plain(1), everywhere),
                new Way("ddim-no-mask", inversion, everywhere),
                new Way("ddim", inversion, velocity),
                new Way("direct", inversion.anchor(new Anchor.ResidualReplay()), velocity),
                new Way("null-text", inversion.anchor(NullText.defaults()), velocity),
                new Way("multi-frame", inversion.anchor(eachFrame), velocity),
                new Way("stdg", inversion.anchor(NullText.defaults().iterations(0).rate(1)
                        .guidance(DecoupledGuidance.published())), velocity),
                new Way("stdg-live", inversion.anchor(NullText.defaults().iterations(0).rate(1)
                        .guidance(DecoupledGuidance.published().whereTheEditStands())), velocity),
                new Way("stdg-latents", inversion.pull(LatentStatistics.published()), velocity),
                new Way("attention-control", inversion.control(AttentionControl.defaults()), velocity),
                new Way("videodirector-dit", inversion.anchor(eachFrame.guidance(DecoupledGuidance.published()))
                        .control(AttentionControl.defaults()), velocity),
                new Way("default", flowEdit, EditRequest.of("", "").mask()));
    }

    /// Runs the named rows and those that were described; without either, all rows there are.
    ///
    /// @param more   rows that are in no table yet
    /// @param sheets where each row leaves a sheet: source above edit, the first that succeeded and the first that
    ///               failed of each kind
    EditReport run(List<String> named, List<Way> more, Path sheets) throws IOException {
        var names = ways().stream().map(Way::name).toList();
        var unknown = named.stream().filter(name -> !names.contains(name)).toList();
        if (!unknown.isEmpty()) {
            throw new UsageException("no method %s in the table; it has %s", unknown, String.join(", ", names));
        }
        var known = ways().stream().filter(way -> named.contains(way.name()) || named.isEmpty() && more.isEmpty());
        var chosen = Stream.concat(known, more.stream()).toList();
        var all = (long) chosen.size() * cases.size();
        var rows = new ArrayList<EditReport.Row>();
        stages.count("edit", 0, all, "edits");
        for (var way : chosen) {
            rows.add(row(way, (long) rows.size() * cases.size(), all, sheets));
            // After every row, so that a long examination that is stopped leaves what it has.
            Files.writeString(sheets.resolve("edits.md"), new EditReport(rows).markdown());
            Files.writeString(sheets.resolve("edits.json"), new EditReport(rows).json());
        }
        return new EditReport(rows);
    }

    private EditReport.Row row(Way way, long before, long all, Path sheets) {
        var editor = new VideoEditor(model);
        var done = new ArrayList<Done>();
        var start = System.nanoTime();
        for (var edit : cases) {
            if (stages.isCancelled()) {
                throw new CancelledException("after %d of %d edits".formatted(before + done.size(), all));
            }
            var d = model.defaults();
            var source = edit.source().render(d.frames(), Math.min(d.width(), d.height()), d.fps());
            // Case i is edited with the seed + i, so that any one can be edited again alone.
            var request = EditRequest.of(edit.from().text(), edit.to().text()).editor(way.editor())
                    .mask(way.mask().apply(source)).composite(way.composite()).steps(steps).seed(seed + done.size());
            done.add(Scope.run(() -> {
                var latents = editor.run(editor.prepare(source, request), ProgressListener.none());
                var result = editor.finish(latents, source, ProgressListener.none());
                var truth = PixelMask.changed(source, edit.target().render(source.count(), source.width(),
                        source.fps()));
                var overlap = edit.kind() == EditKind.ADD_NOTHING ? OptionalDouble.empty()
                        : latents.overlap(truth, model.geometry());
                return new Done(EditScore.of(edit, source, result.frames(), result.codec()), overlap,
                        result.recipe().evaluations(), source, result.frames());
            }));
            stages.count("edit", before + done.size(), all, "edits");
        }
        var seconds = (System.nanoTime() - start) / 1e9;
        var sheet = "edits-%s.png".formatted(way.name().replaceAll("^\\W+", "").replaceAll("[^\\w.]+", "-"));
        show(done, sheets.resolve(sheet));
        return new EditReport.Row(way.name(), done.stream().map(Done::score).toList(),
                done.stream().flatMapToDouble(one -> one.overlap().stream()).average(),
                done.stream().mapToLong(Done::evaluations).average().orElseThrow(), seconds / cases.size());
    }

    private static void show(List<Done> edits, Path sheet) {
        var shown = Stream.of(true, false).flatMap(succeeded -> Arrays.stream(EditKind.values()).flatMap(kind -> edits
                .stream().filter(done -> done.succeeded() == succeeded && done.score().edit().kind() == kind).limit(1)))
                .toList();
        ContactSheet.write(shown.stream().flatMap(done -> Stream.of(done.source(), done.edited())).toList(),
                shown.stream().flatMap(done -> done.captions().stream()).toList(), ContactSheet.Layout.defaults(),
                sheet);
    }
}
