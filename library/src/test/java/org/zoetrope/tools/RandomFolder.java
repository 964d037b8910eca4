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
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.models.vision.ClipVisionEncoder;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.Weights;

/// Writes a whole model folder in the published layout with random weights, to measure what a model of a given size takes
/// without having it. Weights are drawn and written shard by shard, so memory stays at one shard.
///
/// ```
/// java ... org.zoetrope.tools.RandomFolder FOLDER CogVideoX-2b float16
/// java ... org.zoetrope.tools.RandomFolder FOLDER Wan2.1-T2V-1.3B-Diffusers bfloat16
/// ```
public final class RandomFolder {
    private static final long SHARD = 1L << 30;
    private static final ObjectMapper JSON = new ObjectMapper();

    /// A component with weights.
    ///
    /// @param base name of its checkpoint, without extension
    public record Piece(String name, String library, String className, Record config, String base,
            Consumer<Weights> build) {
        public static Piece text(T5Encoder.Config config) {
            var className = config.modelType() == T5Encoder.ModelType.UMT5 ? "UMT5EncoderModel" : "T5EncoderModel";
            return new Piece("text_encoder", "transformers", className, config, "model", w -> new T5Encoder(config, w));
        }

        public static Piece network(CogVideoXTransformer.Config config) {
            return diffusers("transformer", "CogVideoXTransformer3DModel", config,
                    w -> new CogVideoXTransformer(config, w));
        }

        public static Piece network(WanTransformer.Config config) {
            return diffusers("transformer", "WanTransformer3DModel", config, w -> new WanTransformer(config, w));
        }

        public static Piece codec(CogVideoXVae.Config config) {
            return diffusers("vae", "AutoencoderKLCogVideoX", config, w -> new CogVideoXVae(config, w));
        }

        public static Piece codec(WanVae.Config config) {
            return diffusers("vae", "AutoencoderKLWan", config, w -> new WanVae(config, w));
        }

        public static Piece eye(ClipVisionEncoder.Config config) {
            return new Piece("image_encoder", "transformers", "CLIPVisionModel", config, "model",
                    w -> new ClipVisionEncoder(config, w));
        }

        private static Piece diffusers(String name, String className, Record config, Consumer<Weights> build) {
            return new Piece(name, "diffusers", className, config, "diffusion_pytorch_model", build);
        }
    }

    /// What to write.
    ///
    /// @param pipeline  published pipeline class
    /// @param scheduler the golden pipeline whose scheduler it gets
    /// @param shard     most bytes of weights in one file
    public record Contents(String pipeline, List<Piece> pieces, String scheduler, DType dtype, long shard) {}

    private RandomFolder() {}

    /// @param args folder, name of the manifests such as `CogVideoX-2b`, number type
    public static void main(String[] args) throws IOException {
        if (args.length != 3) {
            throw new IllegalArgumentException(
                    "expected FOLDER MODEL TYPE, such as /data/random-2b CogVideoX-2b float16");
        }
        var dtype = DType.valueOf(args[2].toUpperCase(Locale.ROOT));
        write(Path.of(args[0]), args[1].startsWith("Wan") ? wan(args[1], dtype) : cogVideoX(args[1], dtype));
    }

    private static Contents cogVideoX(String name, DType dtype) throws IOException {
        var network = ConfigFile.parse(name, manifest(name + "__transformer.json"), CogVideoXTransformer.Config.class);
        var vae = ConfigFile.parse(name, manifest("CogVideoX-2b__vae.json"), CogVideoXVae.Config.class);
        var pipeline = network.inChannels() == vae.latentChannels() ? "CogVideoXPipeline"
                : "CogVideoXImageToVideoPipeline";
        var xxl = T5Encoder.Config.of(32128, 4096, 64, 10240, 24, 64);
        return new Contents(pipeline, List.of(Piece.text(xxl), Piece.network(network), Piece.codec(vae)),
                "cogvideox-2b-ddim", dtype, SHARD);
    }

