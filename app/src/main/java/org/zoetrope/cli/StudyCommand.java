package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.zoetrope.pipeline.Recipe;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "study", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Measure what a method does and write a report that anyone can make again.",
                "null-text-dit: does null-text inversion bring a clip back on a video transformer whose autoencoder "
                        + "shortens time? Generated clips are inverted and sampled again under their own captions at "
                        + "several guidance scales; the report has the quality of what comes back, the time at which a "
                        + "change of colour comes back, the floor of the autoencoder and how far its latent frames "
                        + "reach, evaluations and seconds, as Markdown and as a page with plots.",
                "what-blocks-see: which blocks of the network tell motion from appearance, and which know where "
                        + "words are? Of each clip one that moves otherwise and one of another colour are shown to "
                        + "the network under the same noise, and the words that change are looked for in its "
                        + "attention."},
        footer = {"", "Examples:", "  zoetrope study null-text-dit",
                "  zoetrope study null-text-dit --model CogVideoX-2b --clips 2 --guidance 6",
                "  zoetrope study what-blocks-see --clips 8"})
final class StudyCommand implements Callable<Integer> {
    private static final List<Double> SCALES = List.of(1.0, 3.0, 6.0, 9.0);

    enum Question {
        NULL_TEXT_DIT, WHAT_BLOCKS_SEE;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    @Parameters(paramLabel = "STUDY", arity = "1", description = "null-text-dit or what-blocks-see.")
    private Question question = Question.NULL_TEXT_DIT;
    @Option(names = {"-m", "--model"}, paramLabel = "DIR", defaultValue = "mini",
            description = "A model folder as published, or the name of a bundled one (default: mini).")
    private String model;
    @Option(names = "--out", paramLabel = "DIR", defaultValue = "study",
            description = "Folder for report.md and report.html (default: study).")
    private Path out;
    @Option(names = "--clips", paramLabel = "N", defaultValue = "4",
            description = "Clips of each kind (default: 4).")
    private int clips;
    @Option(names = "--guidance", paramLabel = "SCALE", split = ",",
            description = "Guidance scales of null-text-dit (default: 1,3,6,9).")
    private List<Double> guidance = new ArrayList<>();
    @Option(names = "--steps", paramLabel = "N", description = "Steps of a run (default: the model's).")
    private Optional<Integer> steps;
    @Option(names = "--edits", paramLabel = "N", defaultValue = "0",
            description = "In null-text-dit, also make so many edits with known answers by each method (default: 0).")
    private int edits;
    @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "Of the clips (default: 1).")
    private long seed;
    @Mixin private ModelOptions options;
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() throws IOException {
        if (edits < 0) {
            throw new UsageException("%d edits; give 0 or more", edits);
        }
        if (clips < 1) {
            throw new UsageException("%d clips; give 1 or more", clips);
        }
        guidance.stream().filter(w -> !Double.isFinite(w) || w < 1).findFirst().ifPresent(w -> {
            throw new UsageException("a guidance scale of %s; give 1 (the prompt alone) or more", w);
        });
        if (question == Question.WHAT_BLOCKS_SEE && (!guidance.isEmpty() || edits > 0)) {
            throw new UsageException("what-blocks-see looks at single levels of noise and makes no edits; leave "
                    + "--guidance and --edits out");
        }
        try (var opened = options.open(Installation.find(), model);
                var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), false)) {
            Files.createDirectories(out);
            int taken = steps.orElse(opened.defaults().steps());
            var conditions = String.format(Locale.ROOT, "%s, %d clips, %d steps, seed %d, %s, zoetrope %s",
                    opened.name(),
                    clips, taken, seed, options.decision(opened), Recipe.VERSION);
            switch (question) {
                case NULL_TEXT_DIT -> new NullTextStudy(opened, clips, guidance.isEmpty() ? SCALES : guidance, taken,
                        seed, stages).run(question.toString(), conditions, edits, out);
                case WHAT_BLOCKS_SEE ->
                    new BlockStudy(opened, clips, taken, seed, stages).run(question.toString(), conditions, out);
            }
            stages.close();
            zoetrope.terminal().result("%s%nwrote %s", Files.readString(out.resolve("report.md")),
                    out.resolve("report.md"));
        }
        return 0;
    }
}
