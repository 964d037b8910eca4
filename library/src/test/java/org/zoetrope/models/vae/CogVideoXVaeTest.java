package org.zoetrope.models.vae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.Golden;
import org.zoetrope.models.vae.CogVideoXVae.Tiling;
import org.zoetrope.nn.ChunkListener;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.tools.InScope;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.LoadOptions;
import org.zoetrope.weights.Weights;

@InScope
class CogVideoXVaeTest {
    private static CogVideoXVae load(Golden golden) {
        var config = ConfigFile.read(golden.folder().resolve("config.json"), CogVideoXVae.Config.class);
        return Weights.load(golden.folder(), w -> new CogVideoXVae(config, w));
    }

    @Test
    void encodingAndDecodingMatchTheReference() {
        var golden = Golden.open("components/cogvideox-vae");
        var vae = load(golden);
        var posterior = vae.encode(golden.in("video"));
        golden.assertClose(posterior.mean(), "mean");
        golden.assertClose(posterior.logVariance(), "logvar");
        golden.assertClose(vae.decode(golden.in("latents")), "decoded");
    }

    /// Large models run in bfloat16 by default where the processor has units for it, and libtorch lacks one function for it.
    @ParameterizedTest
    @ValueSource(strings = {"BFLOAT16", "FLOAT16"})
    void halfOfTheLengthOfNumbersIsCloseToTheReference(DType dtype) {
        var golden = Golden.open("components/cogvideox-vae");
        var config = ConfigFile.read(golden.folder().resolve("config.json"), CogVideoXVae.Config.class);
        var vae = Weights.load(golden.folder(), LoadOptions.to(dtype, Device.CPU), w -> new CogVideoXVae(config, w));
        assertThat(apart(vae.encode(golden.in("video").to(dtype)).mean(), load(golden).encode(golden.in("video")).mean())).isLessThan(0.03);
        assertThat(apart(vae.decode(golden.in("latents").to(dtype)), load(golden).decode(golden.in("latents")))).isLessThan(0.03);
    }

    /// The root of the mean squared difference, as a share of what the second one has.
    private static double apart(Tensor one, Tensor other) {
        return Math.sqrt(one.to(DType.FLOAT32).minus(other).square().mean().item() / other.square().mean().item());
    }

    @Test
    void tiledDecodingMatchesTheReference() {
        var golden = Golden.open("components/cogvideox-vae-tiled");
        golden.assertClose(load(golden).decode(golden.in("latents"), Optional.of(new Tiling(32, 32, 0.25, 0.25))), "decoded");
    }

