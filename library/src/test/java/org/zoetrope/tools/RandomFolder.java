package org.zoetrope.tools;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.zoetrope.Golden;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.Weights;

/// Writes a whole CogVideoX folder in the published layout with random weights, to measure what a model of a given size
/// takes without having it. Weights are drawn and written shard by shard, so memory stays at one shard.
///
/// ```
/// java ... org.zoetrope.tools.RandomFolder FOLDER CogVideoX-2b float16
/// ```
public final class RandomFolder {
    private static final long SHARD = 1L << 30;
    private static final ObjectMapper JSON = new ObjectMapper();

    /// What to write.
    ///
    /// @param pipeline published pipeline class
    /// @param shard    most bytes of weights in one file
    public record Contents(String pipeline, CogVideoXTransformer.Config network, CogVideoXVae.Config vae,
            T5Encoder.Config text, DType dtype, long shard) {}

    private RandomFolder() {}

    /// @param args folder, name of the manifests such as `CogVideoX-2b`, number type
    public static void main(String[] args) throws IOException {
        if (args.length != 3) {
            throw new IllegalArgumentException(
                    "expected FOLDER MODEL TYPE, such as /data/random-2b CogVideoX-2b float16");
        }
        var network = ConfigFile.parse(args[1], manifest(args[1] + "__transformer.json"),
                CogVideoXTransformer.Config.class);
        var vae = ConfigFile.parse(args[1], manifest("CogVideoX-2b__vae.json"), CogVideoXVae.Config.class);
        var pipeline = network.inChannels() == vae.latentChannels() ? "CogVideoXPipeline"
                : "CogVideoXImageToVideoPipeline";
        var xxl = T5Encoder.Config.of(32128, 4096, 64, 10240, 24, 64);
        write(Path.of(args[0]),
                new Contents(pipeline, network, vae, xxl, DType.valueOf(args[2].toUpperCase(Locale.ROOT)), SHARD));
    }

    private static String manifest(String file) throws IOException {
        return JSON.readTree(Files.readString(Golden.resource("manifests/" + file))).path("config").toString();
    }

    /// Writes the folder.
    public static void write(Path folder, Contents c) throws IOException {
        Files.createDirectories(folder);
        Files.writeString(folder.resolve("model_index.json"),
                """
                        {"_class_name": "%s", "_diffusers_version": "0.30.0.dev0",
                         "tokenizer": ["transformers", "T5Tokenizer"],
                         "text_encoder": ["transformers", "T5EncoderModel"],
                         "transformer": ["diffusers", "CogVideoXTransformer3DModel"],
                         "vae": ["diffusers", "AutoencoderKLCogVideoX"],
                         "scheduler": ["diffusers", "CogVideoXDDIMScheduler"]}
                        """
                        .formatted(c.pipeline));
        var scheduler = Files.createDirectories(folder.resolve("scheduler"));
        Files.copy(Golden.resource("golden/pipelines/cogvideox-2b-ddim/scheduler/scheduler_config.json"),
                scheduler.resolve("scheduler_config.json"), StandardCopyOption.REPLACE_EXISTING);
        var tokenizer = Files.createDirectories(folder.resolve("tokenizer"));
        for (var file : List.of("spiece.model", "tokenizer_config.json")) {
            Files.copy(Golden.resource("golden/tokenizers/t5/" + file), tokenizer.resolve(file),
                    StandardCopyOption.REPLACE_EXISTING);
        }
        component(folder.resolve("text_encoder"), "T5EncoderModel", c.text, "model", c, w -> new T5Encoder(c.text, w));
        component(folder.resolve("transformer"), "CogVideoXTransformer3DModel", c.network, "diffusion_pytorch_model", c,
                w -> new CogVideoXTransformer(c.network, w));
        component(folder.resolve("vae"), "AutoencoderKLCogVideoX", c.vae, "diffusion_pytorch_model", c,
                w -> new CogVideoXVae(c.vae, w));
    }

    private static void component(Path folder, String className, Record config, String base, Contents c,
            Consumer<Weights> build)
            throws IOException {
        ConfigFile.write(folder.resolve("config.json"), className, config);
        var shapes = new LinkedHashMap<String, long[]>();
        Scope.run(() -> {
            var blueprint = Weights.blueprint();
            build.accept(blueprint);
            blueprint.tree().forEach((name, tensor) -> shapes.put(name, tensor.shape()));
        });
        var shards = shards(shapes, c);
        var rng = new Rng(className.hashCode());
        var places = new LinkedHashMap<String, String>();
        for (var i = 0; i < shards.size(); i++) {
            var file = shards.size() == 1 ? base + ".safetensors"
                    : "%s-%05d-of-%05d.safetensors".formatted(base, i + 1, shards.size());
            var names = shards.get(i);
            Scope.run(() -> {
                var tensors = new LinkedHashMap<String, Tensor>();
                names.forEach(name -> tensors.put(name, draw(rng, name, shapes.get(name), c.dtype)));
                SafetensorsWriter.write(folder.resolve(file), tensors, Map.of("format", "pt"));
            });
            names.forEach(name -> places.put(name, file));
        }
        if (shards.size() > 1) {
            var index = Map.of("metadata",
                    Map.of("total_size", shapes.values().stream().mapToLong(s -> bytes(s, c.dtype)).sum()),
                    "weight_map", places);
            Files.writeString(folder.resolve(base + ".safetensors.index.json"), JSON.writeValueAsString(index));
        }
    }

    private static List<List<String>> shards(Map<String, long[]> shapes, Contents c) {
        var shards = new ArrayList<List<String>>(List.of(new ArrayList<>()));
        var filled = 0L;
        for (var entry : shapes.entrySet()) {
            var bytes = bytes(entry.getValue(), c.dtype);
            if (filled > 0 && filled + bytes > c.shard) {
                shards.add(new ArrayList<>());
                filled = 0;
            }
            shards.getLast().add(entry.getKey());
            filled += bytes;
        }
        return shards;
    }

    /// Scales of norms are one, biases small, and a matrix keeps the size of what passes through it.
    private static Tensor draw(Rng rng, String name, long[] shape, DType dtype) {
        return Scope.run(() -> {
            if (shape.length == 1 && name.endsWith("weight")) {
                return Tensor.full(1, shape).to(dtype);
            }
            var in = 1L;
            for (var i = 1; i < shape.length; i++) {
                in *= shape[i];
            }
            return rng.normal(shape).times(shape.length == 1 ? 0.02 : 1 / Math.sqrt(in)).to(dtype);
        });
    }

    private static long bytes(long[] shape, DType dtype) {
        var count = 1L;
        for (var size : shape) {
            count *= size;
        }
        return count * dtype.bytes();
    }
}
