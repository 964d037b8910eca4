package org.zoetrope.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.Weights;

/// A model that starts from a picture: the bundled one with an untaught network that also reads the latents of a picture.
final class PictureModel {
    private static final String NETWORK = "transformer", CLASS = "CogVideoXTransformer3DModel";

    private PictureModel() {}

    static Path write(Path folder) throws IOException {
        var bundled = Served.bundled();
        try (var files = Files.walk(bundled)) {
            for (var file : files.filter(file -> !file.startsWith(bundled.resolve(NETWORK))).toList()) {
                var copy = folder.resolve(bundled.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(copy);
                } else {
                    Files.copy(file, copy);
                }
            }
        }
        var index = folder.resolve("model_index.json");
        Files.writeString(index, Files.readString(index).replace("CogVideoXPipeline", "CogVideoXImageToVideoPipeline"));
        var text = Files.readString(bundled.resolve(NETWORK).resolve("config.json"))
                .replaceAll("\"in_channels\" *: *16", "\"in_channels\": 32").replaceAll("\"num_layers\" *: *\\d+",
                        "\"num_layers\": 1");
        var config = ConfigFile.parse("the network", text, CogVideoXTransformer.Config.class, CLASS);
        var network = Files.createDirectories(folder.resolve(NETWORK));
        ConfigFile.write(network.resolve("config.json"), CLASS, config);
        Scope.run(() -> {
            var fresh = Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU);
            new CogVideoXTransformer(config, fresh);
            SafetensorsWriter.write(network.resolve("diffusion_pytorch_model.safetensors"), fresh.tree(), Map.of(
                    "format", "pt"));
        });
        return folder;
    }
}
