package org.zoetrope.models.denoiser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.Golden;
import org.zoetrope.nn.AttentionTap;
import org.zoetrope.nn.FrameShift;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.Weights;

@InScope
class CogVideoXTransformerTest {
    private static CogVideoXTransformer load(Golden golden) {
        var config = ConfigFile.read(golden.folder().resolve("config.json"), CogVideoXTransformer.Config.class);
        return Weights.load(golden.folder(), w -> new CogVideoXTransformer(config, w));
    }

    /// The first block of two, so that what it does is seen before another mixes it.
    private static CogVideoXTransformer oneBlock(Golden golden) throws IOException {
        var json = Files.readString(golden.folder().resolve("config.json")).replace("\"num_layers\": 2", "\"num_layers\": 1");
        var tensors = new TreeMap<>(SafetensorsFile.open(golden.folder().resolve("diffusion_pytorch_model.safetensors")).tensors());
        tensors.keySet().removeIf(name -> name.startsWith("transformer_blocks.1."));
        var config = ConfigFile.parse("config.json", json, CogVideoXTransformer.Config.class);
        return Weights.load(tensors, w -> new CogVideoXTransformer(config, w));
    }

    @ParameterizedTest
    @ValueSource(strings = {"2b", "5b", "1.5-i2v"})
    void aForwardPassMatchesTheReference(String kind) {
        var golden = Golden.open("components/cogvideox-transformer-" + kind);
        var ofs = golden.has("in.ofs") ? Optional.of(golden.in("ofs")) : Optional.<Tensor>empty();
        golden.assertClose(load(golden).forward(golden.in("hidden_states"), golden.in("timestep"), golden.in("encoder_hidden_states"), ofs), "sample");
    }

    @ParameterizedTest
    @ValueSource(strings = {"5b", "1.5-i2v"})
    void rotaryTablesMatchTheReference(String kind) {
        var golden = Golden.open("components/cogvideox-transformer-" + kind);
        var x = golden.in("hidden_states");
        var model = load(golden);
        var rotary = model.rotary(x.size(1) / model.config().patchFrames(), x.size(3) / 2, x.size(4) / 2);
        assertThat(rotary.cos().minus(golden.in("rope_cos")).abs().max().item()).isLessThan(1e-6);
        assertThat(rotary.sin().minus(golden.in("rope_sin")).abs().max().item()).isLessThan(1e-6);
    }

    /// Releases of 2024 were written before the class got its later keys.
    @Test
    void aKeyThatAReleaseLeavesOutHasTheDefaultOfItsClass() {
        var first = ConfigFile.parse("config.json", """
                {"_class_name": "CogVideoXTransformer3DModel", "_diffusers_version": "0.30.0.dev0", "num_layers": 42,
                 "num_attention_heads": 48, "use_rotary_positional_embeddings": true}""", CogVideoXTransformer.Config.class);
        assertThat(first.width()).isEqualTo(3072);
        assertThat(first.patchBias()).isTrue();
        assertThat(first.useLearnedPositionalEmbeddings()).isFalse();
        assertThat(first.patchFrames()).isEqualTo(1);
        assertThat(CogVideoXTransformer.Config.defaults().width()).isEqualTo(1920);
    }

    /// Gates and head start at zero, so a young model neither harms nor helps.
    @Test
    void aFreshModelPredictsZero() {
        var config = ConfigFile.read(Golden.open("components/cogvideox-transformer-5b").folder().resolve("config.json"), CogVideoXTransformer.Config.class);
        var rng = new Rng(1);
        var model = new CogVideoXTransformer(config, Weights.fresh(rng, DType.FLOAT32, Device.CPU));
        assertThat(model.forward(rng.normal(1, 3, 4, 4, 6), Tensor.full(500, 1), rng.normal(1, 16, 32)).abs().max().item()).isZero();
    }

    /// Text carries no positions (V11.2): the order of its tokens cannot matter to the video.
    @Test
    void theOrderOfTextTokensDoesNotMatter() {
        var golden = Golden.open("components/cogvideox-transformer-5b");
        var model = load(golden);
        var x = golden.in("hidden_states");
        var text = golden.in("encoder_hidden_states");
        var plain = model.forward(x, golden.in("timestep"), text);
        assertThat(model.forward(x, golden.in("timestep"), text.flip(1)).minus(plain).abs().max().item()).isLessThan(1e-5);
    }

