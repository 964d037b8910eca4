package org.zoetrope.models.denoiser;

import static org.zoetrope.tensor.Axis.axis;
import static org.zoetrope.tensor.ShapeException.require;
import static org.zoetrope.weights.Init.normal;
import static org.zoetrope.weights.Init.uniform;
import static org.zoetrope.weights.Init.zeros;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.zoetrope.nn.AttentionTap.Kind;
import org.zoetrope.nn.AttentionTap.Site;
import org.zoetrope.nn.Conv2d;
import org.zoetrope.nn.FeedForward;
import org.zoetrope.nn.LayerNorm;
import org.zoetrope.nn.Linear;
import org.zoetrope.nn.Pass;
import org.zoetrope.nn.RotaryEmbedding;
import org.zoetrope.nn.SinCosPositions;
import org.zoetrope.nn.TimeEmbedding;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.ConfigFile.Default;
import org.zoetrope.weights.Weights;

/// CogVideoX (arXiv 2408.06072, section 2.2): text and video tokens attend to each other in one sequence, and each
/// modality is modulated by its own "expert" map of the timestep.
///
/// One class covers the published family: 2B adds sine-cosine positions, 5B turns queries and keys (rotary), 1.5 also
/// joins frames in pairs and may take an `ofs` embedding, and the image-to-video models take the first frame's latents
/// as extra channels. Parameter names are those of the published folders.
///
/// Axes: B batch, T latent frames, C latent channels, H W latent height and width, L text tokens, V video tokens, D width.
public final class CogVideoXTransformer {
    /// Component names are the keys of the published config.json; a key that a release leaves out, because its class got it
    /// later, has that class's default.
    public record Config(
            @Default("30") int numAttentionHeads,
            @Default("64") int attentionHeadDim,
            @Default("16") int inChannels,
            @Default("16") int outChannels,
            @Default("true") boolean flipSinToCos,
            @Default("0") double freqShift,
            @Default("512") int timeEmbedDim,
            Optional<Integer> ofsEmbedDim,
            @Default("4096") int textEmbedDim,
            @Default("30") int numLayers,
            @Default("0") double dropout,
            @Default("true") boolean attentionBias,
            @Default("90") int sampleWidth,
            @Default("60") int sampleHeight,
            @Default("49") int sampleFrames,
            @Default("2") int patchSize,
            Optional<Integer> patchSizeT,
            @Default("4") int temporalCompressionRatio,
            @Default("226") int maxTextSeqLength,
            @Default("\"gelu-approximate\"") String activationFn,
            @Default("\"silu\"") String timestepActivationFn,
            @Default("true") boolean normElementwiseAffine,
            @Default("1e-5") double normEps,
            @Default("1.875") double spatialInterpolationScale,
            @Default("1") double temporalInterpolationScale,
            @Default("false") boolean useRotaryPositionalEmbeddings,
            @Default("false") boolean useLearnedPositionalEmbeddings,
            @Default("true") boolean patchBias) {
        public Config {
            require(attentionHeadDim % 8 == 0 || !useRotaryPositionalEmbeddings,
                    "attention_head_dim %d is not a multiple of 8, which rotary positions need", attentionHeadDim);
            require(numAttentionHeads * attentionHeadDim % 16 == 0 || useRotaryPositionalEmbeddings,
                    "width %d is not a multiple of 16, which sine-cosine positions need", numAttentionHeads * attentionHeadDim);
            require(activationFn.equals("gelu-approximate"), "activation_fn \"%s\" is not one CogVideoX was published with (gelu-approximate)", activationFn);
            require(timestepActivationFn.equals("silu"), "timestep_activation_fn \"%s\" is not one CogVideoX was published with (silu)", timestepActivationFn);
            require(ofsEmbedDim.isEmpty() || ofsEmbedDim.get() == timeEmbedDim,
                    "ofs_embed_dim %s differs from time_embed_dim %d, to which it is added", ofsEmbedDim, timeEmbedDim);
            require(patchSizeT.isEmpty() || useRotaryPositionalEmbeddings, "patch_size_t needs use_rotary_positional_embeddings");
        }

        /// The published defaults of the class, those of CogVideoX-2B.
        public static Config defaults() {
            return ConfigFile.parse("the defaults of CogVideoX-2B", "{}", Config.class);
        }

        /// The width of the network.
        public int width() {
            return numAttentionHeads * attentionHeadDim;
        }

        /// Latent frames joined into one token.
        public int patchFrames() {
            return patchSizeT.orElse(1);
        }
    }

