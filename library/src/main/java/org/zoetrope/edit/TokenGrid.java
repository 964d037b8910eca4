package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import org.zoetrope.pipeline.Geometry;
import org.zoetrope.tensor.Tensor;

/// How a network cuts latents into tokens, and how large it is.
///
/// @param patch       latent cells along height and width of a token
/// @param patchFrames latent frames of a token
/// @param blocks      transformer blocks
/// @param width       numbers of a token inside the network
public record TokenGrid(int patch, int patchFrames, int blocks, int width) {
    public TokenGrid {
        require(patch > 0 && patchFrames > 0 && blocks > 0 && width > 0,
                "tokens of %d cells and %d frames in %d blocks of width %d; give positive numbers", patch, patchFrames,
                blocks, width);
    }

    /// The tokens of a model.
    static TokenGrid of(Geometry model) {
        return new TokenGrid(model.patch(), model.patchFrames(), model.blocks(), model.width());
    }

    /// Frames of tokens of so many latent frames.
    int frames(long latentFrames) {
        return Math.toIntExact(latentFrames / patchFrames);
    }

    /// The tokens of which any cell is inside, frame after frame [T, S], 0 or 1.
    Tensor inside(LatentMask mask) {
        int rows = mask.height() / patch, columns = mask.width() / patch, count = frames(mask.frames());
        var values = new float[count * rows * columns];
        for (var f = 0; f < count * patchFrames; f++) {
            var cells = mask.cells().get(f);
            for (var at = 0; at < cells.length; at++) {
                if (cells[at]) {
                    values[(f / patchFrames * rows + at / mask.width() / patch) * columns + at % mask.width() / patch] = 1;
                }
            }
        }
        return Tensor.of(values, count, (long) rows * columns);
    }
}
