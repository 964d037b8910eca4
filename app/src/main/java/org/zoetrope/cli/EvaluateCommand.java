package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.zoetrope.eval.EvaluationReport;
import org.zoetrope.media.ContactSheet;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.CancelledException;
import org.zoetrope.pipeline.EditDefaults;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.Recipe;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.scenes.PromptCase;
import org.zoetrope.scenes.Prompts;
import org.zoetrope.scenes.Split;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// Asks a model for clips of moving shapes and counts how many show what the words say.
@Command(name = "evaluate", mixinStandardHelpOptions = true, sortOptions = false,
        description = {
                "Generate clips for drawn prompts and judge whether they show what the words say.",
                "The judge is classical image analysis (colours, outlines, tracks) and knows nothing of the model. "
                        + "Unseen prompts name combinations of colour, shape and motion that training never showed.",
                "With --edits, edit generated clips instead, by every method, and measure what came of each: the right "
                        + "answer is known, since the edited scene can be drawn.",
                "With --tiers, make the same clips at every speed and say what each one costs and changes."},
        footer = {"",
                "Examples:",
                "  zoetrope evaluate mini",
                "  zoetrope evaluate mini --edits 60 --rows flowedit,default",
                "  zoetrope evaluate mini --edits 20 --way \"--n-max 0.6\" --way \"--n-max 0.6 --target-guidance 7\"",
                "  zoetrope evaluate mini --tiers 8",
                "  zoetrope evaluate runs/mini/model --prompts 20 --out runs/judged"})
final class EvaluateCommand implements Callable<Integer> {
    private static final int SHOWN = 24;

    /// A kind of question and how many of it are asked.
    private record Share(Split split, int objects, int count) {}

    @Parameters(paramLabel = "MODEL", defaultValue = "mini",
            description = "A model folder, or a bundled model's name.")
    private String model;
    @Option(names = "--out", paramLabel = "DIR", defaultValue = "evaluation",
            description = "Folder for report.md, report.json and sheet.png (default: evaluation).")
    private Path out;
    @Option(names = "--prompts", paramLabel = "N", defaultValue = "200",
            description = "Unseen prompts of one object (default: 200); half as many are seen ones, and a quarter each "
                    + "name two objects, seen and unseen.")
    private int prompts;
    @Option(names = "--seed", paramLabel = "N", defaultValue = "1",
            description = "Of prompts and clips (default: 1).")
    private long seed;
    @Option(names = "--edits", paramLabel = "N",
            description = "Edit N clips by every method instead of generating; writes edits.md, edits.json and sheets.")
    private Optional<Integer> edits;
    @Option(names = "--rows", paramLabel = "NAME", split = ",",
            description = "With --edits: only these rows of the table.")
    private List<String> rows = new ArrayList<>();
    @Option(names = "--way", paramLabel = "OPTIONS",
            description = "With --edits: a row more, by the options of edit that say how, in quotes, such as "
                    + "\"--method flowedit --n-max 0.6\"; without --rows the only one. Can be given several times.")
    private List<String> ways = new ArrayList<>();
    @Option(names = "--tiers", paramLabel = "N",
            description = "Make N clips at every --speed of generate and compare them with the lossless ones; writes "
                    + "tiers.md.")
    private Optional<Integer> tiers;
    @Option(names = "--tier", paramLabel = "OPTIONS",
            description = "With --tiers: only these rows, by --speed, --reuse-threshold, --guidance-within and "
                    + "--dtype of generate, in quotes, such as \"--speed cached --dtype bfloat16\". Can be given "
                    + "several times.")
    private List<String> tierRows = new ArrayList<>();
    @Mixin private RequestOptions request;
    @Mixin private ModelOptions options;
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() throws IOException {
        if (prompts < 1) {
            throw new UsageException("%d prompts; give 1 or more", prompts);
        }
        if (edits.isPresent() && tiers.isPresent()) {
            throw new UsageException("--edits and --tiers are two tables; ask for one at a time");
        }
        if (edits.isEmpty() && !(rows.isEmpty() && ways.isEmpty())) {
            throw new UsageException("--rows and --way are about the table of edits; add --edits 60");
        }
        if (tiers.isEmpty() && !tierRows.isEmpty()) {
            throw new UsageException("--tier is about the table of speeds; add --tiers 8");
        }
        if (edits.isPresent()) {
            return examineEdits(edits.get());
        }
        if (tiers.isPresent()) {
            return examineTiers(tiers.get());
        }
        var cases = cases();
        try (var opened = options.open(Installation.find(), model)) {
            Files.createDirectories(out);
            var clips = clips(opened, cases);
            var report = EvaluationReport.of(cases, clips);
            var table = title(opened) + "\n" + report.markdown();
            Files.writeString(out.resolve("report.md"), table);
            Files.writeString(out.resolve("report.json"), report.json());
            var shown = Math.min(SHOWN, cases.size());
            new EvaluationReport(report.entries().subList(0, shown)).writeSheet(clips.subList(0, shown),
                    ContactSheet.Layout.defaults(), out.resolve("sheet.png"));
            zoetrope.terminal().result("%s%nwrote %s, report.json and sheet.png", table, out.resolve("report.md"));
        }
        return 0;
    }

