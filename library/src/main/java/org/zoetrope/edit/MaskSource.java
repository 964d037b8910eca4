package org.zoetrope.edit;

import java.util.Optional;

/// Where the mask of an edit comes from.
public sealed interface MaskSource {
    /// The edit may act everywhere.
    record Everywhere() implements MaskSource {}

    /// Somebody marked it.
    record Drawn(PixelMask pixels, SoftEdge edge) implements MaskSource {
        @Override
        public String toString() {
            return "Drawn[%s%d frames, lambda=%s]".formatted(pixels.protects() ? "protects, " : "",
                    pixels.frames().size(), edge.lambda());
        }
    }

    /// Found before the run, where the network's velocities under the two prompts differ.
    record VelocityDifference(VelocityMask how, SoftEdge edge) implements MaskSource {}

    /// Read from the network's attention in every step, as FlowDirector does.
    ///
    /// @param source words of the source prompt that say what is edited; by default those the target prompt lacks
    /// @param target words of the target prompt that say what it becomes; by default those the source prompt lacks
    record Attention(SoftEdge edge, Optional<String> source, Optional<String> target) implements MaskSource {}

    /// The mask of FlowDirector, with the words in which the prompts differ.
    static MaskSource attention() {
        return new Attention(SoftEdge.published(), Optional.empty(), Optional.empty());
    }

    /// What edits do unless told otherwise: the velocity difference, with the usual edge.
    static MaskSource velocityDifference() {
        return new VelocityDifference(VelocityMask.defaults(), SoftEdge.usual());
    }
}
