package org.zoetrope.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.zoetrope.eval.EvaluationReport;
import org.zoetrope.eval.Psnr;
import org.zoetrope.eval.Ssim;
import org.zoetrope.eval.Verdict;
import org.zoetrope.media.Frames;
import org.zoetrope.nn.FeatureCache;
import org.zoetrope.pipeline.CancelledException;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.Progress;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.Recipe;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.scenes.PromptCase;
import org.zoetrope.scenes.Prompts;
import org.zoetrope.scenes.Split;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Torch;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The same clips at every speed. The rows take turns clip by clip, there and back, and time is that of the processor,
/// so that other programs and what the virtual machine compiles on the way change little.
final class TierExam {
    private static final List<String> USUAL = List.of("--speed cached", "--speed broadcast", "--speed int8",
            "--speed cached,int8", "--guidance-within 0.2..0.9", "--dtype bfloat16");

    private final Path folder;
    private final OpenOptions options;
    private final RequestOptions asked;
    private final long seed;
    private final List<PromptCase> cases;
    private final Stages stages;

    /// @param count clips at each speed, of prompts with one object: half of them combinations of training, half not
    TierExam(Path folder, OpenOptions options, RequestOptions asked, long seed, int count, Stages stages) {
        this.folder = folder;
        // As runs that remember compute them: clips differ by what a row leaves out, and not by rounding as well.
        this.options = options.branches(OpenOptions.Branches.TOGETHER);
        this.asked = asked;
        this.seed = seed;
        cases = Stream.concat(Prompts.draw(seed, count / 2, Split.TRAIN, 1).stream(),
                Prompts.draw(seed, count - count / 2, Split.HELD_OUT, 1).stream()).toList();
        this.stages = stages;
    }

    /// What a row may say.
    private static final class RowOptions {
        @Mixin private SpeedOptions speed;
        @Option(names = "--dtype", converter = ModelOptions.NumberType.class)
        private Optional<DType> dtype;

        /// Reads options as they are typed, such as `--speed cached --reuse-threshold 0.2`.
        static RowOptions parse(String words) {
            var options = new RowOptions();
            try {
                new CommandLine(options).parseArgs(words.strip().split("\\s+"));
            } catch (CommandLine.ParameterException e) {
                throw new UsageException("\"%s\": %s", words, String.valueOf(e.getMessage()));
            }
            options.speed.check();
            return options;
        }

        OpenOptions on(OpenOptions options) {
            return speed.on(dtype.map(options::dtype).orElse(options));
        }
    }

    /// What came of one row.
    private static final class Row {
        final String name;
        final RowOptions asked;
        final List<EvaluationReport.Entry> entries = new ArrayList<>();
        final List<Double> denoising = new ArrayList<>(); // core seconds, clip by clip
        final List<Double> decoding = new ArrayList<>();
        double squares; // of the differences from lossless clips, as shares of the square of the peak
        double likeness;
        int blocks;
        int reusedBlocks;
        int attentions;
        int reusedAttentions;

        Row(String words) {
            name = words;
            asked = RowOptions.parse(words);
        }

        void counted(FeatureCache.Counts c) {
            blocks += c.blocks();
            reusedBlocks += c.reusedBlocks();
            attentions += c.attentions();
            reusedAttentions += c.reusedAttentions();
        }

        void compare(PromptCase prompt, Frames clip, Frames lossless) {
            entries.add(EvaluationReport.judge(prompt, clip));
            squares += Math.pow(10, -Psnr.of(clip, lossless) / 10);
            likeness += Ssim.of(clip, lossless);
        }

        /// Clips that keep a part of their promise.
        long right(Predicate<Verdict> part) {
            return entries.stream().map(EvaluationReport.Entry::verdict).filter(part).count();
        }

        /// The share of all blocks that were run.
        double computedBlocks() {
            return blocks == 0 ? 1 : 1 - reusedBlocks / (double) blocks;
        }

        /// The share of all attentions that were computed, those of blocks that were not run among the others.
        double computedAttentions() {
            return attentions == 0 ? 1 : computedBlocks() * (1 - reusedAttentions / (double) attentions);
        }
    }

