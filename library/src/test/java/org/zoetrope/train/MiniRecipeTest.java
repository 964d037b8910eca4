package org.zoetrope.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.Tokenizers;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.LoadOptions;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.Weights;
import org.zoetrope.weights.WeightsException;

class MiniRecipeTest {
    private static final CogVideoXMini TINY = CogVideoXMini.tiny();

    private static final class Quiet implements MiniRecipe.Listener {
        final ArrayList<String> stages = new ArrayList<>();

        @Override
        public void onStep(String stage, TrainingRun.Progress progress) {
            stages.add(stage + progress.step());
        }

        @Override
        public void onLatents(int done, int total) {
            stages.add("latents");
        }
    }

    @Test
    void aRehearsalWritesAFolderThatLoadsStrictlyAndRuns(@TempDir Path folder) {
        var quiet = new Quiet();
        var model = MiniRecipe.rehearsal(TINY).run(folder, quiet);
        assertThat(quiet.stages).containsExactly("vae1", "vae2", "vae3", "vae4", "latents", "text1", "text2", "text3", "denoiser1", "denoiser2", "denoiser3", "denoiser4", "decoder1", "decoder2", "decoder3");
        assertThat(folder.resolve("losses.png")).isNotEmptyFile();
        try (var _ = Scope.open()) {
            var options = LoadOptions.to(DType.FLOAT32, Device.CPU);
            var vaeConfig = ConfigFile.read(model.resolve("vae/config.json"), CogVideoXVae.Config.class, "AutoencoderKLCogVideoX");
            var vae = Weights.load(model.resolve("vae"), options, w -> new CogVideoXVae(vaeConfig, w));
            var textConfig = ConfigFile.read(model.resolve("text_encoder/config.json"), T5Encoder.Config.class);
            var text = Weights.load(model.resolve("text_encoder"), options, w -> new T5Encoder(textConfig, w));
            var config = ConfigFile.read(model.resolve("transformer/config.json"), CogVideoXTransformer.Config.class, "CogVideoXTransformer3DModel");
            var transformer = Weights.load(model.resolve("transformer"), options, w -> new CogVideoXTransformer(config, w));
            var ids = Tokenizers.read(model.resolve("tokenizer")).fit("a red circle moves right").ids();
            var words = Tensor.range(ids.length).unsqueeze(0);
            var velocity = transformer.forward(new Rng(1).normal(1, 5, config.inChannels(), 16, 16), Tensor.full(999, 1), text.forward(words));
            assertThat(vae.decode(velocity.rearrange("B T C H W -> B C T H W")).shape()).containsExactly(1, 3, 17, 64, 64);
        }
    }

    @Test
    void aRehearsalOfRectifiedFlowWritesAFolderThatLoadsStrictlyAndRuns(@TempDir Path folder) {
        var model = MiniRecipe.rehearsal(WanMini.tiny()).run(folder, new Quiet());
        try (var _ = Scope.open()) {
            var options = LoadOptions.to(DType.FLOAT32, Device.CPU);
            var vaeConfig = ConfigFile.read(model.resolve("vae/config.json"), WanVae.Config.class, "AutoencoderKLWan");
            var vae = Weights.load(model.resolve("vae"), options, w -> new WanVae(vaeConfig, w));
            var textConfig = ConfigFile.read(model.resolve("text_encoder/config.json"), T5Encoder.Config.class);
            assertThat(textConfig.modelType()).isEqualTo(T5Encoder.ModelType.UMT5);
            var text = Weights.load(model.resolve("text_encoder"), options, w -> new T5Encoder(textConfig, w));
            var config = ConfigFile.read(model.resolve("transformer/config.json"), WanTransformer.Config.class, "WanTransformer3DModel");
            var transformer = Weights.load(model.resolve("transformer"), options, w -> new WanTransformer(config, w));
            var ids = Tokenizers.read(model.resolve("tokenizer")).fit("a red circle moves right").ids();
            var velocity = transformer.forward(new Rng(1).normal(1, 16, 5, 16, 16), Tensor.full(999, 1), text.forward(Tensor.range(ids.length).unsqueeze(0)));
            assertThat(vae.decode(vae.restored(velocity)).shape()).containsExactly(1, 3, 17, 64, 64);
        }
    }

    @Test
    void aFinishedStageIsNotTrainedAgain(@TempDir Path folder) throws Exception {
        MiniRecipe.rehearsal(TINY).run(folder, new Quiet());
        Files.delete(folder.resolve("denoiser.safetensors"));
        var quiet = new Quiet();
        MiniRecipe.rehearsal(TINY).run(folder, quiet);
        assertThat(quiet.stages).containsExactly("latents", "denoiser1", "denoiser2", "denoiser3", "denoiser4");
    }