    private final Config config;
    private final @Nullable Conv2d patches;
    private final @Nullable Linear tubes;
    private final Linear text;
    private final @Nullable Tensor positions;
    private final TimeEmbedding time;
    private final @Nullable TimeEmbedding ofs;
    private final List<Block> blocks;
    private final LayerNorm finalNorm;
    private final Linear outModulation;
    private final LayerNorm outNorm;
    private final Linear out;

    public CogVideoXTransformer(Config c, Weights w) {
        config = c;
        var width = c.width();
        var area = c.patchSize * c.patchSize;
        var embed = w.at("patch_embed");
        patches = c.patchSizeT.isEmpty() ? patchConvolution(embed.at("proj"), c) : null;
        tubes = c.patchSizeT.isEmpty() ? null : new Linear(embed.at("proj"), (long) c.inChannels * area * c.patchFrames(), width);
        text = new Linear(embed.at("text_proj"), c.textEmbedDim, width);
        positions = c.useLearnedPositionalEmbeddings ? embed.get("pos_embedding", normal(0.02), 1, learnedTokens(c), width) : null;
        if (!c.useLearnedPositionalEmbeddings) {
            // Old folders of the 2B model carry its fixed sine-cosine table; it is computed here for any size.
            embed.ignore("pos_embedding");
        }
        time = new TimeEmbedding(w.at("time_embedding"), width, c.timeEmbedDim, c.flipSinToCos, c.freqShift);
        ofs = c.ofsEmbedDim.map(d -> new TimeEmbedding(w.at("ofs_embedding"), d, d, c.flipSinToCos, c.freqShift)).orElse(null);
        blocks = w.at("transformer_blocks").each(c.numLayers, b -> new Block(b, c));
        finalNorm = new LayerNorm(w.at("norm_final"), width, c.normEps, c.normElementwiseAffine);
        outModulation = new Linear(w.at("norm_out.linear"), c.timeEmbedDim, 2L * width, true, zeros());
        outNorm = new LayerNorm(w.at("norm_out.norm"), width, c.normEps, c.normElementwiseAffine);
        out = new Linear(w.at("proj_out"), width, (long) c.outChannels * area * c.patchFrames(), true, zeros());
    }

    public Config config() {
        return config;
    }

    /// Predicts v (or what the folder's scheduler says) of noisy latents.
    ///
    /// @param x        noisy latents [B, T, C, H, W]; T is a multiple of `patch_size_t`, H and W of `patch_size`
    /// @param timestep [B], from 0 to 999
    /// @param prompt   text features [B, L, text_embed_dim]
    /// @return [B, T, out_channels, H, W]
    /// @throws org.zoetrope.tensor.ShapeException if sizes do not fit the patches, or the learned positions
    public Tensor forward(Tensor x, Tensor timestep, Tensor prompt) {
        return forward(x, timestep, prompt, Optional.empty());
    }

    /// As [#forward(Tensor, Tensor, Tensor)] for models with an `ofs` embedding (CogVideoX1.5 image-to-video).
    ///
    /// @param ofsValue [B], 2.0 in the published pipeline; required exactly when the config has `ofs_embed_dim`
    public Tensor forward(Tensor x, Tensor timestep, Tensor prompt, Optional<Tensor> ofsValue) {
        return forward(x, timestep, prompt, ofsValue, Pass.plain());
    }

