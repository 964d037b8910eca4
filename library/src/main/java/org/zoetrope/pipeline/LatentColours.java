package org.zoetrope.pipeline;

import static org.zoetrope.weights.ConfigException.require;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGeneratorFactory;
import org.zoetrope.media.Frames;
import org.zoetrope.tensor.Tensor;

/// How the latents of one autoencoder look without decoding them: each colour of a latent's place is a weighted sum of
/// its channels. The weights are fitted to the autoencoder itself, by least squares over painted clips; a picture made
/// with them is one latent a pixel, and costs next to nothing.
///
/// @param weights for red, green and blue: one number a channel, then the constant; colours from -1 to 1
public record LatentColours(List<List<Double>> weights) {
    private static final double RIDGE = 1e-6; // of the mean square of a channel: a channel that is never used stays out
    private static final int PATCH = 4; // places of latents that a painted patch covers at least

    public LatentColours {
        weights = weights.stream().map(List::copyOf).toList();
        require(weights.size() == Frames.CHANNELS && weights.stream().map(List::size).distinct().count() == 1,
                "colours need one list of weights each for red, green and blue, found %d", weights.size());
    }

    /// A clip of patches in all colours that come and go, the same on every machine.
    static Frames sample(int width, int height, int frames, int patch) {
        var random = RandomGeneratorFactory.of("L64X128MixRandom").create(7);
        int columns = width / patch + 1, rows = height / patch + 1;
        var colours = random.ints((long) columns * rows * 2, 0, 1 << 24).toArray();
        return Frames.paint(width, height, 8, frames, (f, x, y) -> {
            var place = (y / patch) * columns + x / patch;
            var t = frames == 1 ? 0.0 : (double) f / (frames - 1);
            return mixed(colours[2 * place], colours[2 * place + 1], t);
        });
    }

    private static int mixed(int from, int to, double t) {
        var rgb = 0;
        for (var shift = 16; shift >= 0; shift -= 8) {
            rgb = rgb << 8 | (int) Math.round(((from >> shift) & 255) * (1 - t) + ((to >> shift) & 255) * t);
        }
        return rgb;
    }

    /// Fits the weights.
    ///
    /// @param latents [1, T, C, H, W] of the clip
    /// @param strideT frames behind one latent frame, but for the first
    static LatentColours fit(Tensor latents, Frames clip, int strideT) {
        int frames = (int) latents.size(1), channels = (int) latents.size(2), height = (int) latents.size(3),
                width = (int) latents.size(4);
        var values = latents.toFloats();
        var unknowns = channels + 1;
        var normal = new double[unknowns][unknowns];
        var right = new double[Frames.CHANNELS][unknowns];
        var row = new double[unknowns];
        for (var t = 0; t < frames; t++) {
            var colour = means(clip, t == 0 ? 0 : (t - 1) * strideT + 1, t * strideT + 1, width, height);
            for (var place = 0; place < width * height; place++) {
                for (var c = 0; c < channels; c++) {
                    row[c] = values[(t * channels + c) * width * height + place];
                }
                row[channels] = 1;
                for (var i = 0; i < unknowns; i++) {
                    for (var j = 0; j < unknowns; j++) {
                        normal[i][j] += row[i] * row[j];
                    }
                    for (var k = 0; k < Frames.CHANNELS; k++) {
                        right[k][i] += row[i] * colour[place][k];
                    }
                }
            }
        }
        var ridge = 0.0;
        for (var i = 0; i < channels; i++) {
            ridge += RIDGE * normal[i][i] / channels;
        }
        for (var i = 0; i < channels; i++) {
            normal[i][i] += ridge;
        }
        return new LatentColours(solved(normal, right));
    }

    /// Mean colours, -1 to 1, of the pixels and frames behind each latent of a latent frame.
    private static double[][] means(Frames clip, int from, int to, int width, int height) {
        int wide = clip.width() / width, high = clip.height() / height;
        var sums = new double[width * height][Frames.CHANNELS];
        for (var f = from; f < to; f++) {
            var image = clip.images().get(f);
            for (var y = 0; y < height * high; y++) {
                for (var x = 0; x < width * wide; x++) {
                    for (var k = 0; k < Frames.CHANNELS; k++) {
                        sums[y / high * width + x / wide][k] +=
                                (image[(y * clip.width() + x) * Frames.CHANNELS + k] & 255) / 127.5 - 1;
                    }
                }
            }
        }
        for (var sum : sums) {
            for (var k = 0; k < Frames.CHANNELS; k++) {
                sum[k] /= (double) wide * high * (to - from);
            }
        }
        return sums;
    }

    /// Gaussian elimination with the largest pivot, for all right sides at once.
    private static List<List<Double>> solved(double[][] a, double[][] right) {
        var n = a.length;
        for (var i = 0; i < n; i++) {
            var pivot = i;
            for (var r = i + 1; r < n; r++) {
                pivot = Math.abs(a[r][i]) > Math.abs(a[pivot][i]) ? r : pivot;
            }
            var line = a[i];
            a[i] = a[pivot];
            a[pivot] = line;
            for (var b : right) {
                var value = b[i];
                b[i] = b[pivot];
                b[pivot] = value;
            }
            for (var r = i + 1; r < n && a[i][i] != 0; r++) {
                var factor = a[r][i] / a[i][i];
                for (var c = i; c < n; c++) {
                    a[r][c] -= factor * a[i][c];
                }
                for (var b : right) {
                    b[r] -= factor * b[i];
                }
            }
        }
        var solutions = new ArrayList<List<Double>>();
        for (var b : right) {
            var x = new Double[n];
            for (var i = n - 1; i >= 0; i--) {
                var sum = b[i];
                for (var c = i + 1; c < n; c++) {
                    sum -= a[i][c] * x[c];
                }
                x[i] = a[i][i] == 0 ? 0 : sum / a[i][i];
            }
            solutions.add(List.of(x));
        }
        return solutions;
    }

    /// A small size for a clip to fit with: places enough for every unknown, and no work to speak of.
    static int sampleSize(int strideXY) {
        return 3 * PATCH * strideXY;
    }

    /// Pixels of a patch.
    static int patch(int strideXY) {
        return PATCH * strideXY / 2;
    }

    /// The clip that latents stand for, one pixel a latent and one frame a latent frame.
    ///
    /// @param latents [1, T, C, H, W] at the scale the network knows
    public Frames picture(Tensor latents, double fps) {
        int frames = (int) latents.size(1), channels = (int) latents.size(2), height = (int) latents.size(3),
                width = (int) latents.size(4), area = width * height;
        require(weights.getFirst().size() == channels + 1, "these colours are for latents of %d channels, found %d",
                weights.getFirst().size() - 1, channels);
        var values = latents.toFloats();
        return Frames.paint(width, height, fps, frames, (f, x, y) -> {
            var rgb = 0;
            for (var colour : weights) {
                double sum = colour.get(channels);
                for (var c = 0; c < channels; c++) {
                    sum += colour.get(c) * values[(f * channels + c) * area + y * width + x];
                }
                rgb = rgb << 8 | (int) Math.clamp(Math.rint((sum + 1) * 127.5), 0, 255);
            }
            return rgb;
        });
    }
}
