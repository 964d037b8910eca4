package org.zoetrope.edit;

import org.zoetrope.nn.Recomputation;
import org.zoetrope.pipeline.Geometry;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Tensor;

/// What a gradient through a network keeps in memory from the evaluation before it.
///
/// @param bytes at most
/// @param again whether it is what enters each block, which is evaluated once more on the way back, see [Recomputation];
///              otherwise every result
public record Recording(long bytes, boolean again) {
    private static final long WIDTHS = 20; // of a token in a recorded block, as measured: 12 to 18 of CogVideoX, 16 to 20 of Wan
    private static final long HEAD = 64; // the smaller of published heads
    private static final long FLOAT32_WIDTHS = 8; // queries, keys, values and what they find, in numbers of two bytes
    private static final long MOST = 2L << 30; // above it, memory is worth more than time

    /// @param tokens  in a window, those of the text included where they attend together
    /// @param windows that one gradient goes through
    static Recording of(Geometry g, long tokens, int windows, DType type, Device device) {
        var numbers = tokens * WIDTHS * g.width();
        if (type.bytes() < Float.BYTES && device.kind() == Device.Kind.CPU) {
            // There attention keeps its scores, or works in float32 where they are many.
            var scores = tokens * tokens * Math.ceilDiv(g.width(), HEAD);
            numbers += scores <= Tensor.SCORES_KEPT ? scores : FLOAT32_WIDTHS * tokens * g.width();
        }
        var block = windows * numbers * type.bytes();
        return block * g.blocks() <= MOST ? new Recording(block * g.blocks(), false)
                : new Recording(block + windows * tokens * g.width() * type.bytes() * g.blocks(), true);
    }
}
