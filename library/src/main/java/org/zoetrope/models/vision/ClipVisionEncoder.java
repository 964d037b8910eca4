package org.zoetrope.models.vision;

import static org.zoetrope.weights.ConfigException.require;
import static org.zoetrope.weights.Init.normal;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.zoetrope.nn.ClipLayer;
import org.zoetrope.nn.LayerNorm;
import org.zoetrope.nn.Linear;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.weights.ConfigFile.Default;
import org.zoetrope.weights.ConfigFile.Ignores;
import org.zoetrope.weights.Weights;

/// The vision encoder of CLIP: a transformer over the patches of a picture, with one token in front that sums it up.
/// Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021), section 2.4;
/// OpenCLIP's towers are published in the same layout. Parameter names are those of transformers' `CLIPVisionModel` and
/// `CLIPVisionModelWithProjection`.
///
/// Axes: B batch, H W height and width, L tokens (one and the patches), D width.
public final class ClipVisionEncoder {
    /// Component names are the keys of the published config.json.
    @Ignores({"architectures", "attention_dropout", "bos_token_id", "chunk_size_feed_forward", "dropout", "dtype",
            "eos_token_id", "gradient_checkpointing", "id2label", "initializer_factor", "initializer_range", "label2id",
            "model_type", "output_attentions", "output_hidden_states", "pad_token_id", "problem_type", "return_dict",
            "torch_dtype", "torchscript", "transformers_version", "use_bfloat16"})
    public record Config(@Default("768") int hiddenSize, @Default("3072") int intermediateSize,
            @Default("12") int numHiddenLayers, @Default("12") int numAttentionHeads, @Default("3") int numChannels,
            @Default("224") int imageSize, @Default("32") int patchSize,
            @Default("\"quick_gelu\"") ClipLayer.Activation hiddenAct, @Default("1e-5") double layerNormEps,
            @Default("512") int projectionDim) {
        public Config {
            require(IntStream.of(hiddenSize, intermediateSize, numHiddenLayers, numAttentionHeads, numChannels, imageSize,
                    patchSize, projectionDim).allMatch(size -> size > 0), "hidden_size %d, intermediate_size %d, "
                            + "num_hidden_layers %d, num_attention_heads %d, num_channels %d, image_size %d, patch_size %d "
                            + "and projection_dim %d must be positive", hiddenSize, intermediateSize, numHiddenLayers,
                    numAttentionHeads, numChannels, imageSize, patchSize, projectionDim);
            require(hiddenSize % numAttentionHeads == 0, "hidden_size %d is not a multiple of num_attention_heads %d",
                    hiddenSize, numAttentionHeads);
            require(imageSize % patchSize == 0, "image_size %d is not a multiple of patch_size %d", imageSize, patchSize);
        }

        /// Tokens of a picture: its patches and the one in front.
        public int tokens() {
            return imageSize / patchSize * (imageSize / patchSize) + 1;
        }
    }

    /// What a picture becomes.
    ///
    /// @param penultimate every token's features before the last layer [B, L, D], which Wan reads
    /// @param hidden      every token's features behind the last layer [B, L, D]
    /// @param pooled      the first token's, normalised [B, D]
    public record Features(Tensor penultimate, Tensor hidden, Tensor pooled) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return List.of(penultimate, hidden, pooled);
        }
    }

    // Of the pictures CLIP was trained on, by colour, in 0 to 1.
    private static final float[] MEAN = {0.48145466f, 0.4578275f, 0.40821073f};
    private static final float[] STD = {0.26862954f, 0.26130258f, 0.27577711f};

    private final Config config;
    private final Tensor summary;   // [D]
    private final Tensor patches;   // [D, C, p, p]
    private final Tensor positions; // [L, D]
    private final LayerNorm normIn;
    private final List<ClipLayer> layers;
    private final LayerNorm normOut;
    private final Optional<Linear> projection;

    public ClipVisionEncoder(Config c, Weights w) {
        this(c, w, false);
    }

    /// @param projects whether the checkpoint is of the class with a projection
    public ClipVisionEncoder(Config c, Weights w, boolean projects) {
        config = c;
        var model = w.at("vision_model");
        var embeddings = model.at("embeddings").ignore("position_ids"); // 0, 1, 2, ...: older files carry them along
        summary = embeddings.get("class_embedding", normal(1 / Math.sqrt(c.hiddenSize)), c.hiddenSize);
        patches = embeddings.get("patch_embedding.weight", normal(0.02), c.hiddenSize, c.numChannels, c.patchSize,
                c.patchSize);
        positions = embeddings.get("position_embedding.weight", normal(0.02), c.tokens(), c.hiddenSize);
        normIn = new LayerNorm(model.at("pre_layrnorm"), c.hiddenSize, c.layerNormEps); // spelled so in the release
        var tower = new ClipLayer.Tower(c.hiddenSize, c.intermediateSize, c.numAttentionHeads, c.numHiddenLayers,
                c.layerNormEps, c.hiddenAct);
        layers = model.at("encoder.layers").each(c.numHiddenLayers, layer -> new ClipLayer(layer, tower));
        normOut = new LayerNorm(model.at("post_layernorm"), c.hiddenSize, c.layerNormEps);
        projection = projects ? Optional.of(new Linear(w.at("visual_projection"), c.hiddenSize, c.projectionDim, false))
                : Optional.empty();
    }

    public Config config() {
        return config;
    }

    /// Colours as the encoder was trained to see them.
    ///
    /// @param picture [B, 3, ..., H, W] in -1 to 1
    public static Tensor normalised(Tensor picture) {
        var shape = new long[picture.rank()];
        Arrays.fill(shape, 1);
        shape[1] = MEAN.length;
        return picture.times(0.5).plus(0.5).minus(Tensor.of(MEAN, shape).like(picture)).div(Tensor.of(STD, shape).like(picture));
    }

    /// Encodes pictures.
    ///
    /// @param pixels [B, 3, H, W] at the size the model reads, [#normalised(Tensor)]
    /// @throws ShapeException if they have another size
    public Features forward(Tensor pixels) {
        ShapeException.require(pixels.rank() == 4 && pixels.size(1) == config.numChannels
                && pixels.size(2) == config.imageSize && pixels.size(3) == config.imageSize,
                "pictures %s must be [B, %d, %d, %d]", pixels, config.numChannels, config.imageSize, config.imageSize);
        var seen = pixels.like(patches).conv2d(patches, null, config.patchSize, 0)
                .rearrange("B D H W -> B (H W) D");
        var first = summary.expand(pixels.size(0), 1, config.hiddenSize);
        var x = normIn.forward(Tensor.cat(List.of(first, seen), 1).plus(positions));              // [B, L, D]
        var penultimate = Scope.fold(x, layers.subList(0, layers.size() - 1), (y, layer) -> layer.forward(y, Optional.empty()));
        var hidden = layers.getLast().forward(penultimate, Optional.empty());
        return new Features(penultimate, hidden, normOut.forward(hidden.select(1, 0)));
    }

    /// Pooled features in the space that pictures and words share [B, projection_dim], of models with a projection.
    public Tensor projected(Features features) {
        return projection.orElseThrow(() -> new ShapeException("this vision encoder was published without a projection"))
                .forward(features.pooled);
    }
}
