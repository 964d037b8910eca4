package org.zoetrope.models.denoiser;

import static org.zoetrope.tensor.Axis.axis;
import static org.zoetrope.tensor.ShapeException.require;
import static org.zoetrope.weights.Init.normal;
import static org.zoetrope.weights.Init.uniform;
import static org.zoetrope.weights.Init.zeros;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.zoetrope.nn.AttentionTap.Kind;
import org.zoetrope.nn.AttentionTap.Site;
import org.zoetrope.nn.FeedForward;
import org.zoetrope.nn.LayerNorm;
import org.zoetrope.nn.Linear;
import org.zoetrope.nn.Pass;
import org.zoetrope.nn.RmsNorm;
import org.zoetrope.nn.RotaryEmbedding;
import org.zoetrope.nn.TimeEmbedding;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.ConfigFile.Default;
import org.zoetrope.weights.Weights;

/// Wan2.1 (arXiv 2503.20314, section 4.2): video tokens attend to each other, then to the words, and one map of the
/// timestep modulates all blocks, each of which only adds a small table of its own.
///
/// The image-to-video models take the first frame twice: its latents and a mask as further channels of the input, and
/// its features in the cross-attention, with keys and values of their own. Parameter names are those of the published
/// folders.
///
/// Axes: B batch, C latent channels, T latent frames, H W latent height and width, L text tokens, I image tokens, V video
/// tokens, D width.
public final class WanTransformer {
    private static final int TEXT_TOKENS = 512; // what the released attention counts as text

    /// Component names are the keys of the published config.json; a key that a release leaves out has the default of the
    /// published class.
    public record Config(
            @Default("[1, 2, 2]") List<Integer> patchSize,
            @Default("40") int numAttentionHeads,
            @Default("128") int attentionHeadDim,
            @Default("16") int inChannels,
            @Default("16") int outChannels,
            @Default("4096") int textDim,
            @Default("256") int freqDim,
            @Default("13824") int ffnDim,
            @Default("40") int numLayers,
            @Default("true") boolean crossAttnNorm,
            @Default("\"rms_norm_across_heads\"") String qkNorm,
            @Default("1e-6") double eps,
            Optional<Integer> imageDim,
            Optional<Integer> addedKvProjDim,
            @Default("1024") int ropeMaxSeqLen,
            Optional<Integer> posEmbedSeqLen) {
        public Config {
            ConfigException.require(patchSize.size() == 3 && patchSize.stream().allMatch(p -> p > 0),
                    "patch_size %s is not three positive numbers: frames, rows, columns", patchSize);
            ConfigException.require(IntStream.of(numAttentionHeads, attentionHeadDim, inChannels, outChannels, textDim,
                    freqDim, ffnDim, numLayers, ropeMaxSeqLen).allMatch(size -> size > 0), "num_attention_heads %d, "
                            + "attention_head_dim %d, in_channels %d, out_channels %d, text_dim %d, freq_dim %d, "
                            + "ffn_dim %d, num_layers %d and rope_max_seq_len %d must be positive", numAttentionHeads,
                    attentionHeadDim, inChannels, outChannels, textDim, freqDim, ffnDim, numLayers, ropeMaxSeqLen);
            ConfigException.require(attentionHeadDim % 2 == 0 && freqDim % 2 == 0,
                    "attention_head_dim %d and freq_dim %d must be even: their channels come in pairs",
                    attentionHeadDim, freqDim);
            ConfigException.require(qkNorm.equals("rms_norm_across_heads"),
                    "qk_norm \"%s\" is not the one Wan was published with (rms_norm_across_heads)", qkNorm);
            ConfigException.require(imageDim.isPresent() == addedKvProjDim.isPresent(),
                    "image_dim and added_kv_proj_dim belong together, and only one of them is set");
            ConfigException.require(addedKvProjDim.isEmpty() || addedKvProjDim.get() == numAttentionHeads * attentionHeadDim,
                    "added_kv_proj_dim %s differs from the width %d to which image features are brought",
                    addedKvProjDim.orElse(0), numAttentionHeads * attentionHeadDim);
            ConfigException.require(posEmbedSeqLen.isEmpty() || imageDim.isPresent(), "pos_embed_seq_len is about image "
                    + "features, and image_dim is not set");
        }

        /// The published defaults of the class, those of the text-to-video 14B model.
        public static Config defaults() {
            return ConfigFile.parse("the defaults of Wan2.1-T2V-14B", "{}", Config.class);
        }

        /// The width of the network.
        public int width() {
            return numAttentionHeads * attentionHeadDim;
        }

        /// Latent frames, rows or columns that one token joins; axis 0, 1 or 2.
        public int patch(int axis) {
            return patchSize.get(axis);
        }

        /// How many numbers one token is made of, for this many channels.
        private int tokenSize(int channels) {
            return channels * patch(0) * patch(1) * patch(2);
        }
    }

