package org.zoetrope.tools;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.pipeline.GenerationException;
import org.zoetrope.pipeline.Machine;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.Progress;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.Speeds;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.tools.RandomFolder.Piece;
import org.zoetrope.weights.ConfigFile;

/// Compares what is estimated before a run with what the run takes: the bundled model and two published families of
/// medium size with random weights, each run in a process of its own. Prints a table for docs/performance.md.
///
/// ```
/// java ... org.zoetrope.tools.EstimateTrials FOLDER models/mini
/// ```
public final class EstimateTrials {
    private static final String MEDIUM_TEXT = """
            "vocab_size": 32128, "d_model": 512, "d_kv": 64, "d_ff": 1024, "num_layers": 6, "num_heads": 8,
            "feed_forward_proj": "gated-gelu\"""";

    private EstimateTrials() {}

    /// What is run.
    public record Trial(Path folder, int width, int height, int frames, int steps, double guidance, DType dtype) {
        private Request request() {
            return Request.of("a paper boat").size(width, height).frames(frames).steps(steps).guidance(guidance).seed(1);
        }

        private List<String> arguments() {
            return List.of("--one", folder.toString(), Integer.toString(width), Integer.toString(height),
                    Integer.toString(frames), Integer.toString(steps), Double.toString(guidance), dtype.name());
        }

        private static Trial of(List<String> a) {
            return new Trial(Path.of(a.get(0)), Integer.parseInt(a.get(1)), Integer.parseInt(a.get(2)),
                    Integer.parseInt(a.get(3)), Integer.parseInt(a.get(4)), Double.parseDouble(a.get(5)),
                    DType.valueOf(a.get(6)));
        }
    }

    /// What came out: bytes above what the process held before, and seconds from the first weights to the last frame.
    ///
    /// @param estimated seconds before the steps, of the steps, and of the decoder
    /// @param measured  the same
    public record Outcome(long estimatedBytes, long bytes, List<Double> estimated, List<Double> measured) {
        public double estimatedSeconds() {
            return sum(estimated);
        }

        public double seconds() {
            return sum(measured);
        }

        private static double sum(List<Double> parts) {
            return parts.stream().mapToDouble(Double::doubleValue).sum();
        }

        private static String said(List<Double> parts) {
            return parts.stream().map("%.2f"::formatted).collect(Collectors.joining(" + "));
        }
    }

