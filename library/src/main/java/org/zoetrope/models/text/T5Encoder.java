package org.zoetrope.models.text;

import static org.zoetrope.tensor.Axis.axis;
import static org.zoetrope.weights.ConfigException.require;
import static org.zoetrope.weights.Init.normal;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.zoetrope.nn.Linear;
import org.zoetrope.nn.RmsNorm;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile.Default;
import org.zoetrope.weights.ConfigFile.Ignores;
import org.zoetrope.weights.Init;
import org.zoetrope.weights.Weights;

/// The encoder of T5 and UMT5.
/// Source: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (2019),
/// section 2.1; gated feed-forward of T5 v1.1 from Shazeer, "GLU Variants Improve Transformer" (2020); UMT5 from Chung
/// et al., "UniMax" (2023). Parameter names are those of transformers' `T5EncoderModel` and `UMT5EncoderModel`.
///
/// Three things set it apart from other transformers: attention scores are not divided by sqrt(d) (the initialisation
/// carries the factor), norms only scale, and positions enter as a learned bias on the scores by relative distance. T5
/// learns one such bias for all layers, UMT5 one per layer.
///
/// Axes: B batch, L tokens, Q K tokens as queries and keys, D width, h heads, d width of a head.
public final class T5Encoder {
    /// `model_type` of the config.
    public enum ModelType { T5, MT5, UMT5 }

    /// Component names are the keys of the published config.json.
    @Ignores({"architectures", "add_cross_attention", "bos_token_id", "chunk_size_feed_forward", "classifier_dropout",
            "decoder_start_token_id", "dropout_rate", "dtype", "eos_token_id", "finetuning_task",
                    "gradient_checkpointing",
            "id2label", "is_decoder", "is_encoder_decoder", "label2id", "max_length", "n_positions",
                    "num_decoder_layers",
            "output_attentions", "output_hidden_states", "output_past", "pad_token_id", "prefix", "problem_type",
            "return_dict", "scalable_attention", "task_specific_params", "tie_encoder_decoder", "tie_word_embeddings",
            "tokenizer_class", "torch_dtype", "torchscript", "transformers_version", "use_bfloat16", "use_cache"})
    public record Config(ModelType modelType, int vocabSize, int dModel, int dKv, int dFf, int numLayers, int numHeads,
            @Default("32") int relativeAttentionNumBuckets, @Default("128") int relativeAttentionMaxDistance,
            @Default("1e-6") double layerNormEpsilon, @Default("\"relu\"") String feedForwardProj,
            Optional<Boolean> isGatedAct, Optional<String> denseActFn, @Default("1.0") double initializerFactor) {
        public Config {
            require(vocabSize > 0 && dModel > 0 && dKv > 0 && dFf > 0 && numLayers > 0 && numHeads > 0,
                    "vocab_size %d, d_model %d, d_kv %d, d_ff %d, num_layers %d and num_heads %d must be positive",
                    vocabSize, dModel, dKv, dFf, numLayers, numHeads);
            require(relativeAttentionNumBuckets >= 4 && relativeAttentionNumBuckets % 4 == 0,
                    "relative_attention_num_buckets %d is not a multiple of 4: each sign has buckets for near and far",
                    relativeAttentionNumBuckets);
            require(relativeAttentionMaxDistance > relativeAttentionNumBuckets / 4,
                    "relative_attention_max_distance %d must exceed the %d distances that have a bucket of their own",
                    relativeAttentionMaxDistance, relativeAttentionNumBuckets / 4);
            var act = Activation.named(feedForwardProj);
            require(isGatedAct.orElse(act.gated) == act.gated && denseActFn.orElse(act.function).equals(act.function),
                    "feed_forward_proj %s means is_gated_act %s and dense_act_fn %s, not %s and %s", feedForwardProj,
                    act.gated, act.function, isGatedAct.orElse(act.gated), denseActFn.orElse(act.function));
        }

        /// A T5 v1.1 encoder of any size with the published habits: a gated GELU, 32 buckets up to distance 128.
        public static Config of(int vocabSize, int width, int headWidth, int hidden, int layers, int heads) {
            return new Config(ModelType.T5, vocabSize, width, headWidth, hidden, layers, heads, 32, 128, 1e-6,
                    "gated-gelu", Optional.empty(), Optional.empty(), 1);
        }
    }

