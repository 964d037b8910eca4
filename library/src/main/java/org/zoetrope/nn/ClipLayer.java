package org.zoetrope.nn;

import static org.zoetrope.tensor.Axis.axis;
import static org.zoetrope.weights.Init.normal;

import java.util.Optional;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Init;
import org.zoetrope.weights.Weights;

/// A layer of CLIP's two towers (Radford et al., 2021): attention and an MLP, each behind a norm of its own, each added to
/// what came in. Parameter names are those of transformers.
///
/// Axes: B batch, L tokens, Q K tokens as queries and keys, D width, h heads, d width of a head.
public record ClipLayer(LayerNorm attentionNorm, SelfAttention attention, LayerNorm mlpNorm, Linear in, Linear out,
        Activation act) {
    /// `hidden_act` of the config: `x sigmoid(1.702 x)` in OpenAI's models, the exact GELU in OpenCLIP's.
    public enum Activation {
        QUICK_GELU, GELU;

        Tensor apply(Tensor x) {
            return switch (this) {
                case QUICK_GELU -> x.times(x.times(1.702).sigmoid());
                case GELU -> x.gelu();
            };
        }
    }

    /// Sizes of a tower.
    ///
    /// @param hidden   width between the two matrices of an MLP
    /// @param layers   how many layers there are; their matrices begin smaller where there are more
    public record Tower(int width, int hidden, int heads, int layers, double epsilon, Activation act) {
        /// Matrices that write into the residual stream of a deep model begin smaller, as the release's do.
        private Init inside() {
            return normal(1 / Math.sqrt(2.0 * width * layers));
        }
    }

    public ClipLayer(Weights w, Tower t) {
        this(new LayerNorm(w.at("layer_norm1"), t.width, t.epsilon), new SelfAttention(w.at("self_attn"), t),
                new LayerNorm(w.at("layer_norm2"), t.width, t.epsilon),
                new Linear(w.at("mlp.fc1"), t.width, t.hidden, true, normal(1 / Math.sqrt(2.0 * t.width))),
                new Linear(w.at("mlp.fc2"), t.hidden, t.width, true, t.inside()), t.act);
    }

    /// @param x      [B, L, D]
    /// @param hidden truth values of the keys that a query must not see [Q, K]; absent where every token sees all
    public Tensor forward(Tensor x, Optional<Tensor> hidden) {
        var y = x.plus(attention.forward(attentionNorm.forward(x), hidden));
        return y.plus(out.forward(act.apply(in.forward(mlpNorm.forward(y)))));
    }

    /// Softmax in float32, as in the reference.
    public record SelfAttention(Linear q, Linear k, Linear v, Linear out, int heads) {
        SelfAttention(Weights w, Tower t) {
            this(new Linear(w.at("q_proj"), t.width, t.width, true, t.inside()),
                    new Linear(w.at("k_proj"), t.width, t.width, true, t.inside()),
                    new Linear(w.at("v_proj"), t.width, t.width, true, t.inside()),
                    new Linear(w.at("out_proj"), t.width, t.width, true, normal(1 / Math.sqrt(t.width))), t.heads);
        }

        Tensor forward(Tensor x, Optional<Tensor> hidden) {
            var h = axis("h", heads);
            var scale = 1 / Math.sqrt((double) x.size(2) / heads);
            var queries = q.forward(x).times(scale).rearrange("B Q (h d) -> B h Q d", h);
            var keys = k.forward(x).rearrange("B K (h d) -> B h d K", h);
            var values = v.forward(x).rearrange("B K (h d) -> B h K d", h);
            var scores = queries.matmul(keys).to(DType.FLOAT32);
            var weights = hidden.map(m -> scores.maskedFill(m, Double.NEGATIVE_INFINITY)).orElse(scores).softmax(-1);
            return out.forward(weights.to(values.dtype()).matmul(values).rearrange("B h Q d -> B Q (h d)"));
        }
    }
}
