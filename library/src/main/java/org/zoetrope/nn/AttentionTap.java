package org.zoetrope.nn;

import org.zoetrope.tensor.Tensor;

/// Looks at queries, keys and values before an attention computes with them. The attention itself stays fused: a tap that wants
/// probabilities forms the part of the product it is interested in.
public interface AttentionTap {
    /// What attends to what.
    enum Kind {
        /// Text and video tokens in one sequence, the text first.
        JOINT,
        /// Video tokens among themselves.
        SELF,
        /// Video tokens, the queries, look at text tokens, the keys.
        CROSS
    }

    /// One attention. Queries and keys are as the scores are made of them: normalised, rotated.
    ///
    /// @param q          [B, heads, queries, d]
    /// @param k          [B, heads, keys, d]
    /// @param v          [B, heads, keys, d]
    /// @param content    keys before they were rotated, which say what is there and not where
    /// @param textTokens how many text tokens there are, in front of the video in a joint sequence
    /// @param firstVideo the video token that the first video query is; more than 0 where frames are looked at one by one
    /// @param scale      of the scores
    record Site(Kind kind, Tensor q, Tensor k, Tensor v, Tensor content, long textTokens, long firstVideo, double scale) {
        /// softmax(q k^T scale) v [B, heads, queries, d].
        public Tensor attended() {
            return q.attention(k, v, null, scale);
        }

        /// The same with other queries, keys and values of as many tokens.
        public Site with(Tensor queries, Tensor keys, Tensor values) {
            return new Site(kind, queries, keys, values, content, textTokens, firstVideo, scale);
        }

        /// One sample of a batch.
        public Site sample(long index) {
            return new Site(kind, q.narrow(0, index, 1), k.narrow(0, index, 1), v.narrow(0, index, 1),
                    content.narrow(0, index, 1), textTokens, firstVideo, scale);
        }

        /// The queries of video tokens [B, heads, V, d].
        public Tensor videoQueries() {
            return kind == Kind.JOINT ? q.narrow(2, textTokens, q.size(2) - textTokens) : q;
        }

        /// The keys of text tokens [B, heads, L, d]; of a self attention there are none.
        public Tensor textKeys() {
            return k.narrow(2, 0, kind == Kind.SELF ? 0 : textTokens);
        }

        /// The queries of text tokens [B, heads, L, d]; only a joint attention has them.
        public Tensor textQueries() {
            return q.narrow(2, 0, kind == Kind.JOINT ? textTokens : 0);
        }

        /// What the keys of video tokens say is there [B, heads, V, d]; a cross attention has none.
        public Tensor videoContent() {
            return with(q, content, v).videoKeys();
        }

        /// The keys of video tokens [B, heads, V, d]; a cross attention has none.
        public Tensor videoKeys() {
            return switch (kind) {
                case JOINT -> k.narrow(2, textTokens, k.size(2) - textTokens);
                case SELF -> k;
                case CROSS -> k.narrow(2, 0, 0);
            };
        }
    }

    /// Whether [#see] should be called for this block; nothing is prepared where it should not.
    boolean watches(int block);

    /// Called before the attention of a watched block. The tensors are valid during the call.
    void see(int block, Site site);

    /// Watches nothing.
    static AttentionTap none() {
        return new AttentionTap() {
            @Override
            public boolean watches(int block) {
                return false;
            }

            @Override
            public void see(int block, Site site) {
                throw new IllegalStateException("nobody watches block " + block);
            }
        };
    }
}
