package org.zoetrope.train;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.function.IntConsumer;
import org.zoetrope.scenes.Scene;
import org.zoetrope.scenes.Split;
import org.zoetrope.scenes.SplitMix64;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;

/// The training clips as an autoencoder sees them, encoded once and kept on disk in shards, so that a run of the
/// denoiser reads latents instead of drawing and encoding pixels in every step.
public final class LatentSet {
    private static final int SHARD = 500;

    private final List<Tensor> shards;
    private final double pairs;
    private final long seed;

    private LatentSet(List<Tensor> shards, double pairs, long seed) {
        this.shards = shards;
        this.pairs = pairs;
        this.seed = seed;
    }

    /// One clip's latents [C, T, H, W], unscaled, and the scene they show.
    public record Example(Tensor latents, Scene scene) {}

    /// Encodes what the folder does not hold yet. A shard is written whole or not at all, so a stopped run continues.
    ///
    /// @param count   clips
    /// @param pairs   share of clips with two objects
    /// @param workers threads, each encoding a shard of its own on one core
    /// @param done    hears how many clips are ready
    public static LatentSet prepare(Path folder, Autoencoder vae, long seed, int count, double pairs, int workers, IntConsumer done) {
        var threads = Torch.threads();
        Torch.threads(workers > 1 ? 1 : threads);
        var shards = new ArrayList<Tensor>();
        try (var pool = Executors.newFixedThreadPool(workers)) {
            var files = new ArrayList<CompletableFuture<Path>>();
            for (var start = 0; start < count; start += SHARD) {
                var file = folder.resolve("latents-%05d.safetensors".formatted(start / SHARD));
                var from = start;
                files.add(CompletableFuture.supplyAsync(() -> {
                    if (!Files.exists(file)) {
                        encode(file, vae, seed, pairs, from, Math.min(SHARD, count - from));
                    }
                    return file;
                }, pool));
            }
            for (var file : files) {
                shards.add(SafetensorsFile.open(file.join()).tensor("latents"));
                done.accept(Math.min(count, shards.size() * SHARD));
            }
        } finally {
            Torch.threads(threads);
        }
        return new LatentSet(shards, pairs, seed);
    }

    private static void encode(Path file, Autoencoder vae, long seed, double pairs, int start, int length) {
        try (var _ = Scope.open()) {
            var means = new ArrayList<Tensor>();
            for (var i = 0; i < length; i++) {
                var video = scene(seed, pairs, start + i).render().toTensor();
                means.add(Scope.run(() -> Torch.withoutGradients(
                        () -> Torch.mixedPrecision(Device.CPU, () -> vae.encode().apply(video).mean().to(DType.FLOAT32)))));
            }
            SafetensorsWriter.write(file, Map.of("latents", Tensor.cat(means, 0)), Map.of("format", "zoetrope-latents"));
        }
    }

    private static Scene scene(long seed, double pairs, int index) {
        return Scene.draw(SplitMix64.of(seed, index).nextLong(), Split.TRAIN, pairs);
    }

    /// The number of clips.
    public int size() {
        return shards.stream().mapToInt(shard -> (int) shard.size(0)).sum();
    }

    public Example get(int index) {
        return new Example(shards.get(index / SHARD).select(0, index % SHARD), scene(seed, pairs, index));
    }

    /// The factor that brings the latents to unit variance, estimated from the first shard.
    public double scalingFactor() {
        return Scope.run(() -> {
            var first = shards.getFirst();
            return 1 / first.minus(first.mean()).square().mean().sqrt().item();
        });
    }

    /// The mean and the spread of each channel, estimated from the first shard.
    public LatentScale scalePerChannel() {
        return Scope.run(() -> {
            var first = shards.getFirst();                                                     // [N, C, T, H, W]
            var mean = first.mean(true, 0, 2, 3, 4);
            return new LatentScale(mean.toDoubles(), first.minus(mean).square().mean(false, 0, 2, 3, 4).sqrt().toDoubles());
        });
    }
}
