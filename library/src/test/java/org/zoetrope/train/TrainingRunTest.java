package org.zoetrope.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.nn.Linear;
import org.zoetrope.scenes.SplitMix64;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;
import org.zoetrope.weights.WeightsException;

class TrainingRunTest {
    private static final TrainingRun.Options OPTIONS = TrainingRun.Options.of(60, 1e-2).parts(3).saveEvery(7);

    /// Learns a random linear map from samples that depend on step and part alone.
    private static List<Double> train(Path checkpoint, TrainingRun.Options options, TrainingRun.Listener listener) {
        try (var _ = Scope.open()) {
            var fresh = Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU);
            var first = new Linear(fresh.at("first"), 4, 16);
            var second = new Linear(fresh.at("second"), 16, 4);
            var target = new Rng(2).normal(4, 4);
            var run = new TrainingRun(checkpoint, fresh.tree(), options);
            run.run((step, part) -> {
                var x = new Rng(SplitMix64.of(step, part).nextLong()).normal(8, 4);
                return second.forward(first.forward(x).silu()).minus(x.linear(target, null)).square().mean();
            }, listener);
            return run.losses();
        }
    }

    @Test
    void theLossFalls(@TempDir Path folder) {
        var losses = train(folder.resolve("run.safetensors"), OPTIONS, _ -> {});
        assertThat(losses).hasSize(60);
        assertThat(losses.getLast()).isLessThan(0.5 * losses.getFirst());
    }

    @Test
    void muonMovesTheMatricesItIsGivenAndContinuesWhereItStopped(@TempDir Path folder) {
        var options = OPTIONS.muon(name -> name.startsWith("first."));
        var whole = train(folder.resolve("whole"), options, _ -> {});
        assertThat(whole.getLast()).isLessThan(0.5 * whole.getFirst()).isNotEqualTo(train(folder.resolve("adam"), OPTIONS, _ -> {}).getLast());
        var half = folder.resolve("half");
        assertThatThrownBy(() -> train(half, options, progress -> {
            if (progress.step() == 33) {
                throw new IllegalStateException("stop");
            }
        })).hasMessage("stop");
        assertThat(train(half, options, _ -> {})).isEqualTo(whole);
    }

    @Test
    void theNumberOfWorkersDoesNotChangeTheResult(@TempDir Path folder) {
        assertThat(train(folder.resolve("two"), OPTIONS.workers(2), _ -> {})).isEqualTo(train(folder.resolve("one"), OPTIONS, _ -> {}));
    }

    /// The root of zero is zero and its slope infinite.
    @Test
    void aGradientThatIsNotFiniteStopsTheRunBeforeItMovesAnything(@TempDir Path folder) {
        try (var _ = Scope.open()) {
            var fresh = Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU);
            var layer = new Linear(fresh.at("layer"), 4, 4);
            var before = layer.weight().copy();
            var run = new TrainingRun(folder.resolve("run.safetensors"), fresh.tree(), OPTIONS);
            Runnable training = () -> run.run((_, _) -> layer.forward(Tensor.zeros(1, 4)).minus(layer.forward(Tensor.zeros(1, 4))).sqrt().sum(), _ -> {});
            assertThatThrownBy(training::run).hasMessageContaining("gradient of layer.").hasMessageContaining("step 0");
            assertThat(layer.weight().detach().minus(before).abs().max().item()).isZero();
        }
    }

    @Test
    void aRunThatFailedContinuesToTheLossesOfOneThatDidNot(@TempDir Path folder) {
        var checkpoint = folder.resolve("run.safetensors");
        assertThatThrownBy(() -> train(checkpoint, OPTIONS, progress -> {
            if (progress.step() == 33) {
                throw new IllegalStateException("stop");
            }
        })).hasMessage("stop");
        var steps = new ArrayList<Integer>();
        var resumed = train(checkpoint, OPTIONS, progress -> steps.add(progress.step()));
        assertThat(steps.getFirst()).isEqualTo(29);
        assertThat(resumed).isEqualTo(train(folder.resolve("whole.safetensors"), OPTIONS, _ -> {}));
    }

    /// A process killed with -9 in the middle of its work, checkpoints included, loses at most the steps since the last one.
    @Test
    void aKilledProcessContinuesToTheLossesOfOneThatWasNot(@TempDir Path folder) throws Exception {
        var checkpoint = folder.resolve("run.safetensors");
        var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        var process = new ProcessBuilder(java, "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), Child.class.getName(),
                checkpoint.toString()).redirectErrorStream(true).redirectOutput(folder.resolve("log").toFile()).start();
        var deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(5);
        while (!Files.exists(checkpoint) && process.isAlive() && System.nanoTime() < deadline) {
            Thread.sleep(5);
        }
        Thread.sleep(40);
        process.destroyForcibly().waitFor();
        assertThat(checkpoint).as("the child wrote a checkpoint: %s", Files.readString(folder.resolve("log"))).exists();
        var options = OPTIONS.saveEvery(1);
        assertThat(train(checkpoint, options, _ -> {})).isEqualTo(train(folder.resolve("whole.safetensors"), options, _ -> {}));
    }

    /// The process that is killed: saves after every step and lingers, so that it dies while it works.
    static final class Child {
        public static void main(String[] arguments) {
            train(Path.of(arguments[0]), OPTIONS.saveEvery(1), _ -> {
                try {
                    Thread.sleep(10);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
        }
    }

    @Test
    void aCheckpointOfAnotherModelIsRefused(@TempDir Path folder) {
        var checkpoint = folder.resolve("run.safetensors");
        train(checkpoint, TrainingRun.Options.of(2, 1e-2), _ -> {});
        try (var _ = Scope.open()) {
            var other = Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU);
            var _ = new Linear(other.at("third"), 4, 4);
            assertThatThrownBy(() -> new TrainingRun(checkpoint, other.tree(), OPTIONS)).isInstanceOf(WeightsException.class).hasMessageContaining("third.weight").hasMessageContaining("another model");
        }
    }

    @Test
    void theRateRisesStaysAndFalls() {
        var options = TrainingRun.Options.of(100, 1).cooldown(10);
        assertThat(options.rate(0)).isLessThan(0.2);
        assertThat(options.rate(50)).isEqualTo(1);
        assertThat(options.rate(99)).isEqualTo(0.1);
    }
}
