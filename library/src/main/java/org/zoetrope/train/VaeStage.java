package org.zoetrope.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.scenes.Scene;
import org.zoetrope.scenes.Split;
import org.zoetrope.scenes.SplitMix64;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.Weights;

/// Trains a small CogVideoX autoencoder on generated clips: absolute and squared errors of pixels and of their
/// differences to the neighbours, plus the divergence of the posterior from N(0, 1).
///
/// Pictures come first, as in the published recipes (arXiv 2503.20314, section 4.1.2): a part of a step is a batch of
/// single frames. Then it is one clip: nine frames of it, or in every fourth step all, so that the second chunk of a
/// stream is learned too.
///
/// @param pictureSteps steps on single frames
/// @param pictures     frames per part
/// @param objects    extra weight of pixels that differ from the background, which fills most of a clip
/// @param divergence weight of the divergence per latent
public record VaeStage(CogVideoXVae.Config config, int pictureSteps, int pictures, double objects, double divergence, long seed) {
    private static final int CHUNK = 9;

    /// 8 latent channels at an eighth of the size and a quarter of the frames: 82 numbers become one.
    public static VaeStage mini(long seed) {
        var down = Collections.nCopies(4, "CogVideoXDownBlock3D");
        var up = Collections.nCopies(4, "CogVideoXUpBlock3D");
        var config = new CogVideoXVae.Config(3, 3, down, up, List.of(16, 16, 32, 64), 8, 1, "silu", 1e-6, 4, 4, Scene.SIZE, Scene.SIZE, 1,
                Optional.empty(), Optional.empty(), Optional.empty(), true, false, false, false);
        return new VaeStage(config, 700, 8, 4, 1e-4, seed);
    }

    /// A trained autoencoder: running averages by name.
    public record Trained(SequencedMap<String, Tensor> tensors, List<Double> losses) {}

    /// Trains, or continues, and returns the running averages, which belong to the scope open now.
    public Trained train(Path checkpoint, TrainingRun.Options options, TrainingRun.Listener listener) {
        var fresh = Weights.fresh(new Rng(seed), DType.FLOAT32, Device.CPU);
        var vae = new CogVideoXVae(config, fresh);
        var run = new TrainingRun(checkpoint, fresh.tree(), options);
        run.run((step, part) -> loss(vae, step, part), listener);
        return new Trained(new LinkedHashMap<>(run.averages()), run.losses());
    }

    private Tensor loss(CogVideoXVae vae, int step, int part) {
        var random = SplitMix64.of(seed + part, step);
        var video = step < pictureSteps ? pictures(random) : clip(random, step % 4 == 3 ? Scene.FRAMES : CHUNK);
        var rng = new Rng(random.nextLong());
        return Torch.mixedPrecision(Device.CPU, () -> {
            var posterior = vae.encode(video);
            var mean = posterior.mean().to(DType.FLOAT32);
            var sharp = new CogVideoXVae.Posterior(mean, posterior.logVariance().to(DType.FLOAT32));
            var decoded = vae.decode(sharp.sample(rng.normal(mean.shape()))).to(DType.FLOAT32);
            var weight = objectWeights(video);
            var error = decoded.minus(video);
            // Squares pull hard where a colour is missing, absolute values keep edges sharp.
            var pixels = error.abs().plus(error.square()).times(weight).mean();
            var edges = differences(error, 3).plus(differences(error, 4));
            return pixels.plus(edges).plus(sharp.divergence().mean().times(divergence / (mean.count() / (double) mean.size(0))));
        });
    }

    private static Tensor differences(Tensor x, int axis) {
        var length = x.size(axis) - 1;
        return x.narrow(axis, 1, length).minus(x.narrow(axis, 0, length)).abs().mean();
    }

    private Tensor objectWeights(Tensor video) {
        var corner = video.narrow(3, 0, 1).narrow(4, 0, 1);
        return video.minus(corner).abs().max(true, 1).greater(0.1).to(DType.FLOAT32).times(objects).plus(1);
    }

    private Tensor pictures(SplitMix64 random) {
        var frames = new ArrayList<Tensor>();
        for (var i = 0; i < pictures; i++) {
            var clip = Scene.draw(random.nextLong(), Split.TRAIN).render();
            frames.add(clip.slice(random.below(clip.count()), clip.count()).slice(0, 1).toTensor());
        }
        return Tensor.cat(frames, 0);
    }

    private static Tensor clip(SplitMix64 random, int frames) {
        var clip = Scene.draw(random.nextLong(), Split.TRAIN).render().toTensor();
        var start = frames == Scene.FRAMES || random.chance(0.5) ? 0 : Scene.FRAMES - frames;
        return clip.narrow(2, start, frames);
    }
}
