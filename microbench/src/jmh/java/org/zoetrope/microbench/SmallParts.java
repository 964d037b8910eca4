package org.zoetrope.microbench;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.zoetrope.diffusion.Noise;
import org.zoetrope.diffusion.Plan;
import org.zoetrope.diffusion.Sampler;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.SafetensorsHeader;

/// The parts of a run that are too small for `zoetrope bench`, in float32 and of the sizes of the bundled model, beside
/// a product of two matrices of 512 x 512. What they are compared by is the time of that product.
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class SmallParts {
    private static final int SIDE = 512;
    private static final int TOKENS = 352; // 17 frames of 64 x 64, and the words
    private static final int HEADS = 4, HEAD = 64, WIDTH = HEADS * HEAD;
    private static final int CHANNELS = 64, GROUPS = 4, FRAMES = 8, PIXELS = 32; // of a level of the decoder
    private static final long[] ONE = {1, 1, 1};
    private static final long[] AROUND = {0, 1, 1};
    private static final String PROMPT = "a small red circle moves right and a large blue square grows";

    private final Path mini = Path.of(System.getProperty("zoetrope.models", "models"), "mini");
    private final Path weights = mini.resolve("transformer").resolve("diffusion_pytorch_model.safetensors");
    private final Scope scope = Scope.open();
    private final Rng rng = new Rng(1);
    private final Tensor square = rng.normal(SIDE, SIDE);
    private final Tensor tokens = rng.normal(1, TOKENS, WIDTH);
    private final Tensor matrix = rng.normal(4 * WIDTH, WIDTH);
    private final Tensor bias = rng.normal(4 * WIDTH);
    private final Tensor[] qkv = IntStream.range(0, 3)
            .mapToObj(_ -> rng.normal(1, TOKENS, HEADS, HEAD).transpose(1, 2)).toArray(Tensor[]::new);
    private final Tensor features = rng.normal(1, CHANNELS, FRAMES + 2, PIXELS, PIXELS);
    private final Tensor gain = rng.normal(CHANNELS);
    private final Tensor kernel = rng.normal(CHANNELS, CHANNELS, 3, 3, 3);
    private final VideoModel model = VideoModel.open(mini);
    private final Sampler sampler = model.sampler();
    private final Plan plan = sampler.plan(25);
    private final Tensor latents = rng.normal(1, 5, 16, 16, 16);
    private final org.zoetrope.diffusion.State start = org.zoetrope.diffusion.State.of(plan.fromNoise(latents));

    @TearDown
    public void free() {
        model.close();
        scope.close();
    }

    @Benchmark
    public void gemm() {
        run(() -> square.matmul(square));
    }

    @Benchmark
    public void linear() {
        run(() -> tokens.linear(matrix, bias));
    }

    @Benchmark
    public void attention() {
        run(() -> qkv[0].attention(qkv[1], qkv[2], null, 1 / Math.sqrt(HEAD)));
    }

    @Benchmark
    public void groupNorm() {
        run(() -> features.groupNorm(GROUPS, gain, gain, 1e-6));
    }

    @Benchmark
    public void convolution() {
        run(() -> features.conv3d(kernel, gain, ONE, AROUND));
    }

    @Benchmark
    public void schedulerStep() {
        run(() -> sampler.step(plan, start, latents, Noise.from(rng)).x());
    }

    @Benchmark
    public TokenizedPrompt tokenizer() {
        return model.tokens(PROMPT);
    }

    @Benchmark
    public SafetensorsHeader safetensorsHeader() {
        return SafetensorsHeader.read(weights);
    }

    private static void run(Runnable operation) {
        Torch.withoutGradients(() -> {
            Scope.run(operation);
            return 0;
        });
    }
}
