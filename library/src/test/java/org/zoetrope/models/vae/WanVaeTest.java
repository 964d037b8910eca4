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
import org.zoetrope.Golden;
import org.zoetrope.models.vae.WanVae.Tiling;
import org.zoetrope.nn.ChunkListener;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.tools.InScope;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.LoadOptions;
import org.zoetrope.weights.Weights;

@InScope
class WanVaeTest {
    private static final Golden golden = Golden.open("components/wan-vae");

    private static WanVae load(DType dtype) {
        var config = ConfigFile.read(golden.folder().resolve("config.json"), WanVae.Config.class, "AutoencoderKLWan");
        return Weights.load(golden.folder(), LoadOptions.to(dtype, Device.CPU), w -> new WanVae(config, w));
    }

    private static WanVae load() {
        return load(DType.FLOAT32);
    }

    private static double difference(Tensor a, Tensor b) {
        assertThat(a.shape()).isEqualTo(b.shape());
        return a.minus(b).abs().max().item();
    }

    @Test
    void encodingAndDecodingMatchTheReference() {
        var vae = load();
        golden.assertClose(vae.encode(golden.in("video")).mean(), "mean");
        golden.assertClose(vae.decode(golden.in("latents")), "decoded");
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "5, 2", "9, 3", "13, 4"})
    void fourFramesBecomeOneLatentBehindTheFirst(int frames, int latentFrames) {
        var vae = load();
        var latents = vae.encode(new Rng(1).normal(1, 3, frames, 16, 16)).mean();
        assertThat(latents.shape()).containsExactly(1, 16, latentFrames, 2, 2);
        assertThat(vae.decode(latents).shape()).containsExactly(1, 3, frames, 16, 16);
    }

    /// In float64, where rounding cannot hide a frame that is missing at a seam.
    @ParameterizedTest
    @CsvSource({"'1,1,1,1,1'", "'5'", "'2,3'", "'3,1,1'"})
    void anyChunksGiveTheFramesOfTheWholeClip(String chunks) {
        var vae = load(DType.FLOAT64);
        var latents = new Rng(2).normal(1, 16, 5, 2, 3).to(DType.FLOAT64);
        var lengths = List.of(chunks.split(",")).stream().mapToLong(Long::parseLong).toArray();
        var parts = new ArrayList<Tensor>();
        vae.decode(latents, Optional.empty(), ChunkListener.none(), parts::add, lengths);
        assertThat(difference(Tensor.cat(parts, 2), vae.decode(latents))).isLessThan(1e-12);
        assertThat(parts.getFirst().size(2)).isEqualTo(4 * lengths[0] - 3);
    }

    @ParameterizedTest
    @CsvSource({"'17'", "'5,4,8'", "'1,16'", "'9,8'"})
    void anyChunksGiveTheLatentsOfTheWholeClip(String chunks) {
        var vae = load(DType.FLOAT64);
        var video = new Rng(3).normal(1, 3, 17, 16, 24).to(DType.FLOAT64);
        var lengths = List.of(chunks.split(",")).stream().mapToLong(Long::parseLong).toArray();
        var streamed = vae.encode(video, Optional.empty(), lengths);
        assertThat(difference(streamed.mean(), vae.encode(video).mean())).isLessThan(1e-12);
        assertThat(difference(streamed.logVariance(), vae.encode(video).logVariance())).isLessThan(1e-12);
    }

    /// Latent k becomes frames 4k - 3 to 4k; nothing before them may know of it.
    @Test
    void aLaterLatentNeverChangesAnEarlierFrame() {
        var vae = load();
        var latents = new Rng(4).normal(1, 16, 5, 2, 2);
        var changed = Tensor.cat(List.of(latents.narrow(2, 0, 3), latents.narrow(2, 3, 2).plus(1)), 2);
        var before = vae.decode(latents);
        var after = vae.decode(changed);
        assertThat(after.narrow(2, 0, 9).toFloats()).isEqualTo(before.narrow(2, 0, 9).toFloats());
        assertThat(difference(after.narrow(2, 9, 1), before.narrow(2, 9, 1))).isGreaterThan(1e-4);
    }

    @Test
    void theBeginningOfAClipEncodesToTheBeginningOfItsLatents() {
        var vae = load();
        var video = new Rng(5).normal(1, 3, 13, 16, 16);
        var whole = vae.encode(video).mean();
        assertThat(vae.encode(video.narrow(2, 0, 5)).mean().toFloats()).isEqualTo(whole.narrow(2, 0, 2).toFloats());
        assertThat(vae.decode(whole.narrow(2, 0, 2)).toFloats()).isEqualTo(vae.decode(whole).narrow(2, 0, 5).toFloats());
    }

    @Test
    void normalisedLatentsComeBack() {
        var vae = load(DType.FLOAT64);
        var z = new Rng(6).normal(1, 16, 2, 3, 4).to(DType.FLOAT64);
        assertThat(difference(vae.restored(vae.normalised(z)), z)).isLessThan(1e-14);
        var first = vae.normalised(z).select(1, 0).minus(z.select(1, 0).plus(0.7571).div(2.8184)).abs().max().item();
        assertThat(first).isLessThan(1e-6); // the constants of the config, as float32
    }

    @Test
    void pixelsStayWithinTheirRange() {
        var weights = Weights.fresh(new Rng(7), DType.FLOAT32, Device.CPU);
        var vae = new WanVae(load().config(), weights);
        weights.tree().forEach((name, parameter) -> {
            if (name.equals("decoder.conv_out.bias")) {
                parameter.set(Tensor.of(new float[] {5, -5, 0}, 3));
            }
        });
        var frames = vae.decode(new Rng(7).normal(1, 16, 2, 2, 2));
        assertThat(frames.max().item()).isEqualTo(1);
        assertThat(frames.min().item()).isEqualTo(-1);
    }

    // ---------------------------------------------------------------- tiles

    @Test
    void aTileAsLargeAsThePictureChangesNothing() {
        var vae = load();
        assertThat(vae.decode(golden.in("latents"), Optional.of(new Tiling(32, 32, 24, 24))).toFloats())
                .isEqualTo(vae.decode(golden.in("latents")).toFloats());
    }

    @Test
    void tilesAddUpToThePicture() {
        var vae = load();
        var tiling = Optional.of(new Tiling(32, 32, 24, 24));
        assertThat(vae.decode(new Rng(8).normal(1, 16, 2, 7, 10), tiling).shape()).containsExactly(1, 3, 5, 56, 80);
        assertThat(vae.encode(new Rng(8).normal(1, 3, 5, 56, 80), tiling).mean().shape()).containsExactly(1, 16, 2, 7, 10);
    }

    /// The first tile up to its seam is that tile alone; every tile keeps its own memory along time.
    @Test
    void aTileIsDecodedAsIfItWereAlone() {
        var vae = load();
        var latents = new Rng(9).normal(1, 16, 3, 4, 7);
        var tiled = vae.decode(latents, Optional.of(new Tiling(32, 32, 24, 24))).narrow(3, 0, 24);
        var first = vae.decode(latents.narrow(4, 0, 4)).narrow(3, 0, 24);
        assertThat(difference(tiled.narrow(4, 0, 24), first.narrow(4, 0, 24))).isZero();
        var second = vae.decode(latents.narrow(4, 3, 4)).narrow(3, 0, 24);
        assertThat(difference(tiled.narrow(4, 32, 16), second.narrow(4, 8, 16))).isZero();
    }

    // ---------------------------------------------------------------- memory and training

    @Test
    void streamingLeavesNothingBehindBetweenChunks() {
        var vae = load();
        var live = new ArrayList<Long>();
        vae.decode(new Rng(3).normal(1, 16, 12, 2, 2), Optional.empty(), ChunkListener.none(), chunk -> {
            chunk.close();
            live.add(Torch.liveObjects());
        });
        assertThat(live).hasSize(12);
        assertThat(live.getLast()).isLessThanOrEqualTo(live.get(2)); // fewer where the collector met leftovers of other tests
    }

    @Test
    void aReceiverThatFailsLeavesNothingBehind() {
        var vae = load();
        var latents = new Rng(3).normal(1, 16, 5, 2, 2);
        var before = Torch.liveObjects();
        Consumer<Tensor> receiver = chunk -> {
            if (chunk.size(2) == 4) {
                throw new IllegalStateException("disk full");
            }
        };
        Runnable decoding = () -> Scope.run(() -> vae.decode(latents, Optional.empty(), ChunkListener.none(), receiver));
        assertThatThrownBy(decoding::run).hasMessage("disk full");
        assertThat(Torch.liveObjects()).isLessThanOrEqualTo(before);
    }

    @Test
    void gradientsReachEveryParameter() {
        var config = ConfigFile.read(golden.folder().resolve("config.json"), WanVae.Config.class);
        var rng = new Rng(1);
        var weights = Weights.fresh(rng, DType.FLOAT32, Device.CPU);
        var vae = new WanVae(config, weights);
        weights.tree().values().forEach(parameter -> parameter.requireGradient(true));
        var posterior = vae.encode(rng.normal(1, 3, 9, 32, 32));
        var decoded = vae.decode(posterior.sample(rng.normal(posterior.mean().shape())));
        decoded.square().mean().plus(posterior.divergence().mean()).backward();
        var untouched = new ArrayList<String>();
        weights.tree().forEach((name, parameter) -> {
            if (!parameter.hasGradient() || !(parameter.gradient().abs().max().item() > 0)) {
                untouched.add(name);
            }
        });
        assertThat(untouched).isEmpty();
    }

    // ---------------------------------------------------------------- the door

    @Test
    void picturesThatDoNotFitAreRefused() {
        var vae = load();
        assertThatThrownBy(() -> vae.encode(Tensor.zeros(1, 3, 1, 20, 16)))
                .hasMessageContaining("picture size 16 x 20 is not a multiple of 8");
        assertThatThrownBy(() -> vae.encode(Tensor.zeros(1, 3, 4, 16, 16)))
                .hasMessageContaining("4 frames are not a multiple of 4 and one more");
        assertThatThrownBy(() -> vae.decode(Tensor.zeros(1, 5, 1, 2, 2))).hasMessageContaining("[B, 16, T, H, W]");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "{\"is_residual\": true} | Wan2.2", "{\"patch_size\": 2} | Wan2.2",
            "{\"dim_mult\": [1, 2]} | temperal_downsample needs 1 values, not 3",
            "{\"z_dim\": 8} | latents_mean has 16 values", "{\"base_dims\": 8} | base_dims"})
    void aConfigOfAnotherAutoencoderIsRefusedByName(String json, String message) {
        assertThatThrownBy(() -> ConfigFile.parse("config.json", json, WanVae.Config.class))
                .isInstanceOf(ConfigException.class).hasMessageContaining(message);
    }

    @Test
    void theDefaultsAreThoseOfTheRelease() {
        var published = WanVae.Config.defaults();
        assertThat(published.strideXY()).isEqualTo(8);
        assertThat(published.strideT()).isEqualTo(4);
        assertThat(published.latentsStd().getLast()).isEqualTo(1.916);
    }
}
