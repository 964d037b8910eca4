package org.zoetrope.tools;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Locale;
import java.util.Optional;
import org.zoetrope.Golden;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

/// What decoding a clip in the published tiles takes, with an autoencoder of published size and random weights. A line for each
/// chunk of frames of a tile, as it comes, and one for the whole.
///
/// ```
/// java ... org.zoetrope.tools.DecodeTrial CogVideoX-2b bfloat16 720 480 49
/// ```
public final class DecodeTrial {
    private DecodeTrial() {}

    /// @param args name of a manifest of CogVideoX, number type, width and height in pixels, frames
    public static void main(String[] args) throws IOException {
        var json = Files.readString(Golden.resource("manifests/" + args[0] + "__vae.json"));
        var config = ConfigFile.parse(args[0], new ObjectMapper().readTree(json).path("config").toString(), CogVideoXVae.Config.class);
        var dtype = DType.valueOf(args[1].toUpperCase(Locale.ROOT));
        var width = Integer.parseInt(args[2]) / config.strideXY();
        var height = Integer.parseInt(args[3]) / config.strideXY();
        var latentFrames = (Integer.parseInt(args[4]) - 1) / config.strideT() + 1;
        Torch.withoutGradients(() -> {
            Scope.run(() -> {
                var vae = new CogVideoXVae(config, Weights.fresh(new Rng(1), dtype, Device.CPU));
                var latents = new Rng(2).normal(1, config.latentChannels(), latentFrames, height, width).to(dtype);
                Torch.forgetPeak();
                var weights = Torch.peakResidentBytes();
                var start = System.nanoTime();
                System.out.printf(Locale.ROOT, "%s, %s, %s x %s, %s frames: %.2f GB with the weights%n", args[0], args[1], args[2], args[3], args[4],
                        weights / 1e9);
                vae.decode(latents, Optional.of(CogVideoXVae.Tiling.published(config)), (_, done, all) -> report("%d of %d chunks".formatted(done, all), weights, start), Tensor::close);
                report("the whole clip", weights, start);
            });
            return 0;
        });
    }

    private static void report(String what, long weights, long start) {
        System.out.printf(Locale.ROOT, "%s: peak above that %.2f GB, %.0f s so far%n", what,
                (Torch.peakResidentBytes() - weights) / 1e9, (System.nanoTime() - start) / 1e9);
    }
}