    /// Makes all clips.
    ///
    /// @param words options of each row; none for the usual ones
    /// @return a table
    String run(List<String> words) {
        var rows = Stream.concat(Stream.of("--speed lossless"), (words.isEmpty() ? USUAL : words).stream())
                .map(Row::new)
                .toList();
        var models = new HashMap<OpenOptions, VideoModel>();
        try {
            rows.forEach(row -> models.computeIfAbsent(row.asked.on(options), how -> VideoModel.open(folder, how)));
            models.values().forEach(this::warmUp);
            var total = rows.size() * cases.size();
            var done = 0;
            for (var i = 0; i < cases.size(); i++) {
                var clips = new HashMap<Row, Frames>();
                for (var row : i % 2 == 0 ? rows : rows.reversed()) {
                    stages.count("generate", done++, total, "clips");
                    clips.put(row, generate(row, model(models, row), i));
                }
                for (var row : rows) {
                    row.compare(cases.get(i), clip(clips, row), clip(clips, rows.getFirst()));
                }
            }
            return table(rows, models);
        } finally {
            models.values().forEach(VideoModel::close);
        }
    }

    /// The median over clips of processor time, as a fraction of that of the same clip in another row.
    private static double fraction(List<Double> seconds, List<Double> others) {
        var fractions = IntStream.range(0, seconds.size()).mapToDouble(i -> seconds.get(i) / others.get(i)).sorted()
                .toArray();
        return (fractions[(fractions.length - 1) / 2] + fractions[fractions.length / 2]) / 2;
    }

    private static Frames clip(Map<Row, Frames> clips, Row row) {
        return Objects.requireNonNull(clips.get(row), row.name);
    }

    private VideoModel model(Map<OpenOptions, VideoModel> models, Row row) {
        return Objects.requireNonNull(models.get(row.asked.on(options)), row.name);
    }

    /// Weights come into memory, and the virtual machine compiles what it meets, before anything is measured.
    private void warmUp(VideoModel model) {
        model.generate(asked.on(Request.of("")).seed(seed), ProgressListener.none());
    }

    private Frames generate(Row row, VideoModel model, int index) {
        if (stages.isCancelled()) {
            throw new CancelledException("after %d of %d clips at each speed".formatted(index, cases.size()));
        }
        var wanted = row.asked.speed.on(asked.on(Request.of(cases.get(index).caption().text())),
                model.defaults().guidanceScale()).seed(seed + index);
        var start = Torch.processorSeconds();
        var latents = model.denoise(wanted, progress -> {
            if (progress instanceof Progress.Reused(var counts)) {
                row.counted(counts);
            }
        });
        var decoding = Torch.processorSeconds();
        row.denoising.add(decoding - start);
        try (latents) {
            var clip = model.decode(latents, ProgressListener.none()).frames();
            row.decoding.add(Torch.processorSeconds() - decoding);
            return clip;
        }
    }

    private String table(List<Row> rows, Map<OpenOptions, VideoModel> models) {
        var first = rows.getFirst();
        var model = model(models, first);
        var steps = asked.on(Request.of("")).steps().orElse(model.defaults().steps());
        var text = new StringBuilder(String.format(Locale.ROOT,
                "%s, %d clips at each speed, %d steps, seed %d, zoetrope %s%n%n", model.name(), cases.size(), steps,
                seed, Recipe.VERSION));
        text.append("| speed | blocks run | attentions computed | weights | core time of denoising | of decoding ")
                .append("| PSNR | SSIM | colour, motion, all correct |\n")
                .append("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        for (var row : rows) {
            text.append(String.format(Locale.ROOT,
                    "| `%s` | %.0f %% | %.0f %% | %s | %.2f | %.2f | %s | %.4f | %d, %d, %d of %d |%n",
                    row.name, 100 * row.computedBlocks(), 100 * row.computedAttentions(),
                    Terminal.bytes(weights(model(models, row))), fraction(row.denoising, first.denoising),
                    fraction(row.decoding, first.decoding), decibel(row),
                    row.likeness / cases.size(), row.right(Verdict::colour), row.right(Verdict::motion),
                    row.right(Verdict::allCorrect), cases.size()));
        }
        return text.toString();
    }

    /// Over all clips together, so that one that is equal does not make it infinite.
    private String decibel(Row row) {
        return row.squares == 0 ? "equal"
                : String.format(Locale.ROOT, "%.1f dB", -10 * Math.log10(row.squares / cases.size()));
    }

    /// Of the transformer and the text encoder, in memory.
    private long weights(VideoModel model) {
        return model.estimate(asked.on(Request.of(""))).parts().stream()
                .filter(part -> part.name().equals("transformer") || part.name().equals("text_encoder"))
                .mapToLong(part -> part.bytes()).sum();
    }
}
