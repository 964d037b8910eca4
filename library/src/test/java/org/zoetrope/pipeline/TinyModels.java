package org.zoetrope.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.models.vision.ClipVisionEncoder;
import org.zoetrope.tensor.DType;
import org.zoetrope.tools.RandomFolder;
import org.zoetrope.tools.RandomFolder.Piece;
import org.zoetrope.weights.ConfigFile;

/// Whole model folders with random weights: each kind of published model, a few thousand times smaller.
public final class TinyModels {
    private static final String NETWORK = """
            "num_attention_heads": 2, "attention_head_dim": 16, "out_channels": 4, "num_layers": 2, "time_embed_dim": 8,
            "text_embed_dim": 32, "max_text_seq_length": 24, "sample_width": 4, "sample_height": 4,
            "sample_frames": 9""";

    private TinyModels() {}

    /// As CogVideoX-2B.
    public static Path textToVideo(Path folder) throws IOException {
        return write(folder, "CogVideoXPipeline", "\"in_channels\": 4", false);
    }

    /// As CogVideoX-5B I2V: rotary and learned positions.
    public static Path imageToVideo(Path folder) throws IOException {
        return write(folder, "CogVideoXImageToVideoPipeline",
                """
                        "in_channels": 8, "use_rotary_positional_embeddings": true,
                        "use_learned_positional_embeddings": true""",
                false);
    }

    /// As CogVideoX1.5-5B: pairs of frames.
    public static Path pairedTextToVideo(Path folder) throws IOException {
        return write(folder, "CogVideoXPipeline", """
                "in_channels": 4, "use_rotary_positional_embeddings": true, "patch_size_t": 2, "patch_bias": false""",
                false);
    }

    /// As CogVideoX1.5-5B I2V: pairs of frames, an `ofs` embedding and an inverted scale.
    public static Path pairedImageToVideo(Path folder) throws IOException {
        return write(folder, "CogVideoXImageToVideoPipeline",
                """
                        "in_channels": 8, "use_rotary_positional_embeddings": true, "patch_size_t": 2,
                        "ofs_embed_dim": 8, "patch_bias": false""",
                true);
    }

    private static Path write(Path folder, String pipeline, String keys, boolean invertScale) throws IOException {
        var network = ConfigFile.parse("tiny", "{%s, %s}".formatted(NETWORK, keys), CogVideoXTransformer.Config.class);
        var vae = ConfigFile.parse("tiny", """
                {"block_out_channels": [8, 8, 8, 8], "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 2,
                 "sample_width": 32, "sample_height": 32, "invert_scale_latents": %s}""".formatted(invertScale),
                CogVideoXVae.Config.class);
        var text = T5Encoder.Config.of(32128, 32, 8, 64, 1, 4);
        RandomFolder.write(folder, new RandomFolder.Contents(pipeline,
                List.of(Piece.text(text), Piece.network(network), Piece.codec(vae)), "cogvideox-2b-ddim", DType.FLOAT32,
                64 << 10));
        return folder;
    }

    /// As Wan2.1 T2V 1.3B.
    public static Path wanTextToVideo(Path folder) throws IOException {
        var network = ConfigFile.parse("tiny", """
                {"num_attention_heads": 2, "attention_head_dim": 12, "in_channels": 4, "out_channels": 4, "text_dim": 32,
                 "freq_dim": 16, "ffn_dim": 48, "num_layers": 2, "rope_max_seq_len": 32}""", WanTransformer.Config.class);
        return writeWan(folder, "WanPipeline", List.of(Piece.network(network)));
    }

    /// As Wan2.1 I2V 14B: the first frame as channels and as features.
    static Path wanImageToVideo(Path folder) throws IOException {
        var network = ConfigFile.parse("tiny", """
                {"num_attention_heads": 2, "attention_head_dim": 12, "in_channels": 12, "out_channels": 4, "text_dim": 32,
                 "freq_dim": 16, "ffn_dim": 48, "num_layers": 2, "rope_max_seq_len": 32, "image_dim": 16,
                 "added_kv_proj_dim": 24}""", WanTransformer.Config.class);
        var vision = ConfigFile.parse("tiny", """
                {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2,
                 "image_size": 28, "patch_size": 7, "hidden_act": "gelu"}""", ClipVisionEncoder.Config.class);
        return writeWan(folder, "WanImageToVideoPipeline", List.of(Piece.network(network), Piece.eye(vision)));
    }

    private static Path writeWan(Path folder, String pipeline, List<Piece> networks) throws IOException {
        var vae = ConfigFile.parse("tiny", """
                {"base_dim": 4, "z_dim": 4, "dim_mult": [1, 2, 2, 2], "num_res_blocks": 1,
                 "latents_mean": [0.1, -0.2, 0.3, 0], "latents_std": [1.5, 2, 0.5, 1]}""", WanVae.Config.class);
        var text = ConfigFile.parse("tiny", """
                {"model_type": "umt5", "vocab_size": 32128, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1,
                 "num_heads": 4, "feed_forward_proj": "gated-gelu"}""", T5Encoder.Config.class);
        RandomFolder.write(folder, new RandomFolder.Contents(pipeline, Stream.concat(
                Stream.of(Piece.text(text), Piece.codec(vae)), networks.stream()).toList(), "wan-t2v-unipc", DType.FLOAT32,
                64 << 10));
        Files.writeString(folder.resolve("generation_config.json"),
                "{\"width\": 32, \"height\": 48, \"frames\": 9, \"steps\": 3}");
        return folder;
    }
}