    @ParameterizedTest
    @ValueSource(strings = {"2b", "5b", "1.5-i2v"})
    void equalPromptsForAllFramesAreOnePrompt(String kind) {
        var golden = Golden.open("components/cogvideox-transformer-" + kind);
        var model = load(golden);
        var text = golden.in("encoder_hidden_states");
        var ofs = golden.has("in.ofs") ? Optional.of(golden.in("ofs")) : Optional.<Tensor>empty();
        var frames = golden.in("hidden_states").size(1) / model.config().patchFrames();
        var copies = text.unsqueeze(1).expand(text.size(0), frames, text.size(1), text.size(2));
        golden.assertClose(model.forward(golden.in("hidden_states"), golden.in("timestep"), copies, ofs), "sample");
    }

    /// In one block, a frame sees of the words nothing but its own copy. Later blocks mix what frames have seen.
    @Test
    void aFrameOfOneBlockReadsItsOwnPrompt() throws IOException {
        var golden = Golden.open("components/cogvideox-transformer-5b");
        var model = oneBlock(golden);
        var x = golden.in("hidden_states");
        var text = golden.in("encoder_hidden_states");
        var each = new ArrayList<Tensor>();
        var wanted = new ArrayList<Tensor>();
        for (var f = 0; f < x.size(1); f++) {
            var own = text.plus(new Rng(f).normal(text.shape()));
            each.add(own);
            wanted.add(model.forward(x, golden.in("timestep"), own).narrow(1, f, 1));
        }
        var found = model.forward(x, golden.in("timestep"), Tensor.stack(each, 1));
        assertThat(found.minus(Tensor.cat(wanted, 1)).abs().max().item()).isLessThan(1e-5);
        assertThat(found.minus(model.forward(x, golden.in("timestep"), each.getFirst())).abs().max().item()).isGreaterThan(1e-3);
    }

    /// V-18: what is zero for every frame changes nothing.
    @ParameterizedTest
    @ValueSource(strings = {"2b", "5b", "1.5-i2v"})
    void framesShiftedByNothingAreThePlainPrediction(String kind) {
        var golden = Golden.open("components/cogvideox-transformer-" + kind);
        var model = load(golden);
        var text = golden.in("encoder_hidden_states");
        var ofs = golden.has("in.ofs") ? Optional.of(golden.in("ofs")) : Optional.<Tensor>empty();
        long frames = golden.in("hidden_states").size(1) / model.config().patchFrames(), width = model.config().width();
        var plain = model.forward(golden.in("hidden_states"), golden.in("timestep"), text, ofs);
        var video = Pass.plain().with(FrameShift.ofVideo(Tensor.zeros(1, frames, width)));
        assertThat(model.forward(golden.in("hidden_states"), golden.in("timestep"), text, ofs, video).toFloats()).isEqualTo(plain.toFloats());
        var words = Pass.plain().with(FrameShift.ofText(Tensor.zeros(1, frames, text.size(1), width)));
        golden.assertClose(model.forward(golden.in("hidden_states"), golden.in("timestep"), text, ofs, words), "sample");
    }

    /// In one block, what is looked up for a frame is seen by that frame alone; later blocks mix what frames have seen.
    @Test
    void aShiftOfTheTextReachesItsOwnFrameAlone() throws IOException {
        var golden = Golden.open("components/cogvideox-transformer-5b");
        var model = oneBlock(golden);
        var text = golden.in("encoder_hidden_states");
        var x = golden.in("hidden_states");
        var plain = model.forward(x, golden.in("timestep"), text);
        var shift = Tensor.zeros(1, x.size(1), text.size(1), model.config().width());
        shift.narrow(1, 1, 1).addInPlace(new Rng(3).normal(1, 1, text.size(1), model.config().width()), 1);
        var moved = model.forward(x, golden.in("timestep"), text, Optional.empty(), Pass.plain().with(FrameShift.ofText(shift)))
                .minus(plain).abs().mean(false, 0, 2, 3, 4).toFloats();
        for (var f = 0; f < moved.length; f++) {
            if (f == 1) {
                assertThat(moved[f]).isGreaterThan(1e-3f);
            } else {
                assertThat(moved[f]).isLessThan(1e-6f);
            }
        }
    }