    private final Config config;
    private final Tensor patchWeight; // [D, C, pt, ph, pw]
    private final Tensor patchBias;   // [D]
    private final TimeEmbedding time;
    private final Linear timeProjection;
    private final Linear textIn, textOut;
    private final Optional<ImageEmbedding> image;
    private final List<Block> blocks;
    private final Tensor table;       // [1, 2, D]
    private final Linear out;

    public WanTransformer(Config c, Weights w) {
        config = c;
        var width = c.width();
        var patch = w.at("patch_embedding");
        var bound = 1 / Math.sqrt(c.tokenSize(c.inChannels));
        patchWeight = patch.get("weight", uniform(bound), width, c.inChannels, c.patch(0), c.patch(1), c.patch(2));
        patchBias = patch.get("bias", uniform(bound), width);
        var condition = w.at("condition_embedder");
        // Timesteps and modulation stay in float32, as in the release: 999 and 998 are one number in bfloat16.
        time = new TimeEmbedding(condition.at("time_embedder").as(DType.FLOAT32), c.freqDim, width, true, 0);
        timeProjection = new Linear(condition.at("time_proj"), width, 6L * width);
        textIn = new Linear(condition.at("text_embedder.linear_1"), c.textDim, width);
        textOut = new Linear(condition.at("text_embedder.linear_2"), width, width);
        image = c.imageDim.map(dim -> new ImageEmbedding(condition.at("image_embedder"), dim, c));
        blocks = w.at("blocks").each(c.numLayers, b -> new Block(b, c));
        table = w.as(DType.FLOAT32).get("scale_shift_table", normal(1 / Math.sqrt(width)), 1, 2, width);
        out = new Linear(w.at("proj_out"), width, c.tokenSize(c.outChannels), true, zeros());
    }

    public Config config() {
        return config;
    }

    /// Predicts the velocity of noisy latents, noise minus data.
    ///
    /// @param x        noisy latents [B, in_channels, T, H, W]; T, H and W are multiples of the patch size
    /// @param timestep [B], from 0 (clean) to 1000 (noise)
    /// @param prompt   text features [B, L, text_dim]
    /// @return [B, out_channels, T, H, W]
    /// @throws org.zoetrope.tensor.ShapeException if sizes do not fit the patches, or exceed the positions
    public Tensor forward(Tensor x, Tensor timestep, Tensor prompt) {
        return forward(x, timestep, prompt, Optional.empty());
    }

    /// As [#forward(Tensor, Tensor, Tensor)] for image-to-video models, whose `x` also has the channels of the first frame.
    ///
    /// @param picture features of the first frame [B, I, image_dim]; required exactly when the config has `image_dim`
    public Tensor forward(Tensor x, Tensor timestep, Tensor prompt, Optional<Tensor> picture) {
        return forward(x, timestep, prompt, picture, Pass.plain());
    }