    /// As [#forward(Tensor, Tensor, Tensor, Optional)], with what is special about this call.
    ///
    /// A prompt may also differ from frame to frame [B, T, L, D] with one text for each frame of tokens: its copies pass
    /// through the blocks side by side, and frame f and copy f see copy f and the whole video. With equal copies this is
    /// the plain prediction. The attention of such a call is not watched, nor is that of one whose text is shifted.
    public Tensor forward(Tensor x, Tensor timestep, Tensor prompt, Optional<Tensor> ofsValue, Pass pass) {
        checkShape(x);
        require(ofsValue.isPresent() == (ofs != null), "this model %s an ofs value", ofs != null ? "needs" : "does not take");
        var frames = x.size(1);
        var rows = x.size(3) / config.patchSize;
        var columns = x.size(4) / config.patchSize;
        var condition = time.forward(timestep);                                                   // [B, timeEmbedDim]
        if (ofs != null) {
            condition = condition.plus(ofs.forward(ofsValue.orElseThrow()));
        }
        var tokens = frames / config.patchFrames();
        var copies = Math.toIntExact(prompt.rank() == 4 ? prompt.size(1) : 1);
        require(prompt.rank() == 3 || copies == tokens, "prompts %s are for %d frames of tokens; the latents have %d", prompt, copies, tokens);
        pass.frames().check(tokens, prompt.size(-2), config.width());
        require(copies == 1 || pass.frames().text().isEmpty(), "a text for each frame and shifts of one text were given; give one of them");
        var words = text.forward(prompt);                                                         // [B, L, D] or [B, T, L, D]
        var video = pass.frames().onVideo(embed(x));                                              // [B, V, D]
        if (positions != null) {
            var length = words.size(-2);
            require(positions.size(1) == length + video.size(1), "learned positions hold %d tokens; %d text and %d video tokens were given (this model takes only its own size and length)",
                    positions.size(1), length, video.size(1));
            words = words.plus(positions.narrow(1, 0, length));
            video = video.plus(positions.narrow(1, length, video.size(1)));
        } else if (!config.useRotaryPositionalEmbeddings) {
            video = video.plus(SinCosPositions.spaceTime(config.width(), tokens, rows, columns, config.spatialInterpolationScale, config.temporalInterpolationScale).like(video));
        }
        var rotary = config.useRotaryPositionalEmbeddings ? Optional.of(rotary(tokens, rows, columns).to(x.device())) : Optional.<RotaryEmbedding>empty();
        var condSilu = condition.silu();
        var end = pass.through(condition, List.of(words.flatten(1, -2), video), pass.frames().tensors(), blocks.size(), (state, part) ->
                blocks.get(part.index()).forward(new Streams(state.get(0), state.get(1), copies), condSilu, rotary, part).tensors());
        var modulation = outModulation.forward(condSilu).unsqueeze(1).chunk(2, -1);               // shift, scale
        var y = outNorm.forward(finalNorm.forward(end.get(1))).times(modulation.get(1).plus(1)).plus(modulation.get(0));
        return unpatch(out.forward(y), tokens, rows, columns);
    }

    /// The rotary table for a grid of tokens. The 1.0 models stretch their native grid over other sizes; 1.5 counts
    /// positions in whole numbers.
    public RotaryEmbedding rotary(long frames, long rows, long columns) {
        var share = new int[] {config.attentionHeadDim / 4, config.attentionHeadDim / 8 * 3, config.attentionHeadDim / 8 * 3};
        if (config.patchSizeT.isPresent()) {
            return RotaryEmbedding.grid(share, counted(frames), counted(rows), counted(columns));
        }
        var region = nativeRegion(rows, columns);
        return RotaryEmbedding.grid(share, counted(frames), spread(region[0], region[1], rows), spread(region[2], region[3], columns));
    }

    /// The centred part of the native token grid with the aspect of this one: first row, rows, first column, columns.
    private long[] nativeRegion(long rows, long columns) {
        var nativeRows = config.sampleHeight / config.patchSize;
        var nativeColumns = config.sampleWidth / config.patchSize;
        var tall = (double) rows / columns > (double) nativeRows / nativeColumns;
        // Math.rint rounds halves to even, as the reference does.
        var height = tall ? nativeRows : (long) Math.rint((double) nativeColumns / columns * rows);
        var width = tall ? (long) Math.rint((double) nativeRows / rows * columns) : nativeColumns;
        return new long[] {(long) Math.rint((nativeRows - height) / 2.0), height, (long) Math.rint((nativeColumns - width) / 2.0), width};
    }

    private static double[] spread(long start, long length, long count) {
        var stop = start + length;
        var last = (double) stop * (count - 1) / count;
        return IntStream.range(0, (int) count).mapToDouble(i -> count == 1 ? start : start + i * (last - start) / (count - 1)).toArray();
    }

    private static double[] counted(long count) {
        return IntStream.range(0, (int) count).asDoubleStream().toArray();
    }

    private Tensor embed(Tensor x) {
        if (patches != null) {
            var y = patches.forward(x.rearrange("B T C H W -> (B T) C H W"));
            return y.rearrange("(B T) D h w -> B (T h w) D", axis("B", x.size(0)));
        }
        var p = axis("p", config.patchSize);
        var q = axis("q", config.patchSize);
        var s = axis("s", config.patchFrames());
        return Objects.requireNonNull(tubes).forward(x.rearrange("B (T s) C (h p) (w q) -> B (T h w) (C s p q)", s, p, q));
    }

    private Tensor unpatch(Tensor y, long frames, long rows, long columns) {
        return y.rearrange("B (T h w) (C s p q) -> B (T s) C (h p) (w q)", axis("T", frames), axis("h", rows), axis("w", columns),
                axis("s", config.patchFrames()), axis("p", config.patchSize), axis("q", config.patchSize));
    }

