package org.zoetrope.models.vision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

@InScope
class ClipVisionEncoderTest {
    private static ClipVisionEncoder.Config config(String json) {
        return ConfigFile.parse("config.json", json, ClipVisionEncoder.Config.class);
    }

    private static final String TINY = """
            {"model_type": "clip_vision_model", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
             "num_attention_heads": 2, "image_size": 12, "patch_size": 4, "hidden_act": "gelu", "projection_dim": 8}""";

    /// The tower that Wan2.1 and SVD read: ViT-H/14 of OpenCLIP, whose parameters are counted in its release.
    @Test
    void thePublishedTowerHasItsNamesAndItsSize() {
        var weights = Weights.blueprint();
        var encoder = new ClipVisionEncoder(config("""
                {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16,
                 "image_size": 224, "patch_size": 14, "hidden_act": "gelu", "projection_dim": 1024}"""), weights, true);
        assertThat(encoder.config().tokens()).isEqualTo(257);
        assertThat(weights.tree().values().stream().mapToLong(Tensor::count).sum()).isEqualTo(632_076_800L);
        assertThat(weights.tree()).containsKeys("vision_model.embeddings.class_embedding",
                "vision_model.embeddings.patch_embedding.weight", "vision_model.embeddings.position_embedding.weight",
                "vision_model.pre_layrnorm.weight", "vision_model.encoder.layers.31.self_attn.out_proj.bias",
                "vision_model.encoder.layers.31.mlp.fc2.weight", "vision_model.post_layernorm.bias",
                "visual_projection.weight");
    }

