package org.zoetrope.nn;

import org.zoetrope.tensor.Tensor;

/// Computes attention in the place of a network's own. What it is given and has to return is an attention like any other;
/// which keys are seen, and whose, is up to it.
@FunctionalInterface
public interface AttentionKernel {
    /// @param block index of the block, from 0
    /// @return [B, heads, queries, d], in the order of the queries
    Tensor attend(int block, AttentionTap.Site site);

    /// softmax(q k^T scale) v.
    static AttentionKernel plain() {
        return (_, site) -> site.attended();
    }
}