    private void checkShape(Tensor x) {
        require(x.rank() == 5 && x.size(2) == config.inChannels, "latents %s are not [B, T, %d, H, W]", x, config.inChannels);
        require(x.size(1) % config.patchFrames() == 0, "%d latent frames are not a multiple of patch_size_t %d", x.size(1), config.patchFrames());
        require(x.size(3) % config.patchSize == 0 && x.size(4) % config.patchSize == 0, "latent size %d x %d is not a multiple of patch_size %d",
                x.size(3), x.size(4), config.patchSize);
    }

    private static Conv2d patchConvolution(Weights w, Config c) {
        var bound = 1 / Math.sqrt((double) c.inChannels * c.patchSize * c.patchSize);
        return new Conv2d(w.get("weight", uniform(bound), c.width(), c.inChannels, c.patchSize, c.patchSize),
                c.patchBias ? w.get("bias", zeros(), c.width()) : null, c.patchSize, 0);
    }

    private static long learnedTokens(Config c) {
        var frames = (c.sampleFrames - 1) / c.temporalCompressionRatio + 1;
        return c.maxTextSeqLength + (long) frames * (c.sampleHeight / c.patchSize) * (c.sampleWidth / c.patchSize);
    }

    /// Text tokens [B, L, D] and video tokens [B, V, D] on their way through the blocks.
    ///
    /// @param copies of the text, one for each frame of tokens, or one for all
    private record Streams(Tensor words, Tensor video, int copies) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return List.of(words, video);
        }

        Tensor joined() {
            return Tensor.cat(List.of(words, video), 1);
        }
    }

    /// Expert adaptive norms around one joint attention and one joint MLP (figure 3 of the paper).
    private record Block(ExpertNorm norm1, JointAttention attention, ExpertNorm norm2, FeedForward mlp) {
        Block(Weights w, Config c) {
            this(new ExpertNorm(w.at("norm1"), c), new JointAttention(w.at("attn1"), c), new ExpertNorm(w.at("norm2"), c),
                    new FeedForward(w.at("ff"), c.width(), 4L * c.width()));
        }

        Streams forward(Streams x, Tensor condSilu, Optional<RotaryEmbedding> rotary, Pass.Block pass) {
            var first = norm1.forward(x, condSilu);
            x = first.add(x, pass.branch(Kind.JOINT, () -> attention.forward(first.streams, rotary, pass)));
            var second = norm2.forward(x, condSilu);
            return second.add(x, mlp.forward(second.streams.joined()));
        }
    }

    /// One shared norm, then shift, scale and gate per modality. A fresh map is zero: gates start shut.
    private record ExpertNorm(Linear linear, LayerNorm norm) {
        ExpertNorm(Weights w, Config c) {
            this(new Linear(w.at("linear"), c.timeEmbedDim, 6L * c.width(), true, zeros()), new LayerNorm(w.at("norm"), c.width(), c.normEps, c.normElementwiseAffine));
        }

        Modulated forward(Streams x, Tensor condSilu) {
            var m = linear.forward(condSilu).unsqueeze(1).chunk(6, -1);                           // six of [B, 1, D]
            var video = modulated(x.video, m.get(0), m.get(1));
            var words = modulated(x.words, m.get(3), m.get(4));
            return new Modulated(new Streams(words, video, x.copies), m.get(5), m.get(2));
        }

        private Tensor modulated(Tensor x, Tensor shift, Tensor scale) {
            return LayerNorm.folds(x) ? norm.folded(x, shift, scale)
                    : norm.forward(x).times(scale.plus(1)).plus(shift);
        }
    }

    private record Modulated(Streams streams, Tensor wordsGate, Tensor videoGate) {
        /// x + gate * branch, for a branch over the joined tokens.
        Streams add(Streams x, Tensor branch) {
            var length = x.words.size(1);
            return new Streams(x.words.plus(wordsGate.times(branch.narrow(1, 0, length))),
                    x.video.plus(videoGate.times(branch.narrow(1, length, x.video.size(1)))), x.copies);
        }
    }

    /// Full attention over text and video tokens; queries and keys are normalised per head, and only video is rotated.
    private record JointAttention(int heads, Linear toQ, Linear toK, Linear toV, LayerNorm normQ, LayerNorm normK, Linear toOut) {
        private static final double QK_EPSILON = 1e-6; // fixed in the released code, unlike norm_eps

        JointAttention(Weights w, Config c) {
            this(c.numAttentionHeads, new Linear(w.at("to_q"), c.width(), c.width(), c.attentionBias),
                    new Linear(w.at("to_k"), c.width(), c.width(), c.attentionBias),
                    new Linear(w.at("to_v"), c.width(), c.width(), c.attentionBias),
                    new LayerNorm(w.at("norm_q"), c.attentionHeadDim, QK_EPSILON), new LayerNorm(w.at("norm_k"), c.attentionHeadDim, QK_EPSILON),
                    new Linear(w.at("to_out.0"), c.width(), c.width()));
        }

        Tensor forward(Streams x, Optional<RotaryEmbedding> rotary, Pass.Block pass) {
            var joined = x.joined();                                                              // [B, L+V, D]
            var q = normQ.forward(split(toQ.forward(joined)));                                    // [B, heads, L+V, d]
            var content = normK.forward(split(toK.forward(joined)));
            var v = split(toV.forward(joined));
            var k = content;
            if (rotary.isPresent()) {
                q = rotateVideo(q, x, rotary.get());
                k = rotateVideo(k, x, rotary.get());
            }
            var scale = 1 / Math.sqrt(q.size(3));
            var site = new Site(Kind.JOINT, q.to(v.dtype()), k.to(v.dtype()), v, content.to(v.dtype()), x.words.size(1), 0, scale);
            var texts = pass.pass().frames().onText(x.words);
            var seen = x.copies > 1 ? perFrame(site, x.copies, pass)
                    : texts.isPresent() ? shifted(site, texts.get(), pass) : pass.attend(site);
            return toOut.forward(seen.rearrange("B n S d -> B S (n d)"));
        }

        /// Frame f and its copy of the text see that copy and the whole video, no other copy. One call per frame needs no
        /// mask over all pairs of tokens, with which no fused attention runs.
        private static Tensor perFrame(Site all, int copies, Pass.Block pass) {
            long length = all.textTokens() / copies, area = all.videoQueries().size(2) / copies;
            var words = new ArrayList<Tensor>();
            var video = new ArrayList<Tensor>();
            for (var f = 0; f < copies; f++) {
                var queries = Tensor.cat(List.of(all.q().narrow(2, f * length, length), all.videoQueries().narrow(2, f * area, area)), 2);
                var seen = pass.unwatched(frame(all, queries, all.k().narrow(2, f * length, length), all.v().narrow(2, f * length, length), f * area))
                        .split(2, length, area);
                words.add(seen.get(0));
                video.add(seen.get(1));
            }
            words.addAll(video);
            return Tensor.cat(words, 2);
        }

        /// The text sees itself as it is and the whole video; frame f sees the text as it was shifted for it.
        ///
        /// @param texts [B, T, L, D]
        private Tensor shifted(Site all, Tensor texts, Pass.Block pass) {
            long frames = texts.size(1), length = all.textTokens(), area = all.videoQueries().size(2) / frames;
            Tensor own = texts.flatten(1, 2), values = split(toV.forward(own)), keys = normK.forward(split(toK.forward(own))).to(values.dtype());
            var seen = new ArrayList<Tensor>();
            seen.add(pass.unwatched(all.with(all.textQueries(), all.k(), all.v())));
            for (var f = 0; f < frames; f++) {
                // The text asks once more than it has to, so that a kernel sees an attention like any other.
                var queries = Tensor.cat(List.of(all.textQueries(), all.videoQueries().narrow(2, f * area, area)), 2);
                seen.add(pass.unwatched(frame(all, queries, keys.narrow(2, f * length, length), values.narrow(2, f * length, length), f * area))
                        .narrow(2, length, area));
            }
            return Tensor.cat(seen, 2);
        }

        /// Queries of one frame with text of its own in front of the whole video.
        private static Site frame(Site all, Tensor queries, Tensor textKeys, Tensor textValues, long firstVideo) {
            var texts = all.textTokens();
            var count = all.k().size(2) - texts;
            return new Site(Kind.JOINT, queries, Tensor.cat(List.of(textKeys, all.videoKeys()), 2),
                    Tensor.cat(List.of(textValues, all.v().narrow(2, texts, count)), 2),
                    Tensor.cat(List.of(textKeys, all.content().narrow(2, texts, count)), 2), textKeys.size(2), firstVideo, all.scale());
        }

        private Tensor split(Tensor x) {
            return x.rearrange("B S (n d) -> B n S d", axis("n", heads));
        }

        private static Tensor rotateVideo(Tensor x, Streams streams, RotaryEmbedding rotary) {
            var parts = x.split(2, streams.words.size(1), streams.video.size(1));
            return Tensor.cat(List.of(parts.get(0), rotary.rotate(parts.get(1))), 2);
        }
    }
}