    /// As [#forward(Tensor, Tensor, Tensor, Optional)], with what is special about this call.
    ///
    /// Without a picture, a prompt may also differ from frame to frame [B, T, L, text_dim]: the tokens of frame t look up
    /// text t. With equal texts this is the plain prediction. The cross-attention of such a call is not watched, nor is
    /// that of one whose text is shifted.
    public Tensor forward(Tensor x, Tensor timestep, Tensor prompt, Optional<Tensor> picture, Pass pass) {
        checkShape(x);
        require(picture.isPresent() == image.isPresent(), "this model %s image features",
                image.isPresent() ? "needs" : "does not take");
        var frames = x.size(2) / config.patch(0);
        var rows = x.size(3) / config.patch(1);
        var columns = x.size(4) / config.patch(2);
        var moment = time.forward(timestep);                                                      // [B, D], float32
        var modulation = timeProjection.forward(moment.like(prompt).silu())
                .rearrange("B (n D) -> B n D", axis("n", 6));
        require(prompt.rank() == 3 || prompt.rank() == 4 && prompt.size(1) == frames && picture.isEmpty(),
                "prompts %s for each of %d frames of tokens need that many texts and no picture", prompt, frames);
        pass.frames().check(frames, prompt.size(-2), config.width());
        require(pass.frames().text().isEmpty() || prompt.rank() == 3 && picture.isEmpty(),
                "shifts of the text need one text for all frames and no picture");
        var read = textOut.forward(textIn.forward(prompt.rank() == 4 ? prompt.flatten(0, 1) : prompt).geluTanh()); // [B, L, D]
        var words = pass.frames().onText(read).map(texts -> texts.flatten(0, 1)).orElse(read);
        var seen = picture.map(p -> Seen.split(image.orElseThrow().forward(p), words)).orElse(new Seen(words, Optional.empty()));
        var rotary = rotary(frames, rows, columns).to(x.device());
        var tokens = pass.frames().onVideo(patches(x));                                           // [B, V, D]
        var end = pass.through(moment, List.of(tokens), List.of(words), blocks.size(), (state, part) ->
                List.of(blocks.get(part.index()).forward(state.getFirst(), modulation, seen, rotary, part)));
        var m = table.plus(moment.unsqueeze(1)).chunk(2, 1);                                      // shift, scale
        return unpatch(out.forward(modulated(end.getFirst(), m.get(0), m.get(1), config.eps)), frames, rows, columns);
    }

    /// The rotary table for a grid of tokens, positions counted in whole numbers.
    public RotaryEmbedding rotary(long frames, long rows, long columns) {
        var space = 2 * (config.attentionHeadDim / 6);
        return RotaryEmbedding.grid(new int[] {config.attentionHeadDim - 2 * space, space, space}, counted(frames),
                counted(rows), counted(columns));
    }

    private static double[] counted(long count) {
        return IntStream.range(0, (int) count).asDoubleStream().toArray();
    }

    /// A convolution whose kernels do not overlap, as the matrix product that it is.
    private Tensor patches(Tensor x) {
        var parts = x.rearrange("B C (T s) (h p) (w q) -> B (T h w) (C s p q)", axis("s", config.patch(0)),
                axis("p", config.patch(1)), axis("q", config.patch(2)));
        return parts.linear(patchWeight.reshape(config.width(), config.tokenSize(config.inChannels)), patchBias);
    }

    /// Back from tokens; the channels of a token come last here, and first on the way in.
    private Tensor unpatch(Tensor y, long frames, long rows, long columns) {
        return y.rearrange("B (T h w) (s p q C) -> B C (T s) (h p) (w q)", axis("T", frames), axis("h", rows),
                axis("w", columns), axis("s", config.patch(0)), axis("p", config.patch(1)), axis("q", config.patch(2)));
    }

    private void checkShape(Tensor x) {
        require(x.rank() == 5 && x.size(1) == config.inChannels, "latents %s are not [B, %d, T, H, W]", x,
                config.inChannels);
        for (var axis = 0; axis < 3; axis++) {
            var size = x.size(2 + axis);
            require(size % config.patch(axis) == 0, "latents %s do not split into patches of %s", x, config.patchSize);
            require(size / config.patch(axis) <= config.ropeMaxSeqLen, "latents %s have more than the %d positions along "
                    + "one axis that this model knows (rope_max_seq_len)", x, config.ropeMaxSeqLen);
        }
    }

