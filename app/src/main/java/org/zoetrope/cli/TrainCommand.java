package org.zoetrope.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.zoetrope.pipeline.CancelledException;
import org.zoetrope.train.CogVideoXMini;
import org.zoetrope.train.MiniRecipe;
import org.zoetrope.train.TrainingRun;
import org.zoetrope.train.WanMini;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// Trains a bundled model again.
@Command(name = "train", mixinStandardHelpOptions = true, sortOptions = false,
        description = {
                "Train a bundled model from nothing, on clips it draws by itself.",
                "Every stage keeps a checkpoint in the output folder; the same command goes on where it was stopped, "
                        + "also after kill -9, to the same losses. The model ends up in OUT/model."},
        footer = {"", "Examples:",
                "  zoetrope train mini --out runs/mini",
                "  zoetrope train mini --out runs/on --from models/mini --steps 4000",
                "  zoetrope train mini --out runs/try --rehearsal"})
final class TrainCommand implements Callable<Integer> {
    enum Recipe {
        MINI, MINI_FLOW;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    @Parameters(paramLabel = "RECIPE",
            description = "mini (CogVideoX) or mini-flow (Wan2.1, rectified flow).")
    private Recipe recipe;
    @Option(names = "--out", paramLabel = "OUT", required = true,
            description = "Folder of the run.")
    private Path out;
    @Option(names = "--steps", paramLabel = "N",
            description = "Steps of the transformer (default: the recipe's).")
    private Optional<Integer> steps;
    @Option(names = "--from", paramLabel = "DIR",
            description = "Train the model of this folder on instead of beginning from nothing.")
    private Optional<Path> from;
    @Option(names = "--workers", paramLabel = "N",
            description = "Threads, each with a core (default: one a core).")
    private Optional<Integer> workers;
    @Option(names = "--rehearsal",
            description = "The same stages at a size that takes seconds and learns nothing.")
    private boolean rehearsal;
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() {
        var threads = workers.orElse(Runtime.getRuntime().availableProcessors());
        if (threads < 1 || steps.orElse(1) < 1) {
            throw new UsageException("%d workers and %d steps; give 1 or more of each", threads, steps.orElse(1));
        }
        var stages = switch (recipe) {
            case MINI -> rehearsal ? MiniRecipe.rehearsal(CogVideoXMini.tiny()) : MiniRecipe.bundled(threads);
            case MINI_FLOW -> rehearsal ? MiniRecipe.rehearsal(WanMini.tiny()) : MiniRecipe.flow(threads);
        };
        var counted = steps.map(stages::denoiserSteps).orElse(stages);
        var model = from.map(counted::from).orElse(counted).run(out, new Report());
        zoetrope.terminal().result("trained %s; try it: zoetrope generate \"a red circle moves right\" --model %s",
                model,
                model);
        return 0;
    }

    /// Prints a line now and then, and ends the run between two steps where somebody asked to stop.
    private final class Report implements MiniRecipe.Listener {
        private static final int LINES = 100;

        @Override
        public void onStep(String stage, TrainingRun.Progress p) {
            if (p.step() == 1 || p.step() % Math.max(1, p.steps() / LINES) == 0 || p.step() == p.steps()) {
                zoetrope.terminal().tell("%-9s step %d of %d  loss %s  gradient %s  rate %s", stage, p.step(),
                        p.steps(),
                        number(p.loss()), number(p.norm()), number(p.rate()));
            }
            if (zoetrope.interruption().isRequested()) {
                throw new CancelledException("after step %d of %d of %s; the same command goes on from its checkpoint"
                        .formatted(p.step(), p.steps(), stage));
            }
        }

        @Override
        public void onLatents(int done, int total) {
            zoetrope.terminal().tell("latents   %d of %d clips", done, total);
        }

        private static String number(double value) {
            return String.format(Locale.ROOT, "%.4g", value);
        }
    }
}