    /// Computed a second time with plain arrays, in double and straight from the definition.
    @Test
    void featuresAreThoseOfTheDefinition() {
        var weights = Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU);
        var encoder = new ClipVisionEncoder(config(TINY), weights, true);
        var rng = new Rng(2);
        weights.tree().values().forEach(parameter -> parameter.set(rng.normal(parameter.shape()).times(0.3)));
        var pixels = rng.normal(1, 3, 12, 12);
        var features = encoder.forward(pixels);
        var byHand = new ByHand(weights);
        var x = byHand.embedded(pixels);
        var hidden = x;
        for (var layer = 0; layer < 2; layer++) {
            assertThat(layer == 1 ? features.penultimate().toDoubles() : flat(hidden)).containsExactly(flat(hidden), within(1e-4));
            hidden = byHand.layer("vision_model.encoder.layers." + layer, hidden);
        }
        assertThat(features.hidden().toDoubles()).containsExactly(flat(hidden), within(1e-4));
        var pooled = byHand.norm("vision_model.post_layernorm", new double[][] {hidden[0]});
        assertThat(features.pooled().toDoubles()).containsExactly(pooled[0], within(1e-4));
        assertThat(encoder.projected(features).toDoubles())
                .containsExactly(byHand.linear("visual_projection", pooled)[0], within(1e-4));
    }

    private static double[] flat(double[][] rows) {
        return Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray();
    }

    /// The definition over [tokens][width], for the tiny config.
    private static final class ByHand {
        private static final int WIDTH = 16, HEADS = 2, PATCH = 4, SIZE = 12;
        private final LinkedHashMap<String, double[]> values = new LinkedHashMap<>();

        ByHand(Weights weights) {
            weights.tree().forEach((name, parameter) -> values.put(name, parameter.toDoubles()));
        }

        private double[] value(String name) {
            return Objects.requireNonNull(values.get(name), name);
        }

        double[][] embedded(Tensor picture) {
            var pixels = picture.toDoubles();
            var kernel = value("vision_model.embeddings.patch_embedding.weight");
            var places = value("vision_model.embeddings.position_embedding.weight");
            var across = SIZE / PATCH;
            var tokens = new double[across * across + 1][WIDTH];
            tokens[0] = value("vision_model.embeddings.class_embedding").clone();
            for (var t = 1; t < tokens.length; t++) {
                int top = (t - 1) / across * PATCH, left = (t - 1) % across * PATCH;
                for (var d = 0; d < WIDTH; d++) {
                    for (var k = 0; k < 3 * PATCH * PATCH; k++) {
                        int c = k / PATCH / PATCH, y = k / PATCH % PATCH, x = k % PATCH;
                        tokens[t][d] += kernel[d * 3 * PATCH * PATCH + k] * pixels[(c * SIZE + top + y) * SIZE + left + x];
                    }
                }
            }
            for (var t = 0; t < tokens.length; t++) {
                for (var d = 0; d < WIDTH; d++) {
                    tokens[t][d] += places[t * WIDTH + d];
                }
            }
            return norm("vision_model.pre_layrnorm", tokens);
        }

        double[][] layer(String name, double[][] x) {
            var seen = attention(name + ".self_attn", norm(name + ".layer_norm1", x));
            var y = sum(x, linear(name + ".self_attn.out_proj", seen));
            var hidden = linear(name + ".mlp.fc1", norm(name + ".layer_norm2", y));
            for (var row : hidden) {
                for (var i = 0; i < row.length; i++) {
                    row[i] = row[i] / 2 * (1 + erf(row[i] / Math.sqrt(2)));
                }
            }
            return sum(y, linear(name + ".mlp.fc2", hidden));
        }

        private double[][] attention(String name, double[][] x) {
            double[][] q = linear(name + ".q_proj", x), k = linear(name + ".k_proj", x), v = linear(name + ".v_proj", x);
            var width = WIDTH / HEADS;
            var out = new double[x.length][WIDTH];
            for (var h = 0; h < HEADS; h++) {
                for (var i = 0; i < x.length; i++) {
                    var weights = new double[x.length];
                    var total = 0.0;
                    for (var j = 0; j < x.length; j++) {
                        var score = 0.0;
                        for (var d = h * width; d < (h + 1) * width; d++) {
                            score += q[i][d] * k[j][d];
                        }
                        weights[j] = Math.exp(score / Math.sqrt(width));
                        total += weights[j];
                    }
                    for (var j = 0; j < x.length; j++) {
                        for (var d = h * width; d < (h + 1) * width; d++) {
                            out[i][d] += weights[j] / total * v[j][d];
                        }
                    }
                }
            }
            return out;
        }

        double[][] norm(String name, double[][] x) {
            double[] scale = value(name + ".weight"), shift = value(name + ".bias");
            var out = new double[x.length][WIDTH];
            for (var t = 0; t < x.length; t++) {
                double mean = 0, square = 0;
                for (var value : x[t]) {
                    mean += value / WIDTH;
                    square += value * value / WIDTH;
                }
                for (var d = 0; d < WIDTH; d++) {
                    out[t][d] = (x[t][d] - mean) / Math.sqrt(square - mean * mean + 1e-5) * scale[d] + shift[d];
                }
            }
            return out;
        }

        double[][] linear(String name, double[][] x) {
            var weight = value(name + ".weight");
            var bias = values.get(name + ".bias");
            var in = x[0].length;
            var out = new double[x.length][weight.length / in];
            for (var t = 0; t < x.length; t++) {
                for (var o = 0; o < out[t].length; o++) {
                    out[t][o] = bias == null ? 0 : bias[o];
                    for (var i = 0; i < in; i++) {
                        out[t][o] += weight[o * in + i] * x[t][i];
                    }
                }
            }
            return out;
        }

        private static double[][] sum(double[][] a, double[][] b) {
            var out = new double[a.length][WIDTH];
            for (var t = 0; t < a.length; t++) {
                for (var d = 0; d < WIDTH; d++) {
                    out[t][d] = a[t][d] + b[t][d];
                }
            }
            return out;
        }

        /// Its series, which converges quickly for the values here.
        private static double erf(double x) {
            double term = x, sum = x;
            for (var n = 1; n < 200 && Math.abs(term) > 1e-17; n++) {
                term *= -x * x / n;
                sum += term / (2 * n + 1);
            }
            return Math.abs(x) > 5 ? Math.signum(x) : 2 / Math.sqrt(Math.PI) * sum;
        }
    }

    /// Mid grey and white of the published statistics.
    @Test
    void coloursAreNormalisedAsCLIPSawThem() {
        var colours = ClipVisionEncoder.normalised(Tensor.of(new float[] {1, 1, 1}, 1, 3, 1, 1)).toFloats();
        assertThat(colours).containsExactly(new float[] {1.9303f, 2.0749f, 2.1459f}, within(1e-4f));
    }

    @Test
    void picturesOfAnotherSizeAreRefused() {
        var encoder = new ClipVisionEncoder(config(TINY), Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU));
        assertThatThrownBy(() -> encoder.forward(Tensor.zeros(1, 3, 16, 12))).isInstanceOf(ShapeException.class)
                .hasMessageContaining("must be [B, 3, 12, 12]");
        var features = encoder.forward(Tensor.zeros(1, 3, 12, 12));
        assertThatThrownBy(() -> encoder.projected(features)).hasMessageContaining("without a projection");
        assertThatThrownBy(() -> config("{\"image_size\": 30}")).hasMessageContaining("image_size 30 is not a multiple of patch_size 32");
        assertThatThrownBy(() -> config("{\"use_rope\": true}")).hasMessageContaining("use_rope");
    }
}