    /// norm(x) (1 + scale) + shift in float32, then back in the type of x.
    private static Tensor modulated(Tensor x, Tensor shift, Tensor scale, double eps) {
        return LayerNorm.folds(x) ? new LayerNorm(null, null, eps).folded(x, shift, scale)
                : x.to(DType.FLOAT32).layerNorm(eps).times(scale.plus(1)).plus(shift).to(x.dtype());
    }

    /// What the cross-attention sees: words [B, L, D], or [B T, L, D] if every frame has its own, and for image-to-video the picture [B, I, D].
    private record Seen(Tensor words, Optional<Tensor> picture) {
        /// The released attention gets picture and words in one sequence and counts its last 512 tokens as words. With
        /// prompts of that length, as every published pipeline gives them, this is where the words begin; with shorter
        /// ones the reference reads a part of the picture with the keys and values for words, and so do we.
        static Seen split(Tensor picture, Tensor words) {
            var all = Tensor.cat(List.of(picture, words), 1);
            var length = all.size(1);
            // Python reads a negative border as counted from the end.
            var border = length >= TEXT_TOKENS ? length - TEXT_TOKENS : Math.max(0, 2 * length - TEXT_TOKENS);
            return new Seen(all.narrow(1, border, length - border),
                    border == 0 ? Optional.empty() : Optional.of(all.narrow(1, 0, border)));
        }
    }

    /// Features of the first frame, brought to the width of the network.
    private record ImageEmbedding(Optional<Tensor> positions, LayerNorm normIn, Linear in, Linear out, LayerNorm normOut) {
        private static final double EPSILON = 1e-5; // fixed in the released code, unlike eps

        ImageEmbedding(Weights w, int dim, Config c) {
            this(c.posEmbedSeqLen.map(length -> w.get("pos_embed", zeros(), 1, length, dim)),
                    new LayerNorm(w.at("norm1"), dim, EPSILON), new Linear(w.at("ff.net.0.proj"), dim, dim),
                    new Linear(w.at("ff.net.2"), dim, c.width()), new LayerNorm(w.at("norm2"), c.width(), EPSILON));
        }

        /// Models of a first and a last frame have positions over the tokens of both, which come as two samples.
        Tensor forward(Tensor x) {
            var placed = positions.map(p -> x.reshape(-1, 2 * x.size(1), x.size(2)).plus(p)).orElse(x);
            return normOut.forward(out.forward(in.forward(normIn.forward(placed)).gelu()));
        }
    }

    /// Attention among the video tokens, attention to the words, an MLP (figure 10 of the paper).
    ///
    /// @param table what this block adds to the shared modulation [1, 6, D]
    private record Block(Tensor table, SelfAttention self, Optional<LayerNorm> crossNorm, CrossAttention cross,
            FeedForward mlp, double eps) {
        Block(Weights w, Config c) {
            this(w.as(DType.FLOAT32).get("scale_shift_table", normal(1 / Math.sqrt(c.width())), 1, 6, c.width()),
                    new SelfAttention(w.at("attn1"), c),
                    c.crossAttnNorm ? Optional.of(new LayerNorm(w.at("norm2"), c.width(), c.eps)) : Optional.empty(),
                    new CrossAttention(w.at("attn2"), c), new FeedForward(w.at("ffn"), c.width(), c.ffnDim), c.eps);
        }

        Tensor forward(Tensor x, Tensor modulation, Seen seen, RotaryEmbedding rotary, Pass.Block pass) { // [B, V, D]
            var m = table.plus(modulation).chunk(6, 1);                                           // six of [B, 1, D]
            var start = x;
            x = gated(x, pass.branch(Kind.SELF, () -> self.forward(modulated(start, m.get(0), m.get(1), eps), rotary, pass)), m.get(2));
            var asking = x;
            x = x.plus(pass.branch(Kind.CROSS, () -> cross.forward(crossNorm.map(norm -> norm.forward(asking)).orElse(asking), seen, pass)));
            return gated(x, mlp.forward(modulated(x, m.get(3), m.get(4), eps)), m.get(5));
        }

        private static Tensor gated(Tensor x, Tensor branch, Tensor gate) {
            return x.to(DType.FLOAT32).plus(branch.times(gate)).to(x.dtype());
        }
    }

