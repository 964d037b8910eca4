package org.zoetrope.pipeline;

import java.io.IOException;
import java.nio.file.Path;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.tensor.DType;
import org.zoetrope.tools.RandomFolder;
import org.zoetrope.weights.ConfigFile;

/// Whole model folders with random weights: each kind of published model, a few thousand times smaller.
final class TinyModels {
    private static final String NETWORK = """
            "num_attention_heads": 2, "attention_head_dim": 16, "out_channels": 4, "num_layers": 2, "time_embed_dim": 8,
            "text_embed_dim": 32, "max_text_seq_length": 24, "sample_width": 4, "sample_height": 4,
            "sample_frames": 9""";

    private TinyModels() {}

    /// As CogVideoX-2B.
    static Path textToVideo(Path folder) throws IOException {
        return write(folder, "CogVideoXPipeline", "\"in_channels\": 4", false);
    }

    /// As CogVideoX-5B I2V: rotary and learned positions.
    static Path imageToVideo(Path folder) throws IOException {
        return write(folder, "CogVideoXImageToVideoPipeline",
                """
                        "in_channels": 8, "use_rotary_positional_embeddings": true,
                        "use_learned_positional_embeddings": true""",
                false);
    }

    /// As CogVideoX1.5-5B: pairs of frames.
    static Path pairedTextToVideo(Path folder) throws IOException {
        return write(folder, "CogVideoXPipeline", """
                "in_channels": 4, "use_rotary_positional_embeddings": true, "patch_size_t": 2, "patch_bias": false""",
                false);
    }

    /// As CogVideoX1.5-5B I2V: pairs of frames, an `ofs` embedding and an inverted scale.
    static Path pairedImageToVideo(Path folder) throws IOException {
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
        RandomFolder.write(folder, new RandomFolder.Contents(pipeline, network, vae, text, DType.FLOAT32, 64 << 10));
        return folder;
    }
}