    @Test
    void shiftsOfAnotherSizeAreRefused() {
        var golden = Golden.open("components/cogvideox-transformer-5b");
        var model = load(golden);
        var pass = Pass.plain().with(FrameShift.ofVideo(Tensor.zeros(1, 99, model.config().width())));
        assertThatThrownBy(() -> model.forward(golden.in("hidden_states"), golden.in("timestep"), golden.in("encoder_hidden_states"), Optional.empty(), pass))
                .isInstanceOf(ShapeException.class).hasMessageContaining("[1, 99, ");
    }

    @Test
    void promptsForAnotherNumberOfFramesAreRefused() {
        var golden = Golden.open("components/cogvideox-transformer-5b");
        var model = load(golden);
        var text = golden.in("encoder_hidden_states");
        var copies = text.unsqueeze(1).expand(text.size(0), 99, text.size(1), text.size(2));
        assertThatThrownBy(() -> model.forward(golden.in("hidden_states"), golden.in("timestep"), copies)).isInstanceOf(ShapeException.class)
                .hasMessageContaining("99 frames of tokens");
    }

    @Test
    void samplesOfABatchDoNotMeet() {
        var golden = Golden.open("components/cogvideox-transformer-2b");
        var model = load(golden);
        var alone = model.forward(golden.in("hidden_states").narrow(0, 1, 1), golden.in("timestep").narrow(0, 1, 1), golden.in("encoder_hidden_states").narrow(0, 1, 1));
        assertThat(alone.minus(golden.out("sample").narrow(0, 1, 1)).abs().max().item()).isLessThan(1e-5);
    }

    /// Watching is the seam of editing: it must not change what is watched, and the scores must be those of attention.
    @Test
    void aTapSeesTheAttentionOfTheBlocksItWatchesAndChangesNothing() {
        var golden = Golden.open("components/cogvideox-transformer-5b");
        var model = load(golden);
        var text = golden.in("encoder_hidden_states");
        var seen = new ArrayList<Integer>();
        var watched = model.forward(golden.in("hidden_states"), golden.in("timestep"), text, Optional.empty(), Pass.watched(new AttentionTap() {
            @Override
            public boolean watches(int block) {
                return block == 1;
            }

            @Override
            public void see(int block, Site site) {
                seen.add(block);
                assertThat(site.kind()).isEqualTo(Kind.JOINT);
                assertThat(site.textKeys().size(2)).isEqualTo(text.size(1));
                assertThat(site.videoQueries().size(2) + site.textQueries().size(2)).isEqualTo(site.q().size(2));
                assertThat(site.videoKeys().size(2)).isEqualTo(site.videoQueries().size(2));
                assertThat(site.scale()).isEqualTo(1 / Math.sqrt(site.q().size(3)));
            }
        }));
        assertThat(seen).containsExactly(1);
        assertThat(watched.toFloats()).isEqualTo(model.forward(golden.in("hidden_states"), golden.in("timestep"), text).toFloats());
    }

    @Test
    void sizesThatDoNotFitThePatchesAreRefused() {
        var golden = Golden.open("components/cogvideox-transformer-1.5-i2v");
        var model = load(golden);
        var text = golden.in("encoder_hidden_states").narrow(0, 0, 1);
        var t = Tensor.full(1, 1);
        assertThatThrownBy(() -> model.forward(Tensor.zeros(1, 3, 8, 4, 6), t, text, Optional.of(t))).isInstanceOf(ShapeException.class).hasMessageContaining("3 latent frames are not a multiple of patch_size_t 2");
        assertThatThrownBy(() -> model.forward(Tensor.zeros(1, 4, 8, 5, 6), t, text, Optional.of(t))).hasMessageContaining("latent size 5 x 6 is not a multiple of patch_size 2");
        assertThatThrownBy(() -> model.forward(Tensor.zeros(1, 4, 4, 4, 6), t, text, Optional.of(t))).hasMessageContaining("[B, T, 8, H, W]");
        assertThatThrownBy(() -> model.forward(Tensor.zeros(1, 4, 8, 4, 6), t, text)).hasMessageContaining("needs an ofs value");
    }
}