    /// Queries and keys are normalised over all heads together, then turned.
    private record SelfAttention(int heads, Linear toQ, RmsNorm normQ, KeysAndValues video, Linear toOut) {
        SelfAttention(Weights w, Config c) {
            this(c.numAttentionHeads, new Linear(w.at("to_q"), c.width(), c.width()),
                    new RmsNorm(w.at("norm_q"), c.width(), c.eps), new KeysAndValues(w, c, "to_k", "to_v", "norm_k"),
                    new Linear(w.at("to_out.0"), c.width(), c.width()));
        }

        Tensor forward(Tensor x, RotaryEmbedding rotary, Pass.Block pass) {
            var q = rotary.rotate(split(normQ.forward(toQ.forward(x)), heads));                   // [B, heads, V, d]
            var content = split(video.keys(x), heads);
            var site = new Site(Kind.SELF, q, rotary.rotate(content), split(video.values(x), heads), content, 0, 0, scale(q));
            return toOut.forward(pass.attend(site).rearrange("B n S d -> B S (n d)"));
        }
    }

    /// Queries of the video, keys and values of the words; those of the picture are looked up on their own and added.
    private record CrossAttention(int heads, Linear toQ, RmsNorm normQ, KeysAndValues words,
            Optional<KeysAndValues> picture, Linear toOut) {
        CrossAttention(Weights w, Config c) {
            this(c.numAttentionHeads, new Linear(w.at("to_q"), c.width(), c.width()),
                    new RmsNorm(w.at("norm_q"), c.width(), c.eps), new KeysAndValues(w, c, "to_k", "to_v", "norm_k"),
                    c.addedKvProjDim.map(_ -> new KeysAndValues(w, c, "add_k_proj", "add_v_proj", "norm_added_k")),
                    new Linear(w.at("to_out.0"), c.width(), c.width()));
        }

        Tensor forward(Tensor x, Seen seen, Pass.Block pass) {
            var copies = seen.words.size(0) / x.size(0);
            return copies == 1 ? lookUp(x, seen, pass)
                    : lookUp(x.reshape(seen.words.size(0), x.size(1) / copies, x.size(2)), seen, Pass.plain().at(0)).reshape(x.shape());
        }

        private Tensor lookUp(Tensor x, Seen seen, Pass.Block pass) {
            var q = split(normQ.forward(toQ.forward(x)), heads);
            var k = split(words.keys(seen.words), heads);
            var site = new Site(Kind.CROSS, q, k, split(words.values(seen.words), heads), k, k.size(2), 0, scale(q));
            var read = pass.attend(site).rearrange("B n S d -> B S (n d)");
            return toOut.forward(seen.picture.map(p -> read.plus(lookAt(p, q))).orElse(read));
        }

        private Tensor lookAt(Tensor features, Tensor q) {
            var of = picture.orElseThrow();
            return attention(q, split(of.keys(features), heads), split(of.values(features), heads));
        }
    }

    private record KeysAndValues(Linear toK, Linear toV, RmsNorm norm) {
        KeysAndValues(Weights w, Config c, String keys, String values, String norm) {
            this(new Linear(w.at(keys), c.width(), c.width()), new Linear(w.at(values), c.width(), c.width()),
                    new RmsNorm(w.at(norm), c.width(), c.eps));
        }

        Tensor keys(Tensor x) {
            return norm.forward(toK.forward(x));
        }

        Tensor values(Tensor x) {
            return toV.forward(x);
        }
    }

    private static Tensor split(Tensor x, int heads) {
        return x.rearrange("B S (n d) -> B n S d", axis("n", heads));
    }

    private static Tensor attention(Tensor q, Tensor k, Tensor v) {
        return q.attention(k, v, null, scale(q)).rearrange("B n S d -> B S (n d)");
    }

    private static double scale(Tensor q) {
        return 1 / Math.sqrt(q.size(3));
    }
}