    private int examineEdits(int count) throws IOException {
        if (count < 1) {
            throw new UsageException("%d edits; give 1 or more", count);
        }
        var asked = request.on(Request.of(""));
        if (asked.width().isPresent() || asked.frames().isPresent() || asked.guidance().isPresent()) {
            throw new UsageException("edits are examined at the model's size and length and the methods' own guidance; "
                    + "leave out --size, --frames and --guidance");
        }
        try (var opened = options.open(Installation.find(), model);
                var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), false)) {
            var usual = opened.defaults().edits();
            var more = ways.stream().map(words -> way(words, usual)).toList();
            Files.createDirectories(out);
            var steps = asked.steps().orElse(opened.defaults().steps());
            var report = new EditExam(opened, count, seed, steps, stages).run(rows, more, out);
            var table = String.format(Locale.ROOT, "%s, %d edits, %d steps, seed %d, %s, zoetrope %s%n%n%s",
                    opened.name(), count, steps, seed, options.decision(opened), Recipe.VERSION, report.markdown());
            Files.writeString(out.resolve("edits.md"), table);
            stages.close();
            zoetrope.terminal().result("%s%nwrote %s, edits.json and a sheet for each row", table,
                    out.resolve("edits.md"));
        }
        return 0;
    }

    private int examineTiers(int count) throws IOException {
        if (count < 1) {
            throw new UsageException("%d clips at every speed; give 1 or more", count);
        }
        try (var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), false)) {
            Files.createDirectories(out);
            var exam = new TierExam(Installation.find().model(model), options.options(), request, seed, count, stages);
            var table = exam.run(tierRows);
            Files.writeString(out.resolve("tiers.md"), table);
            stages.close();
            zoetrope.terminal().result("%s%nwrote %s", table, out.resolve("tiers.md"));
        }
        return 0;
    }

    private static EditExam.Way way(String words, EditDefaults usual) {
        var how = EditOptions.parse(words);
        var editor = how.editor(usual);
        return new EditExam.Way(words.strip(), editor, clip -> how.mask(clip, file -> {
            throw new UsageException("--mask %s is of one video; mark a --box, or look for a mask with --mask-from",
                    file);
        }), how.composite());
    }

    /// The unseen prompts of one object come first.
    private List<PromptCase> cases() {
        return Stream.of(new Share(Split.HELD_OUT, 1, prompts), new Share(Split.TRAIN, 1, prompts / 2),
                new Share(Split.HELD_OUT, 2, prompts / 4), new Share(Split.TRAIN, 2, prompts / 4))
                .flatMap(share -> Prompts.draw(seed, share.count(), share.split(), share.objects()).stream())
                .toList();
    }

    /// Clip i is made with the seed + i, so that any one of them can be made again alone.
    private List<Frames> clips(VideoModel opened, List<PromptCase> cases) {
        var clips = new ArrayList<Frames>();
        try (var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), false)) {
            stages.count("generate", 0, cases.size(), "clips");
            for (var asked : cases) {
                if (stages.isCancelled()) {
                    throw new CancelledException("after %d of %d clips".formatted(clips.size(), cases.size()));
                }
                var wanted = request.on(Request.of(asked.caption().text())).seed(seed + clips.size());
                clips.add(opened.generate(wanted, ProgressListener.none()).frames());
                stages.count("generate", clips.size(), cases.size(), "clips");
            }
        }
        return clips;
    }

    private String title(VideoModel opened) {
        var d = opened.defaults();
        var asked = request.on(Request.of(""));
        return String.format(Locale.ROOT, "%s, %d steps, guidance %s, seed %d, %s, zoetrope %s%n", opened.name(),
                asked.steps().orElse(d.steps()), asked.guidance().map(Object::toString)
                        .orElse(String.valueOf(d.guidanceScale())),
                seed, options.decision(opened), Recipe.VERSION);
    }
}