    private static Contents wan(String name, DType dtype) throws IOException {
        var network = ConfigFile.parse(name, manifest(name + "__transformer.json"), WanTransformer.Config.class);
        var vae = ConfigFile.parse(name, manifest("Wan2.1-T2V-1.3B-Diffusers__vae.json"), WanVae.Config.class);
        var xxl = ConfigFile.parse("UMT5-XXL", """
                {"model_type": "umt5", "vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240,
                 "num_layers": 24, "num_heads": 64, "feed_forward_proj": "gated-gelu"}""", T5Encoder.Config.class);
        var pieces = new ArrayList<>(List.of(Piece.text(xxl), Piece.network(network), Piece.codec(vae)));
        network.imageDim().ifPresent(_ -> pieces.add(Piece.eye(ConfigFile.parse("ViT-H/14", """
                {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16,
                 "patch_size": 14, "hidden_act": "gelu", "projection_dim": 1024}""", ClipVisionEncoder.Config.class))));
        var pipeline = network.imageDim().isPresent() ? "WanImageToVideoPipeline" : "WanPipeline";
        return new Contents(pipeline, List.copyOf(pieces), "wan-t2v-unipc", dtype, SHARD);
    }

    private static String manifest(String file) throws IOException {
        return JSON.readTree(Files.readString(Golden.resource("manifests/" + file))).path("config").toString();
    }

    /// Writes the folder.
    public static void write(Path folder, Contents c) throws IOException {
        Files.createDirectories(folder);
        var scheduler = Golden.resource("golden/pipelines/" + c.scheduler + "/scheduler/scheduler_config.json");
        var index = new LinkedHashMap<String, Object>();
        index.put("_class_name", c.pipeline);
        index.put("_diffusers_version", "0.30.0.dev0");
        index.put("tokenizer", List.of("transformers", "T5Tokenizer"));
        c.pieces.forEach(piece -> index.put(piece.name, List.of(piece.library, piece.className)));
        if (c.pieces.stream().anyMatch(piece -> piece.name.equals("image_encoder"))) {
            index.put("image_processor", List.of("transformers", "CLIPImageProcessor"));
            Files.writeString(Files.createDirectories(folder.resolve("image_processor")).resolve("preprocessor_config.json"),
                    "{\"image_processor_type\": \"CLIPImageProcessor\"}");
        }
        index.put("scheduler", List.of("diffusers", JSON.readTree(Files.readString(scheduler)).path("_class_name").asText()));
        Files.writeString(folder.resolve("model_index.json"), JSON.writeValueAsString(index));
        Files.copy(scheduler, Files.createDirectories(folder.resolve("scheduler")).resolve("scheduler_config.json"),
                StandardCopyOption.REPLACE_EXISTING);
        var tokenizer = Files.createDirectories(folder.resolve("tokenizer"));
        for (var file : List.of("spiece.model", "tokenizer_config.json")) {
            Files.copy(Golden.resource("golden/tokenizers/t5/" + file), tokenizer.resolve(file),
                    StandardCopyOption.REPLACE_EXISTING);
        }
        for (var piece : c.pieces) {
            component(folder.resolve(piece.name), piece, c);
        }
    }

    private static void component(Path folder, Piece piece, Contents c) throws IOException {
        ConfigFile.write(folder.resolve("config.json"), piece.className, piece.config);
        var base = piece.base;
        var shapes = new LinkedHashMap<String, long[]>();
        Scope.run(() -> {
            var blueprint = Weights.blueprint();
            piece.build.accept(blueprint);
            blueprint.tree().forEach((name, tensor) -> shapes.put(name, tensor.shape()));
        });
        var shards = shards(shapes, c);
        var rng = new Rng(piece.className.hashCode());
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
            if (shape.length == 1 && name.endsWith("weight") || name.endsWith("gamma")) {
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
