package org.zoetrope.nn;

import org.zoetrope.tensor.Tensor;

/// What may differ between two calls of one network besides its inputs: the seam through which attention is watched and
/// frames are told apart. Networks take it as their last argument and are complete without it.
///
/// @param tap    sees queries and keys on their way into attention
/// @param frames what every frame gets for itself
public record Pass(AttentionTap tap, FrameShift frames) {
    private static final Pass PLAIN = new Pass(AttentionTap.none(), FrameShift.none());

    /// A call that differs in nothing.
    public static Pass plain() {
        return PLAIN;
    }

    /// A call whose attention is watched.
    public static Pass watched(AttentionTap tap) {
        return PLAIN.with(tap);
    }

    /// This call, watched.
    public Pass with(AttentionTap other) {
        return new Pass(other, frames);
    }

    /// This call, every frame with something of its own.
    public Pass with(FrameShift other) {
        return new Pass(tap, other);
    }

    /// The part of a pass that one block sees.
    ///
    /// @param index of the block, from 0
    public Block at(int index) {
        return new Block(this, index);
    }

    /// A pass inside one block.
    public record Block(Pass pass, int index) {
        /// Shows queries and keys to the tap if it watches this block, see [AttentionTap.Site].
        public void see(AttentionTap.Kind kind, Tensor q, Tensor k, long textTokens, double scale) {
            if (pass.tap.watches(index)) {
                pass.tap.see(index, new AttentionTap.Site(kind, q, k, textTokens, scale));
            }
        }
    }
}