    /// @param args where random models are written if they are not there yet, and the folder of the bundled model; or
    ///             the trial that this process is to run
    public static void main(String[] args) throws IOException, InterruptedException {
        if (args[0].equals("--one")) {
            System.out.println(words(here(Trial.of(List.of(args).subList(1, args.length)))));
            return;
        }
        Path folder = Path.of(args[0]), mini = Path.of(args[1]), cog = folder.resolve("CogVideoX-medium"),
                wan = folder.resolve("Wan-medium");
        if (!Files.exists(cog)) {
            cogVideoX(cog, "[64, 128, 128, 256]");
        }
        if (!Files.exists(wan)) {
            wan(wan);
        }
        System.out.println("| | memory estimated | measured | | time estimated | measured | | of it before the steps, steps, decoder: estimated | measured |");
        System.out.println("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        for (var trial : List.of(new Trial(mini, 64, 64, 17, 25, 2.5, DType.FLOAT32),
                new Trial(mini, 64, 64, 17, 25, 1, DType.FLOAT32), new Trial(mini, 64, 64, 5, 25, 6, DType.FLOAT32),
                new Trial(mini, 96, 96, 33, 10, 6, DType.FLOAT32), new Trial(mini, 128, 128, 17, 10, 6, DType.FLOAT32),
                new Trial(mini, 64, 64, 17, 25, 6, DType.BFLOAT16),
                new Trial(cog, 192, 128, 1, 4, 6, DType.FLOAT32), new Trial(cog, 192, 128, 9, 4, 1, DType.FLOAT32),
                new Trial(cog, 192, 128, 17, 4, 6, DType.BFLOAT16), new Trial(cog, 384, 256, 17, 4, 6, DType.BFLOAT16),
                new Trial(wan, 192, 128, 9, 4, 1, DType.FLOAT32), new Trial(wan, 320, 256, 9, 4, 6, DType.BFLOAT16))) {
            var o = run(trial);
            System.out.printf(Locale.ROOT, "| %s, %d x %d, %d frames, %d steps, guidance %s, %s | %.0f MB | %.0f MB | %s | %.1f s | %.1f s | %s | %s | %s |%n",
                    trial.folder.getFileName(), trial.width, trial.height, trial.frames, trial.steps, trial.guidance,
                    trial.dtype.name().toLowerCase(Locale.ROOT), o.estimatedBytes / 1e6, o.bytes / 1e6,
                    off(o.estimatedBytes, o.bytes), o.estimatedSeconds(), o.seconds(), off(o.estimatedSeconds(), o.seconds()),
                    Outcome.said(o.estimated), Outcome.said(o.measured));
        }
    }

    private static String off(double estimated, double measured) {
        return "%+.0f %%".formatted(100 * (estimated / measured - 1));
    }

    /// Runs a trial in a Java process like this one.
    public static Outcome run(Trial trial) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.startsWith("-D") || flag.startsWith("--") || flag.startsWith("-XX")).forEach(command::add);
        command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"),
                EstimateTrials.class.getName()));
        command.addAll(trial.arguments());
        var process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (process.waitFor() != 0) {
            throw new IOException("the trial %s failed: %s".formatted(trial, said));
        }
        var numbers = Stream.of(said.lines().toList().getLast().split(" ")).map(Double::valueOf).toList();
        return new Outcome(numbers.get(0).longValue(), numbers.get(1).longValue(), numbers.subList(2, 5), numbers.subList(5, 8));
    }

    private static String words(Outcome o) {
        return Stream.of(Stream.of((double) o.estimatedBytes, (double) o.bytes), o.estimated.stream(), o.measured.stream())
                .flatMap(numbers -> numbers).map(String::valueOf).collect(Collectors.joining(" "));
    }

    private static Outcome here(Trial trial) {
        Scope.run(() -> Tensor.ones(64, 64).matmul(Tensor.ones(64, 64)).sum().item()); // the library is there
        try (var model = VideoModel.open(trial.folder, OpenOptions.defaults().dtype(trial.dtype))) {
            var estimate = model.estimate(trial.request());
            var before = Machine.heldBytes();
            Torch.forgetPeak();
            var clock = new Clock();
            try {
                model.generate(trial.request(), clock);
            } catch (GenerationException oneColour) {
                // Random weights may show nothing; all of the work is done by then.
            }
            clock.lap();
            var bytes = Torch.peakResidentBytes() - before;
            // Asked for behind the run: what is not known yet is measured now, which also takes memory.
            var speeds = Speeds.here();
            return new Outcome(estimate.peakBytes(), bytes, List.of(
                    estimate.loadSeconds() + estimate.encoding().seconds(speeds, estimate.device()),
                    estimate.denoising().seconds(speeds, estimate.device()),
                    estimate.decoding().seconds(speeds, estimate.device())), clock.laps);
        }
    }

    /// Seconds before the steps, of the steps, and behind them.
    private static final class Clock implements ProgressListener {
        private final List<Double> laps = new ArrayList<>();
        private long start = System.nanoTime();

        @Override
        public void on(Progress progress) {
            if (progress instanceof Progress.Denoising(var done, var steps, _) && (done == 0 || done == steps)) {
                lap();
            }
        }

        private void lap() {
            var now = System.nanoTime();
            laps.add((now - start) / 1e9);
            start = now;
        }
    }

    // ---------------------------------------------------------------- models

    /// CogVideoX with 8 blocks of width 512 and half the channels of its autoencoder.
    ///
    /// @param channels of the autoencoder's levels
    public static void cogVideoX(Path folder, String channels) throws IOException {
        var network = ConfigFile.parse("medium", """
                {"num_attention_heads": 8, "attention_head_dim": 64, "num_layers": 8, "time_embed_dim": 256,
                 "text_embed_dim": 512, "sample_width": 24, "sample_height": 16, "sample_frames": 17}""",
                CogVideoXTransformer.Config.class);
        var vae = ConfigFile.parse("medium", """
                {"block_out_channels": %s, "layers_per_block": 2, "norm_num_groups": 16}""".formatted(channels),
                CogVideoXVae.Config.class);
        RandomFolder.write(folder, new RandomFolder.Contents("CogVideoXPipeline", List.of(
                Piece.text(text("t5")), Piece.network(network), Piece.codec(vae)), "cogvideox-2b-ddim", DType.FLOAT32, 1 << 30));
    }

    /// Wan2.1 with 8 blocks of width 512 and half the channels of its autoencoder.
    public static void wan(Path folder) throws IOException {
        var network = ConfigFile.parse("medium", """
                {"num_attention_heads": 4, "attention_head_dim": 128, "text_dim": 512, "ffn_dim": 2048, "num_layers": 8}""",
                WanTransformer.Config.class);
        var vae = ConfigFile.parse("medium", "{\"base_dim\": 48}", WanVae.Config.class);
        RandomFolder.write(folder, new RandomFolder.Contents("WanPipeline", List.of(
                Piece.text(text("umt5")), Piece.network(network), Piece.codec(vae)), "wan-t2v-unipc", DType.FLOAT32, 1 << 30));
    }

    private static T5Encoder.Config text(String type) {
        return ConfigFile.parse("medium", "{\"model_type\": \"%s\", %s}".formatted(type, MEDIUM_TEXT), T5Encoder.Config.class);
    }
}
