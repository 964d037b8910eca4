package org.zoetrope.nn;

import java.util.List;
import org.zoetrope.tensor.Tensor;

/// Looks at the streams of tokens on their way from one block to the next.
public interface BlockTap {
    /// Whether [#see] should be called behind this block.
    boolean watches(int block);

    /// Called behind a watched block. The tensors are valid during the call.
    ///
    /// @param state what leaves the block, the video tokens [B, V, D] last
    void see(int block, List<Tensor> state);

    /// Watches nothing.
    static BlockTap none() {
        return new BlockTap() {
            @Override
            public boolean watches(int block) {
                return false;
            }

            @Override
            public void see(int block, List<Tensor> state) {
                throw new IllegalStateException("nobody watches block " + block);
            }
        };
    }
}
