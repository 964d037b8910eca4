package org.zoetrope.models.text;

import static org.zoetrope.weights.ConfigException.require;
import static org.zoetrope.weights.Init.normal;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.zoetrope.nn.ClipLayer;
import org.zoetrope.nn.LayerNorm;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.weights.ConfigFile.Default;
import org.zoetrope.weights.ConfigFile.Ignores;
import org.zoetrope.weights.Weights;

/// The text encoder of CLIP: a causal transformer whose last token sums up the prompt.
/// Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021), section 2.4.
/// Parameter names are those of transformers' `CLIPTextModel`; OpenCLIP's towers are published in the same layout.
///
/// Axes: B batch, L tokens, Q K tokens as queries and keys, D width.
public final class ClipTextEncoder {
    /// The end token of configs written before transformers 4.30, whose files carried a wrong one.
    private static final int LEGACY_END = 2;

    /// Component names are the keys of the published config.json.
    @Ignores({"architectures", "attention_dropout", "bos_token_id", "chunk_size_feed_forward", "dropout", "dtype",
            "gradient_checkpointing", "id2label", "initializer_factor", "initializer_range", "label2id", "model_type",
            "output_attentions", "output_hidden_states", "pad_token_id", "problem_type", "projection_dim",
            "return_dict", "torch_dtype", "torchscript", "transformers_version", "use_bfloat16"})
    public record Config(int vocabSize, int hiddenSize, int intermediateSize, int numHiddenLayers,
            int numAttentionHeads, int maxPositionEmbeddings, @Default("\"quick_gelu\"") ClipLayer.Activation hiddenAct,
            @Default("1e-5") double layerNormEps, @Default("49407") int eosTokenId) {
        public Config {
            require(IntStream.of(vocabSize, hiddenSize, intermediateSize, numHiddenLayers, numAttentionHeads,
                    maxPositionEmbeddings).allMatch(size -> size > 0), "vocab_size %d, hidden_size %d, "
                            + "intermediate_size %d, num_hidden_layers %d, num_attention_heads %d and "
                            + "max_position_embeddings %d must be positive", vocabSize, hiddenSize, intermediateSize,
                    numHiddenLayers, numAttentionHeads, maxPositionEmbeddings);
            require(hiddenSize % numAttentionHeads == 0, "hidden_size %d is not a multiple of num_attention_heads %d",
                    hiddenSize, numAttentionHeads);
        }
    }

    /// What a prompt becomes.
    ///
    /// @param hidden every token's features behind the final norm [B, L, D]
    /// @param pooled the features at the first end token [B, D]
    public record Features(Tensor hidden, Tensor pooled) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return List.of(hidden, pooled);
        }
    }

    private final Config config;
    private final Tensor tokens;    // [vocab, D]
    private final Tensor positions; // [length, D]
    private final List<ClipLayer> layers;
    private final LayerNorm norm;

    public ClipTextEncoder(Config c, Weights w) {
        config = c;
        var text = w.at("text_model");
        var embeddings = text.at("embeddings").ignore("position_ids"); // 0, 1, 2, ...: older files carry them along
        tokens = embeddings.get("token_embedding.weight", normal(0.02), c.vocabSize, c.hiddenSize);
        positions = embeddings.get("position_embedding.weight", normal(0.02), c.maxPositionEmbeddings, c.hiddenSize);
        var tower = new ClipLayer.Tower(c.hiddenSize, c.intermediateSize, c.numAttentionHeads, c.numHiddenLayers,
                c.layerNormEps, c.hiddenAct);
        layers = text.at("encoder.layers").each(c.numHiddenLayers, layer -> new ClipLayer(layer, tower));
        norm = new LayerNorm(text.at("final_layer_norm"), c.hiddenSize, c.layerNormEps);
    }

    public Config config() {
        return config;
    }

    /// Encodes prompts. A token sees itself and those before it, so padding behind the end token changes nothing there.
    ///
    /// @param ids token ids [B, L]
    /// @throws ShapeException if a prompt is longer than the model has positions
    public Features forward(Tensor ids) {
        ShapeException.require(ids.rank() == 2, "token ids %s must be [B, L]", ids);
        var length = ids.size(1);
        ShapeException.require(length <= config.maxPositionEmbeddings,
                "a prompt of %d tokens is longer than the %d the encoder reads",
                length, config.maxPositionEmbeddings);
        var order = Tensor.range(length).to(ids.device());
        var later = Optional.of(order.unsqueeze(0).greater(order.unsqueeze(1))); // [Q, K]
        var x = ids.embedding(tokens).plus(positions.narrow(0, 0, length));
        var hidden = norm.forward(Scope.fold(x, layers, (y, layer) -> layer.forward(y, later)));
        return new Features(hidden, pooled(ids, hidden));
    }

    private Tensor pooled(Tensor ids, Tensor hidden) {
        var all = ids.toLongs();
        var length = Math.toIntExact(ids.size(1));
        var rows = new ArrayList<Tensor>();
        for (var b = 0; b < ids.size(0); b++) {
            rows.add(hidden.select(0, b).select(0, end(all, b * length, length)));
        }
        return Tensor.stack(rows, 0);
    }

    /// Place of the first end token; the first place if there is none, as the reference's argmax has it.
    private int end(long[] ids, int start, int length) {
        var end = 0;
        for (var i = 1; i < length; i++) {
            if (config.eosTokenId == LEGACY_END) {
                end = ids[start + i] > ids[start + end] ? i : end; // the end token is the last of the vocabulary
            } else if (ids[start + i] == config.eosTokenId && ids[start + end] != config.eosTokenId) {
                end = i;
            }
        }
        return end;
    }
}
