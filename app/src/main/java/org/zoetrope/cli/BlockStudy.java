package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.zoetrope.edit.BlockProbe;
import org.zoetrope.edit.BlockProbe.Distances;
import org.zoetrope.edit.BlockProbe.Places;
import org.zoetrope.edit.BlockProbe.Sight;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.CancelledException;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.scenes.EditCase;
import org.zoetrope.scenes.EditCases;
import org.zoetrope.scenes.EditKind;
import org.zoetrope.scenes.Scene;
import org.zoetrope.scenes.SceneObject;
import org.zoetrope.scenes.Split;
import org.zoetrope.tensor.Scope;

/// Which blocks of a model tell motion from appearance, and which know where words are? Guidance and masks by attention
/// watch one or some of them; generated clips show which.
final class BlockStudy {
    private static final List<Double> SIGMAS = List.of(0.8, 0.5, 0.3);

    private final VideoModel model;
    private final List<EditCase> edits;
    private final long seed;
    private final BlockProbe probe;
    private final Stages stages;

    BlockStudy(VideoModel model, int clips, int steps, long seed, Stages stages) {
        this.model = model;
        this.seed = seed;
        this.stages = stages;
        edits = EditCases.draw(seed, 5 * clips).stream().filter(edit -> edit.kind() == EditKind.RECOLOUR).limit(clips)
                .toList();
        probe = new BlockProbe(model, steps, SIGMAS, seed);
    }

    /// Writes `report.md` and `report.html`.
    void run(String title, String conditions, Path out) throws IOException {
        var sights = new ArrayList<List<Sight>>();
        var places = new ArrayList<List<Places>>();
        stages.count("study", 0, edits.size(), "clips");
        for (var edit : edits) {
            if (stages.isCancelled()) {
                throw new CancelledException("after %d of %d clips".formatted(sights.size(), edits.size()));
            }
            Scope.run(() -> {
                sights.add(probe.sights(shown(edit.source()), shown(moved(edit.source(), sights.size())),
                        shown(edit.target()), edit.from().text()));
                places.add(probe.places(shown(edit.source()), shown(edit.target()), edit.from().text(),
                        edit.to().text()));
                return List.of();
            });
            stages.count("study", sights.size(), edits.size(), "clips");
        }
        var report = new Report();
        report.title(title);
        report.text("%s", conditions);
        apart(report, sights);
        found(report, places);
        Files.writeString(out.resolve("report.md"), report.markdown());
        Files.writeString(out.resolve("report.html"), report.html());
    }

    private Frames shown(Scene scene) {
        var d = model.defaults();
        return scene.render(d.frames(), Math.min(d.width(), d.height()), d.fps());
    }

    /// The same object on the same background on another way.
    private Scene moved(Scene scene, int clip) {
        var object = scene.objects().getFirst();
        return IntStream.range(0, 1000).mapToObj(i -> Scene.draw(seed + 1000L * clip + i, Split.TRAIN))
                .map(other -> other.objects().getFirst()).filter(other -> other.motion() != object.motion())
                .map(other -> new Scene(scene.background(),
                        List.of(new SceneObject(object.colour(), object.shape(), other.track()))))
                .findFirst().orElse(scene);
    }

    // ---------------------------------------------------------------- motion and appearance

    private static void apart(Report report, List<List<Sight>> clips) {
        report.heading("Motion and appearance");
        report.text("How much farther a feature is from that of the clip where the object moves otherwise than "
                + "where it has another colour, under the same noise and words; for keys the other way round. Above 1 "
                + "it tells the two apart. Still: the share of places and frames that look at themselves most.");
        var rows = new ArrayList<List<String>>();
        for (var i = 0; i < clips.getFirst().size(); i++) {
            var at = i;
            var first = clips.getFirst().get(i);
            var keys = sum(clips, at, Sight::keys);
            rows.add(List.of(Integer.toString(first.block()), said(first.sigma()),
                    motion(sum(clips, at, Sight::sites)), motion(sum(clips, at, Sight::flow)),
                    said(keys.recoloured() / keys.moved()),
                    said(100 * clips.stream().mapToDouble(clip -> clip.get(at).still()).average().orElse(0))));
        }
        report.table(List.of("block", "sigma", "S1, motion / colour", "S2m, motion / colour", "K, colour / motion",
                "still, %"), rows);
    }

    private static String motion(Distances d) {
        return said(d.moved() / d.recoloured());
    }

    private static Distances sum(List<List<Sight>> clips, int at, Function<Sight, Distances> of) {
        return clips.stream().map(clip -> of.apply(clip.get(at))).reduce(Distances::plus).orElseThrow();
    }

    // ---------------------------------------------------------------- where words are

    private static void found(Report report, List<List<Places>> clips) {
        report.heading("Where words are");
        report.text("The overlap of what is found with the cells that the edit changes, of those in either: by the "
                + "attention of one block to the words that change, and by the difference of the velocities under both "
                + "prompts.");
        var blocks = clips.getFirst().getFirst().blocks().size();
        var rows = new ArrayList<List<String>>();
        for (var level = 0; level < SIGMAS.size(); level++) {
            var at = level;
            var cells = IntStream.range(0, blocks).mapToObj(b -> said(mean(clips, at, p -> p.blocks().get(b))));
            var velocity = said(mean(clips, at, Places::velocity));
            rows.add(Stream.of(Stream.of(said(SIGMAS.get(at))), cells, Stream.of(velocity))
                    .flatMap(Function.identity()).toList());
        }
        report.table(Stream.of(Stream.of("sigma"), IntStream.range(0, blocks).mapToObj("block %d"::formatted),
                Stream.of("velocity")).flatMap(Function.identity()).toList(), rows);
        best(clips, blocks).ifPresent(b -> report.text("Block %d finds them best, over all levels.", b));
    }

    private static Optional<Integer> best(List<List<Places>> clips, int blocks) {
        return IntStream.range(0, blocks).boxed().max(Comparator.comparingDouble(b -> IntStream.range(0, SIGMAS.size())
                .mapToDouble(level -> mean(clips, level, p -> p.blocks().get(b))).sum()));
    }

    private static double mean(List<List<Places>> clips, int level, ToDoubleFunction<Places> of) {
        return clips.stream().mapToDouble(clip -> of.applyAsDouble(clip.get(level))).average().orElse(0);
    }

    private static String said(double value) {
        return String.format(Locale.ROOT, "%.2f", value);
    }
}