    /// Both encoders must stay what they were, since the denoiser learned the latents of one and the words of the other; the
    /// clips are others.
    @Test
    void aFinishedModelTrainsOn(@TempDir Path folder) {
        var model = MiniRecipe.rehearsal(TINY).run(folder.resolve("first"), new Quiet());
        var quiet = new Quiet();
        var next = MiniRecipe.rehearsal(TINY).from(model).run(folder.resolve("second"), quiet);
        assertThat(quiet.stages).doesNotContain("vae1", "text1").contains("denoiser4", "decoder3");
        try (var _ = Scope.open()) {
            assertThat(changed(model, next, "text_encoder/model.safetensors")).isEmpty();
            assertThat(changed(model, next, "vae/diffusion_pytorch_model.safetensors")).isNotEmpty().allMatch(name -> name.startsWith("decoder."));
            assertThat(changed(model, next, "transformer/diffusion_pytorch_model.safetensors")).isNotEmpty();
            assertThat(changed(folder.resolve("first"), folder.resolve("second"), "latents-00000.safetensors")).isNotEmpty();
        }
        assertThat(next.resolve("vae/config.json")).hasSameTextualContentAs(model.resolve("vae/config.json"));
    }

    @Test
    void theDenoiserLeavesTheTextEncoderAsItWasTaught(@TempDir Path folder) {
        var model = MiniRecipe.rehearsal(TINY).run(folder, new Quiet());
        try (var _ = Scope.open()) {
            var taught = SafetensorsFile.open(folder.resolve("text.safetensors")).tensors();
            SafetensorsFile.open(model.resolve("text_encoder/model.safetensors")).tensors().forEach((name, tensor) -> {
                var average = Objects.requireNonNull(taught.get("average." + DenoiserStage.TEXT + "." + name));
                assertThat(tensor.toFloats()).as(name).isEqualTo(average.to(DType.FLOAT16).toFloats());
            });
        }
    }

    private static List<String> changed(Path before, Path after, String file) {
        var old = SafetensorsFile.open(before.resolve(file)).tensors();
        var now = SafetensorsFile.open(after.resolve(file)).tensors();
        assertThat(now.keySet()).isEqualTo(old.keySet());
        return now.entrySet().stream().filter(e -> !Arrays.equals(e.getValue().toFloats(), Objects.requireNonNull(old.get(e.getKey())).toFloats()))
                .map(Map.Entry::getKey).toList();
    }

    /// The transformer of another size is refused by name and shape, before any work, instead of being stretched or failing
    /// inside libtorch.
    /// The first and the last layer, norms and the encoder are not for Muon.
    @ParameterizedTest
    @MethodSource("architectures")
    void muonMovesTheKernelsBetweenTheFirstAndTheLastOfADecoder(Architecture architecture) {
        try (var _ = Scope.open()) {
            var fresh = Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU);
            architecture.autoencoder(fresh);
            var moved = fresh.tree().keySet().stream().filter(VaeStage::insideDecoder).toList();
            assertThat(moved).contains("decoder.mid_block.resnets.0.conv1" + (architecture instanceof WanMini ? "" : ".conv") + ".weight")
                    .noneMatch(name -> name.startsWith("encoder.") || name.contains("norm") || name.matches("decoder\\.conv_(in|out)\\..*"))
                    .allMatch(name -> Objects.requireNonNull(fresh.tree().get(name)).rank() >= 2);
        }
    }

    private static Stream<Architecture> architectures() {
        return Stream.of(TINY, WanMini.tiny());
    }

    @Test
    void aModelOfAnotherSizeIsNotTrainedOn(@TempDir Path folder) {
        var model = MiniRecipe.rehearsal(TINY).run(folder.resolve("one"), new Quiet());
        var deeper = MiniRecipe.rehearsal(new CogVideoXMini(TINY.vaeChannels(), 1, 2, 32, 1)).from(model);
        var quiet = new Quiet();
        assertThatThrownBy(() -> deeper.run(folder.resolve("other"), quiet)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("do not fit").hasMessageContaining("transformer_blocks.1").hasMessageContaining("found none");
        assertThat(quiet.stages).isEmpty();
        var wider = MiniRecipe.rehearsal(new CogVideoXMini(TINY.vaeChannels(), 2, 1, 32, 1)).from(model);
        assertThatThrownBy(() -> wider.run(folder.resolve("third"), new Quiet())).isInstanceOf(WeightsException.class)
                .hasMessageContaining("should be [128, 16, 2, 2], found [64, 16, 2, 2]");
    }
}