    @Test
    void aTileAsLargeAsThePictureChangesNothing() {
        var golden = Golden.open("components/cogvideox-vae");
        var vae = load(golden);
        var latents = golden.in("latents");
        assertThat(vae.decode(latents, Optional.of(new Tiling(32, 32, 0.25, 0.25))).toFloats()).isEqualTo(vae.decode(latents).toFloats());
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "5, 2", "9, 3", "13, 4", "17, 5", "8, 2", "16, 4"})
    void fourFramesBecomeOneLatentBehindTheFirst(int frames, int latentFrames) {
        var vae = load(Golden.open("components/cogvideox-vae"));
        var latents = vae.encode(new Rng(1).normal(1, 3, frames, 16, 16)).mean();
        assertThat(latents.shape()).containsExactly(1, 4, latentFrames, 2, 2);
        assertThat(vae.decode(latents).size(2)).isEqualTo(latentFrames % 2 == 1 ? 4L * (latentFrames - 1) + 1 : 4L * latentFrames);
    }

    /// Group norms pool a chunk, so influence inside a chunk reaches back; across chunks it never does.
    @Test
    void laterChunksNeverChangeEarlierFrames() {
        var vae = load(Golden.open("components/cogvideox-vae"));
        var latents = new Rng(2).normal(1, 4, 7, 2, 2);
        var changed = Tensor.cat(List.of(latents.narrow(2, 0, 5), latents.narrow(2, 5, 2).plus(1)), 2);
        var before = vae.decode(latents);
        var after = vae.decode(changed);
        assertThat(after.narrow(2, 0, 17).toFloats()).isEqualTo(before.narrow(2, 0, 17).toFloats());
        assertThat(after.narrow(2, 17, 8).minus(before.narrow(2, 17, 8)).abs().max().item()).isGreaterThan(1e-3);
    }

    @Test
    void streamingHandsOverTheFramesOfTheWholeDecoding() {
        var vae = load(Golden.open("components/cogvideox-vae"));
        var latents = new Rng(3).normal(1, 4, 9, 4, 4);
        var parts = new ArrayList<Tensor>();
        vae.decode(latents, Optional.of(new Tiling(16, 16, 0.5, 0.5)), ChunkListener.none(), parts::add);
        assertThat(parts.stream().mapToLong(p -> p.size(2)).toArray()).containsExactly(9, 8, 8, 8);
        assertThat(CogVideoXVae.decodeChunks(9)).isEqualTo(parts.size());
        assertThat(Tensor.cat(parts, 2).toFloats()).isEqualTo(vae.decode(latents, Optional.of(new Tiling(16, 16, 0.5, 0.5))).toFloats());
    }

    @Test
    void oneTileAfterTheOtherIsDecodedAndCarriesItsOwnFrames() {
        var vae = load(Golden.open("components/cogvideox-vae"));
        var latents = new Rng(3).normal(1, 4, 5, 6, 6);
        var reports = new ArrayList<List<Integer>>();
        var live = new ArrayList<Long>();
        var before = Torch.liveObjects();
        var listener = new ChunkListener() {
            @Override
            public void begin(int all) {
                live.add(Torch.liveObjects());
            }

            @Override
            public void after(Tensor chunk, int done, int all) {
                reports.add(List.of((int) chunk.size(2), done, all));
                live.add(Torch.liveObjects());
            }
        };
        Scope.run(() -> vae.decode(latents, Optional.of(new Tiling(16, 16, 0.5, 0.5)), listener, _ -> {}));
        assertThat(reports).hasSize(6 * 6 * 2).startsWith(List.of(9, 1, 72), List.of(8, 2, 72)).endsWith(List.of(8, 72, 72));
        var carried = live.get(1) - live.getFirst();
        assertThat(carried).isGreaterThan(20); // what the convolutions remember of the first tile
        // A tile that is finished leaves its frames and its seam.
        assertThat(live.getLast() - live.getFirst()).isLessThan(3 * carried);
        assertThat(Torch.liveObjects()).isLessThanOrEqualTo(before);
    }

    @Test
    void streamingLeavesNothingBehindBetweenChunks() {
        var vae = load(Golden.open("components/cogvideox-vae"));
        var latents = new Rng(3).normal(1, 4, 41, 2, 2);
        var live = new ArrayList<Long>();
        vae.decode(latents, Optional.empty(), ChunkListener.none(), chunk -> {
            chunk.close();
            live.add(Torch.liveObjects());
        });
        assertThat(live.getLast()).isLessThanOrEqualTo(live.get(1)); // fewer where the garbage collector met leftovers of earlier tests
    }

    @Test
    void aReceiverThatFailsLeavesNothingBehind() {
        var vae = load(Golden.open("components/cogvideox-vae"));
        var latents = new Rng(3).normal(1, 4, 9, 2, 2);
        var received = new ArrayList<Long>();
        var before = Torch.liveObjects();
        Consumer<Tensor> receiver = chunk -> {
            received.add(chunk.size(2));
            if (received.size() == 2) {
                throw new IllegalStateException("disk full");
            }
        };
        Runnable decoding = () -> Scope.run(() -> vae.decode(latents, Optional.empty(), ChunkListener.none(), receiver));
        assertThatThrownBy(decoding::run).hasMessage("disk full");
        assertThat(received).containsExactly(9L, 8L);
        assertThat(Torch.liveObjects()).isLessThanOrEqualTo(before);
    }

    @Test
    void publishedTilesOverlapByWholeLatents() {
        var published = Tiling.published(CogVideoXVae.Config.defaults());
        assertThat(published).isEqualTo(new Tiling(240, 360, 1 / 6.0, 1 / 5.0));
        var small = Tiling.published(load(Golden.open("components/cogvideox-vae")).config());
        assertThat(small.overlapHeight() * small.height() % 8).isZero();
    }

    /// The tiles of a small model do not divide by six and five.
    @Test
    void tilesAddUpToThePicture() {
        var vae = load(Golden.open("components/cogvideox-vae"));
        var tiling = Optional.of(Tiling.published(vae.config()));
        assertThat(vae.decode(new Rng(3).normal(1, 4, 3, 7, 10), tiling).shape()).containsExactly(1, 3, 9, 56, 80);
        assertThat(vae.encode(new Rng(3).normal(1, 3, 9, 56, 80), tiling).mean().shape()).containsExactly(1, 4, 3, 7, 10);
        assertThatThrownBy(() -> vae.decode(Tensor.zeros(1, 4, 1, 9, 9), Optional.of(new Tiling(16, 16, 1 / 6.0, 1 / 5.0))))
                .hasMessageContaining("do not overlap by whole latents");
    }

    @Test
    void picturesThatDoNotFitAreRefused() {
        var vae = load(Golden.open("components/cogvideox-vae"));
        assertThatThrownBy(() -> vae.encode(Tensor.zeros(1, 3, 1, 20, 16))).hasMessageContaining("picture size 16 x 20 is not a multiple of 8");
        assertThatThrownBy(() -> vae.decode(Tensor.zeros(1, 5, 1, 2, 2))).hasMessageContaining("[B, 4, T, H, W]");
    }
}
