package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
                        + "reach, evaluations and seconds, as Markdown and as a page with plots."},
        footer = {"", "Examples:", "  zoetrope study null-text-dit",
                "  zoetrope study null-text-dit --model CogVideoX-2b --clips 2 --guidance 6"})
final class StudyCommand implements Callable<Integer> {
    enum Question {
        NULL_TEXT_DIT;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    @Parameters(paramLabel = "STUDY", arity = "1", description = "null-text-dit.")
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
    @Option(names = "--guidance", paramLabel = "SCALE", split = ",", defaultValue = "1,3,6,9",
            description = "Guidance scales (default: 1,3,6,9).")
    private List<Double> guidance;
    @Option(names = "--steps", paramLabel = "N", description = "Steps of a run (default: the model's).")
    private Optional<Integer> steps;
    @Option(names = "--edits", paramLabel = "N", defaultValue = "0",
            description = "Also make so many edits with known answers by each method (default: 0).")
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
        try (var opened = options.open(Installation.find(), model);
                var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), false)) {
            Files.createDirectories(out);
            int taken = steps.orElse(opened.defaults().steps());
            var conditions = String.format(Locale.ROOT, "%s, %d clips, %d steps, seed %d, %s, zoetrope %s",
                    opened.name(),
                    clips, taken, seed, options.decision(opened), Recipe.VERSION);
            new NullTextStudy(opened, clips, guidance, taken, seed, stages).run(question.toString(), conditions, edits,
                    out);
            stages.close();
            zoetrope.terminal().result("%s%nwrote %s", Files.readString(out.resolve("report.md")),
                    out.resolve("report.md"));
        }
        return 0;
    }
}
