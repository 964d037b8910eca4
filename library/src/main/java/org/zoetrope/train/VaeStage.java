package org.zoetrope.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.zoetrope.nn.Posterior;
import org.zoetrope.scenes.Scene;
import org.zoetrope.scenes.SceneObject;
import org.zoetrope.scenes.Split;
import org.zoetrope.scenes.SplitMix64;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.Weights;

/// Trains a small autoencoder on generated clips: absolute and squared errors of pixels and of their differences to the
/// neighbours, plus the divergence of the posterior from N(0, 1).
///
/// Two habits make it cheap enough for a CPU. Pictures come first, as in the published recipes (arXiv 2503.20314,
/// section 4.1.2), then nine frames. And five steps of six look at a window around an object, a quarter of the picture;
/// the sixth, behind the pictures, sees all of a clip, so that norms and the second chunk of a stream meet what they will
/// meet in use.
///
/// @param pictureSteps steps on single frames
/// @param windows      windows per part of a step on single frames; an eighth as many are taken of clips
/// @param objects      extra weight of pixels that differ from the background, which fills most of a clip
/// @param divergence   weight of the divergence per latent
public record VaeStage(Architecture architecture, int pictureSteps, int windows, double objects, double divergence, long seed) {
    private static final int CHUNK = 9;
    private static final int WINDOW = 32;
    private static final int WHOLE_EVERY = 6;

    /// Trains, or continues, and returns the running averages, which belong to the scope open now.
    public Trained train(Path checkpoint, TrainingRun.Options options, TrainingRun.Listener listener) {
        var fresh = Weights.fresh(new Rng(seed), DType.FLOAT32, Device.CPU);
        var vae = architecture.autoencoder(fresh);
        var run = new TrainingRun(checkpoint, fresh.tree(), options);
        run.run((step, part) -> loss(vae, step, part), listener);
        return new Trained(new LinkedHashMap<>(run.averages()), run.losses());
    }

    /// Trains the decoder on, with the encoder as it is, so that latents that a denoiser already learned stay valid.
    ///
    /// @param autoencoder tensors of both halves; its decoder is replaced in the result
    public Trained refineDecoder(Path checkpoint, SequencedMap<String, Tensor> autoencoder, TrainingRun.Options options, TrainingRun.Listener listener) {
        var tensors = new LinkedHashMap<String, Tensor>();
        var decoder = new LinkedHashMap<String, Tensor>();
        autoencoder.forEach((name, tensor) -> {
            var own = architecture.decodes(name) ? tensor.copy() : tensor;
            tensors.put(name, own);
            if (own != tensor) {
                decoder.put(name, own);
            }
        });
        var vae = Weights.load(tensors, architecture::autoencoder);
        var run = new TrainingRun(checkpoint, decoder, options);
        run.run((step, part) -> decoderLoss(vae, step, part), listener);
        tensors.putAll(run.averages());
        return new Trained(tensors, run.losses());
    }

    /// Whether a parameter belongs to the layers between the first and the last of a decoder: kernels for [org.zoetrope.nn.Muon].
    static boolean insideDecoder(String name) {
        return name.startsWith("decoder.") && name.endsWith(".weight") && !name.contains("norm") && !name.contains("conv_in")
                && !name.contains("conv_out");
    }

    private Tensor decoderLoss(Autoencoder vae, int step, int part) {
        var random = SplitMix64.of(~seed + part, step);
        var video = batch(random, false, whole(step));
        var rng = new Rng(random.nextLong());
        return Torch.mixedPrecision(Device.CPU, () -> {
            var latents = Torch.withoutGradients(() -> {
                var posterior = vae.encode().apply(video);
                return posterior.sample(rng.normal(posterior.mean().shape())).to(DType.FLOAT32);
            });
            return reconstruction(vae.decode().apply(latents), video);
        });
    }

    private static boolean whole(int step) {
        return step % WHOLE_EVERY == WHOLE_EVERY - 1;
    }

    private Tensor reconstruction(Tensor decoded, Tensor video) {
        var error = decoded.to(DType.FLOAT32).minus(video);
        // Squares pull hard where a colour is missing, absolute values keep edges sharp.
        var pixels = error.abs().plus(error.square()).times(objectWeights(video)).mean();
        return pixels.plus(differences(error, 3)).plus(differences(error, 4));
    }

    private Tensor loss(Autoencoder vae, int step, int part) {
        var random = SplitMix64.of(seed + part, step);
        var video = batch(random, step < pictureSteps, step >= pictureSteps && whole(step));
        var rng = new Rng(random.nextLong());
        return Torch.mixedPrecision(Device.CPU, () -> {
            var posterior = vae.encode().apply(video);
            var mean = posterior.mean().to(DType.FLOAT32);
            var sharp = new Posterior(mean, posterior.logVariance().to(DType.FLOAT32));
            var decoded = vae.decode().apply(sharp.sample(rng.normal(mean.shape())));
            return reconstruction(decoded, video).plus(sharp.divergence().mean().times(divergence / (mean.count() / (double) mean.size(0))));
        });
    }

    private static Tensor differences(Tensor x, int axis) {
        var length = x.size(axis) - 1;
        return x.narrow(axis, 1, length).minus(x.narrow(axis, 0, length)).abs().mean();
    }

    /// The background is where no channel strays from its median.
    private Tensor objectWeights(Tensor video) {
        var background = video.to(DType.FLOAT32).flatten(2, 4).quantile(0.5, -1, false).reshape(video.size(0), video.size(1), 1, 1, 1);
        return video.minus(background).abs().max(true, 1).greater(0.1).to(DType.FLOAT32).times(objects).plus(1);
    }

    private Tensor batch(SplitMix64 random, boolean pictures, boolean whole) {
        var count = Math.max(1, windows / (pictures ? 1 : 8) / (whole ? 4 : 1));
        var clips = new ArrayList<Tensor>();
        for (var i = 0; i < count; i++) {
            var scene = Scene.draw(random.nextLong(), Split.TRAIN);
            var clip = scene.render().toTensor();
            var frames = pictures ? 1 : whole ? Scene.FRAMES : CHUNK;
            var start = pictures ? random.below(Scene.FRAMES) : whole || random.chance(0.5) ? 0 : Scene.FRAMES - frames;
            var part = clip.narrow(2, start, frames);
            clips.add(whole ? part : window(part, random.pick(scene.objects()), start + frames / 2, random));
        }
        return Tensor.cat(clips, 0);
    }

    /// A window with the object's centre somewhere in its middle half at the given frame.
    private static Tensor window(Tensor clip, SceneObject object, int frame, SplitMix64 random) {
        var centre = object.track().at(Scene.moment(frame, Scene.FRAMES));
        return clip.narrow(3, corner(centre.y(), random), WINDOW).narrow(4, corner(centre.x(), random), WINDOW);
    }

    private static long corner(double centre, SplitMix64 random) {
        var start = centre * Scene.SIZE - random.between(0.25, 0.75) * WINDOW;
        return Math.round(Math.clamp(start, 0, Scene.SIZE - WINDOW));
    }
}