    private final Config config;
    private final Tensor embedding; // [vocab, D]
    private final List<Block> blocks;
    private final RmsNorm norm;

    public T5Encoder(Config c, Weights w) {
        config = c;
        // The embedding is stored once or twice, under the name it shares with a decoder and under its own.
        var name = !w.has("shared.weight") && w.has("encoder.embed_tokens.weight") ? "encoder.embed_tokens" : "shared";
        embedding = w.ignore("encoder.embed_tokens.weight").at(name)
                .get("weight", normal(c.initializerFactor), c.vocabSize, c.dModel);
        var layers = w.at("encoder.block");
        var shared = c.modelType == ModelType.UMT5 ? null : Block.bias(layers.at("0"), c);
        blocks = layers.each(c.numLayers, b -> new Block(b, c, shared));
        norm = new RmsNorm(w.at("encoder.final_layer_norm"), c.dModel, c.layerNormEpsilon);
    }

    public Config config() {
        return config;
    }

    /// Encodes prompts that are read in full, padding included, as CogVideoX does.
    ///
    /// @param ids token ids [B, L]
    /// @return text features [B, L, D]
    public Tensor forward(Tensor ids) {
        return forward(ids, Tensor.full(1, DType.FLOAT32, ids.device(), ids.shape()));
    }

    /// Encodes prompts whose padding must not be seen. Features at padded positions mean nothing.
    ///
    /// @param ids  token ids [B, L]
    /// @param mask 1 for tokens, 0 for padding [B, L]
    /// @return text features [B, L, D]
    /// @throws ShapeException if ids and mask do not have the same two axes
    public Tensor forward(Tensor ids, Tensor mask) {
        ShapeException.require(ids.rank() == 2 && Arrays.equals(ids.shape(), mask.shape()),
                "token ids %s and mask %s must both be [B, L]", ids, mask);
        var length = Math.toIntExact(ids.size(1));
        var distances = Tensor.of(buckets(length, config), length, length).to(ids.device());
        // The most negative number, not infinity: a row without any token stays a number, as in the reference.
        var padding = mask.to(DType.FLOAT32).minus(1).times(Float.MAX_VALUE).rearrange("B K -> B 1 1 K");
        return norm.forward(Scope.fold(ids.embedding(embedding), blocks,
                (x, block) -> block.forward(x, distances, padding)));
    }

    /// The bucket of every (query, key) pair: the sign of key - query picks a half; near distances have a bucket each,
    /// further ones share buckets that widen logarithmically up to the maximum distance.
    static long[] buckets(int length, Config c) {
        var half = c.relativeAttentionNumBuckets / 2;
        var near = half / 2;
        var end = (float) Math.log((double) c.relativeAttentionMaxDistance / near);
        var of = new long[length]; // by distance
        for (var n = 0; n < length; n++) {
            // In float, as the reference takes it: distances on the edge of two buckets fall to the same side.
            var far = (float) Math.log((float) n / near) / end;
            of[n] = n < near ? n : Math.min(half - 1, near + (int) (far * (half - near)));
        }
        var buckets = new long[length * length];
        for (var query = 0; query < length; query++) {
            for (var key = 0; key < length; key++) {
                buckets[query * length + key] = of[Math.abs(key - query)] + (key > query ? half : 0);
            }
        }
        return buckets;
    }

    private record Block(RmsNorm attentionNorm, SelfAttention attention, RmsNorm feedForwardNorm,
            FeedForward feedForward) {
        Block(Weights w, Config c, @Nullable Tensor shared) {
            this(new RmsNorm(w.at("layer.0.layer_norm"), c.dModel, c.layerNormEpsilon),
                    new SelfAttention(w.at("layer.0.SelfAttention"), c, shared == null ? bias(w, c) : shared),
                    new RmsNorm(w.at("layer.1.layer_norm"), c.dModel, c.layerNormEpsilon),
                    new FeedForward(w.at("layer.1.DenseReluDense"), c));
        }

        static Tensor bias(Weights w, Config c) {
            return w.at("layer.0.SelfAttention.relative_attention_bias").get("weight",
                    scaled(c, c.dModel), c.relativeAttentionNumBuckets, c.numHeads);
        }

        Tensor forward(Tensor x, Tensor distances, Tensor padding) {                           // [B, L, D]
            var y = x.plus(attention.forward(attentionNorm.forward(x), distances, padding));
            return y.plus(feedForward.forward(feedForwardNorm.forward(y)));
        }
    }

