package org.zoetrope.tools;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.zoetrope.Golden;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.nn.Pass;
import org.zoetrope.nn.Recomputation;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

/// What one gradient of null-text takes on a network of published size with random weights: the gradient of the squared
/// prediction with respect to the features of a prompt, on a clip of 17 frames of 256 x 256 (1,506 tokens).
///
/// ```
/// java ... org.zoetrope.tools.GradientTrial CogVideoX-2b bfloat16 recorded
/// java ... org.zoetrope.tools.GradientTrial CogVideoX-2b bfloat16 recomputed
/// ```
public final class GradientTrial {
    private GradientTrial() {}

    /// @param args name of a manifest of CogVideoX, number type, and `recorded` or `recomputed`
    public static void main(String[] args) throws IOException {
        var json = Files.readString(Golden.resource("manifests/" + args[0] + "__transformer.json"));
        var config = ConfigFile.parse(args[0], new ObjectMapper().readTree(json).path("config").toString(), CogVideoXTransformer.Config.class);
        var dtype = DType.valueOf(args[1].toUpperCase(Locale.ROOT));
        var little = args[2].equals("recomputed");
        Scope.run(() -> {
            var fresh = Weights.fresh(new Rng(1), dtype, Device.CPU);
            var network = new CogVideoXTransformer(config, fresh);
            open(fresh.tree().values());
            var clip = new Rng(2).normal(1, 5, config.inChannels(), 32, 32).to(dtype);
            var words = new Rng(3).normal(1, config.maxTextSeqLength(), config.textEmbedDim()).to(dtype);
            Torch.forgetPeak();
            var weights = Torch.peakResidentBytes();
            var start = System.nanoTime();
            var gradient = Torch.withGradients(() -> {
                var leaf = words.requireGradient(true);
                var memory = new Recomputation();
                var pass = little ? Pass.plain().with(memory) : Pass.plain();
                var loss = network.forward(clip, Tensor.full(500, 1), leaf, Optional.empty(), pass).to(DType.FLOAT32).square().mean();
                return little ? memory.gradients(loss, List.of(leaf)).getFirst() : Tensor.gradients(loss, List.of(leaf)).getFirst();
            });
            System.out.printf(Locale.ROOT, "%s, %s, %s: with the weights %.2f GB, peak above them %.2f GB, %.0f s, gradient %.3g%n", args[0], args[1],
                    args[2], weights / 1e9, (Torch.peakResidentBytes() - weights) / 1e9, (System.nanoTime() - start) / 1e9,
                    gradient.to(DType.FLOAT32).square().mean().sqrt().item());
        });
    }

    /// A fresh network has its gates shut, which would leave nothing for a gradient.
    private static void open(Collection<Tensor> weights) {
        var rng = new Rng(4);
        weights.forEach(w -> Scope.run(() -> w.rank() > 1 && w.abs().max().item() == 0 ? w.addInPlace(rng.normal(w.shape()).to(w.dtype()), 0.02) : w));
    }
}
