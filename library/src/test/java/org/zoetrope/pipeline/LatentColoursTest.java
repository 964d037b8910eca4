package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.zoetrope.media.Frames;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;

@InScope
class LatentColoursTest {
    private static final int STRIDE = 2, SIDE = 12;

    /// Latents whose channels are mixtures of the mean colours behind them: such an autoencoder is understood exactly.
    private static Tensor mixtures(Frames clip) {
        var places = (SIDE / STRIDE) * (SIDE / STRIDE);
        var values = new float[2 * 4 * places];
        for (var t = 0; t < 2; t++) {
            for (var place = 0; place < places; place++) {
                var mean = mean(clip, t, place % (SIDE / STRIDE), place / (SIDE / STRIDE));
                var channels = new double[] {mean[0] - mean[1], 2 * mean[1] + 0.5, mean[2] + mean[0], 0};
                for (var c = 0; c < 4; c++) {
                    values[(t * 4 + c) * places + place] = (float) channels[c];
                }
            }
        }
        return Tensor.of(values, 1, 2, 4, SIDE / STRIDE, SIDE / STRIDE);
    }

    private static double[] mean(Frames clip, int t, int left, int top) {
        var sum = new double[3];
        var frames = t == 0 ? new int[] {0} : new int[] {1, 2};
        for (var f : frames) {
            for (var i = 0; i < STRIDE * STRIDE; i++) {
                var rgb = clip.pixel(f, left * STRIDE + i % STRIDE, top * STRIDE + i / STRIDE);
                for (var k = 0; k < 3; k++) {
                    sum[k] += ((rgb >> 16 - 8 * k & 255) / 127.5 - 1) / frames.length / (STRIDE * STRIDE);
                }
            }
        }
        return sum;
    }

    @Test
    void aLinearAutoencoderIsUnderstoodExactly() {
        var clip = LatentColours.sample(SIDE, SIDE, 3, 4);
        var latents = mixtures(clip);
        var picture = LatentColours.fit(latents, clip, STRIDE).picture(latents, 4);
        for (var t = 0; t < 2; t++) {
            for (var place = 0; place < 36; place++) {
                var mean = mean(clip, t, place % 6, place / 6);
                var rgb = picture.pixel(t, place % 6, place / 6);
                for (var k = 0; k < 3; k++) {
                    assertThat(rgb >> 16 - 8 * k & 255).isBetween((int) Math.floor((mean[k] + 1) * 127.5 - 0.6),
                            (int) Math.ceil((mean[k] + 1) * 127.5 + 0.6));
                }
            }
        }
    }

    @Test
    void weightsAreKeptAsJson() {
        var clip = LatentColours.sample(SIDE, SIDE, 3, 4);
        var colours = LatentColours.fit(mixtures(clip), clip, STRIDE);
        assertThat(ConfigFile.parse("colours", ConfigFile.print(colours), LatentColours.class)).isEqualTo(colours);
    }

    @Test
    void otherLatentsAreRefused() {
        var clip = LatentColours.sample(SIDE, SIDE, 3, 4);
        var colours = LatentColours.fit(mixtures(clip), clip, STRIDE);
        assertThatThrownBy(() -> colours.picture(Tensor.zeros(1, 2, 5, 6, 6), 4)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("4 channels, found 5");
    }
}