    /// @param bias what each head adds to a score, by bucket of the distance [buckets, h]
    private record SelfAttention(Linear q, Linear k, Linear v, Linear o, Tensor bias, int heads) {
        SelfAttention(Weights w, Config c, Tensor bias) {
            var inner = c.numHeads * c.dKv;
            this(linear(w.at("q"), c.dModel, inner, scaled(c, (double) c.dModel * c.dKv)),
                    linear(w.at("k"), c.dModel, inner, scaled(c, c.dModel)),
                    linear(w.at("v"), c.dModel, inner, scaled(c, c.dModel)),
                    linear(w.at("o"), inner, c.dModel, scaled(c, inner)), bias, c.numHeads);
        }

        Tensor forward(Tensor x, Tensor distances, Tensor padding) {
            var h = axis("h", heads);
            var queries = q.forward(x).rearrange("B Q (h d) -> B h Q d", h);
            var keys = k.forward(x).rearrange("B K (h d) -> B h d K", h);
            var values = v.forward(x).rearrange("B K (h d) -> B h K d", h);
            var position = distances.embedding(bias).rearrange("Q K h -> 1 h Q K");
            // In float32: scores are not divided by sqrt(d), and half precision has few digits for such large numbers.
            var weights = queries.matmul(keys).to(DType.FLOAT32).plus(position).plus(padding).softmax(-1);
            return o.forward(weights.to(values.dtype()).matmul(values).rearrange("B h Q d -> B Q (h d)"));
        }
    }

    /// wo(act(wi x)), or with a gate wo(act(wi_0 x) * wi_1 x).
    private record FeedForward(Linear in, Optional<Linear> gated, Linear out, UnaryOperator<Tensor> act) {
        FeedForward(Weights w, Config c) {
            var act = Activation.named(c.feedForwardProj);
            var in = linear(w.at(act.gated ? "wi_0" : "wi"), c.dModel, c.dFf, scaled(c, c.dModel));
            var gated = act.gated ? Optional.of(linear(w.at("wi_1"), c.dModel, c.dFf, scaled(c, c.dModel)))
                    : Optional.<Linear>empty();
            // The widest activations of the published models exceed 65504, the end of float16; the reference keeps this
            // matrix in float32, and with it everything that is added up along the layers.
            var half = in.dtype() == DType.FLOAT16;
            var out = linear(half ? w.at("wo").as(DType.FLOAT32) : w.at("wo"), c.dFf, c.dModel, scaled(c, c.dFf));
            this(in, gated, out, act.apply());
        }

        Tensor forward(Tensor x) {
            var hidden = act.apply(in.forward(x)).to(out.dtype());
            return out.forward(gated.map(gate -> hidden.times(gate.forward(x))).orElse(hidden));
        }
    }

    /// `feed_forward_proj`: the name of a function, behind `gated-` if a second projection is multiplied with it.
    private record Activation(boolean gated, String function) {
        static Activation named(String projection) {
            var gated = projection.startsWith("gated-");
            var name = gated ? projection.substring("gated-".length()) : projection;
            // The reference means the tanh form where a gated GELU is asked for.
            var act = new Activation(gated, projection.equals("gated-gelu") ? "gelu_new" : name);
            require(List.of("relu", "gelu", "gelu_new", "silu").contains(act.function),
                    "feed_forward_proj %s is not among relu, gelu, gelu_new, silu and their gated- forms", projection);
            return act;
        }

        UnaryOperator<Tensor> apply() {
            return switch (function) {
                case "relu" -> Tensor::relu;
                case "gelu" -> Tensor::gelu;
                case "gelu_new" -> Tensor::geluTanh;
                default -> Tensor::silu;
            };
        }
    }

    /// How matrices begin: with a variance of 1 / `fan`.
    private static Init scaled(Config c, double fan) {
        return normal(c.initializerFactor / Math.sqrt(fan));
    }

    private static Linear linear(Weights w, int in, int out, Init init) {
        return new Linear(w, in, out, false, init);
    }
}
