package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.Golden;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.WeightsException;

class ModelFolderTest {
    @TempDir Path folder;

    private void index(String text) throws IOException {
        Files.writeString(folder.resolve("model_index.json"), text);
    }

    private Path tiny() throws IOException {
        return TinyModels.textToVideo(folder.resolve("tiny"));
    }

    private static void edit(Path file, String old, String changed) throws IOException {
        var text = Files.readString(file);
        assertThat(text).contains(old);
        Files.writeString(file, text.replace(old, changed));
    }

    @Test
    void aPublishedFolderIsRead() throws IOException {
        var read = ModelFolder.read(tiny());
        assertThat(read.kind()).isEqualTo(ModelFolder.Kind.COG_VIDEO_X);
        assertThat(read.components().keySet()).containsExactly("tokenizer", "text_encoder", "transformer", "vae",
                "scheduler");
        assertThat(read.component("vae").className()).isEqualTo("AutoencoderKLCogVideoX");
        assertThat(read.name()).isEqualTo("tiny");
    }

    @Test
    void componentsThatTheIndexDeclaresAsLeftOutAreFine() {
        var read = ModelFolder.read(Golden.open("pipelines/cogvideox-2b-ddim").folder());
        assertThat(read.components().keySet()).containsExactly("transformer", "vae", "scheduler");
        assertThat(read.has("text_encoder")).isFalse();
        assertThatThrownBy(() -> read.component("text_encoder")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("has no text_encoder; it holds transformer, vae, scheduler");
    }

    /// A recipe travels with a video, a path of somebody's machine should not.
    @Test
    void aFolderOfTheHubCacheHasTheNameOfItsRepository() throws IOException {
        var snapshot = folder.resolve("models--THUDM--CogVideoX-2b/snapshots/1137dacf");
        assertThat(ModelFolder.read(TinyModels.textToVideo(snapshot)).name()).isEqualTo("THUDM/CogVideoX-2b");
    }

    @Test
    void aMissingFolderAFileAndAComponentAreToldApart() throws IOException {
        assertThatThrownBy(() -> ModelFolder.read(folder.resolve("nowhere")))
                .hasMessage("no folder " + folder.resolve("nowhere"));
        var file = Files.writeString(folder.resolve("model.safetensors"), "");
        assertThatThrownBy(() -> ModelFolder.read(file))
                .hasMessageContaining("is a file; a model is a folder with a model_index.json");
        assertThatThrownBy(() -> ModelFolder.read(folder))
                .hasMessageContaining("no model_index.json in " + folder + " (model.safetensors)")
                .hasMessageContaining("as it is downloaded from the hub");
        Files.writeString(folder.resolve("config.json"), "{}");
        assertThatThrownBy(() -> ModelFolder.read(folder))
                .hasMessageContaining("this looks like one component of a model");
    }

    @Test
    void anUnknownPipelineIsAnsweredWithTheKnownOnes() throws IOException {
        index("{\"_class_name\": \"HunyuanVideoPipeline\"}");
        assertThatThrownBy(() -> ModelFolder.read(folder)).isInstanceOf(ConfigException.class)
                .hasMessageContaining(
                        "describes a HunyuanVideoPipeline, which is not one that can be run; supported are "
                                + "CogVideoXPipeline, "
                                + "CogVideoXImageToVideoPipeline, CogVideoXVideoToVideoPipeline, "
                                + "WanPipeline, WanImageToVideoPipeline, WanVideoToVideoPipeline");
        index("{}");
        assertThatThrownBy(() -> ModelFolder.read(folder)).hasMessageContaining("a pipeline without _class_name");
    }

    @Test
    void everythingWrongWithAnIndexIsReportedTogether() throws IOException {
        index("""
                {"_class_name": "CogVideoXPipeline", "tokenizer": ["transformers", "CLIPTokenizer"],
                 "vae": [null, null],
                 "text_encoder": ["transformers", "T5EncoderModel"], "transformer": ["CogVideoXTransformer3DModel"],
                 "safety_checker": ["x", "y"]}""");
        Files.createDirectory(folder.resolve("tokenizer"));
        assertThatThrownBy(() -> ModelFolder.read(folder)).isInstanceOf(ConfigException.class).hasMessageContainingAll(
                "component \"tokenizer\" is a CLIPTokenizer, expected T5Tokenizer or T5TokenizerFast",
                "missing component \"text_encoder\": there is no folder " + folder.resolve("text_encoder"),
                "component \"transformer\" is [CogVideoXTransformer3DModel], expected [library, class]",
                "missing component \"vae\", a AutoencoderKLCogVideoX: the index says it is left out",
                "missing component \"scheduler\": the index does not name it",
                "unknown option \"safety_checker\"",
                "the folder holds model_index.json, tokenizer/");
    }

    @Test
    void theConfigsOfAllComponentsAreReportedTogether() throws IOException {
        var tiny = tiny();
        edit(tiny.resolve("transformer/config.json"), "\"patch_size\"", "\"patch_sise\"");
        edit(tiny.resolve("vae/config.json"), "\"_class_name\" : \"AutoencoderKLCogVideoX\"",
                "\"_class_name\" : \"AutoencoderKLWan\"");
        edit(tiny.resolve("scheduler/scheduler_config.json"), "\"trailing\"", "\"trailling\"");
        assertThatThrownBy(() -> VideoModel.open(tiny)).isInstanceOf(ConfigException.class).hasMessageContainingAll(
                "unknown key \"patch_sise\" = 2; did you mean \"patch_size\"?",
                "it describes a AutoencoderKLWan, expected AutoencoderKLCogVideoX",
                "timestep_spacing \"trailling\" is none of");
    }

    /// Guidance-distilled networks have no unprompted prediction; the reason is said, and not that a key is unknown.
    @Test
    void aNetworkThatTakesTheGuidanceScaleIsRefusedWithTheReason() throws IOException {
        for (var key : List.of("\"guidance_embeds\" : true", "\"time_cond_proj_dim\" : 256")) {
            var tiny = TinyModels.textToVideo(folder.resolve(key.substring(1, 5)));
            edit(tiny.resolve("transformer/config.json"), "\"patch_size\"", key + ", \"patch_size\"");
            assertThatThrownBy(() -> VideoModel.open(tiny)).isInstanceOf(ConfigException.class)
                    .hasMessageContainingAll("guidance-distilled", "no unprompted prediction", "null-text",
                            "the model it was distilled from")
                    .message().doesNotContain("unknown key");
        }
    }

    @Test
    void componentsThatDoNotFitTogetherAreNamed() throws IOException {
        var tiny = tiny();
        edit(tiny.resolve("transformer/config.json"), "\"in_channels\" : 4", "\"in_channels\" : 8");
        edit(tiny.resolve("transformer/config.json"), "\"text_embed_dim\" : 32", "\"text_embed_dim\" : 64");
        assertThatThrownBy(() -> VideoModel.open(tiny)).isInstanceOf(ConfigException.class).hasMessageContainingAll(
                "the transformer takes in_channels 8, and a CogVideoXPipeline over an autoencoder with "
                        + "latent_channels 4 needs 4",
                "the text encoder gives d_model 32, the transformer takes text_embed_dim 64");
        var other = TinyModels.textToVideo(folder.resolve("other"));
        edit(other.resolve("scheduler/scheduler_config.json"), "CogVideoXDDIMScheduler", "CogVideoXDPMScheduler");
        assertThatThrownBy(() -> VideoModel.open(other)).hasMessageContaining(
                "is written for a CogVideoXDPMScheduler, and the index of the model names a CogVideoXDDIMScheduler; "
                        + "make them agree");
    }

    /// Opening reads no weights, but it compares all of them.
    @Test
    void aDamagedOrMissingCheckpointIsHeardOfAtOpening() throws IOException {
        var tiny = tiny();
        try (var files = Files.list(tiny.resolve("vae"))) {
            Files.delete(files.filter(f -> f.toString().endsWith(".safetensors")).sorted().findFirst().orElseThrow());
        }
        assertThatThrownBy(() -> VideoModel.open(tiny)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("is missing; it should hold");
        var other = TinyModels.textToVideo(folder.resolve("other"));
        edit(other.resolve("transformer/config.json"), "\"num_layers\" : 2", "\"num_layers\" : 3");
        assertThatThrownBy(() -> VideoModel.open(other)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("no branch \"transformer_blocks.2\"");
    }
}
