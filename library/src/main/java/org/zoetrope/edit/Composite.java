package org.zoetrope.edit;

import java.util.ArrayList;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.Geometry;

/// Gives back what the autoencoder lost where nothing was edited: `D(E(V) + delta) + (1 - m) (V - D(E(V)))`. Where the
/// decoded pictures agree and the mask is 0, the result is the source bit for bit. Our own proposal.
final class Composite {
    private static final double REACH = 1; // latent cells around the mask that the decoder mixes with the inside

    private Composite() {}

    /// @param edited   the decoded edit, at the source's size
    /// @param codec    the decoded source without any edit, at the source's size
    /// @param mask     cells that were edited
    /// @param padding  latent frames in front of the clip
    static Frames of(Frames edited, Frames codec, Frames source, LatentMask mask, Geometry geometry, int padding) {
        var wide = mask.grown(REACH);
        var images = new ArrayList<byte[]>();
        for (var f = 0; f < source.count(); f++) {
            var inside = wide.cells().get(Math.min(wide.frames() - 1, padding + geometry.latentFrame(f)));
            byte[] e = edited.images().get(f), c = codec.images().get(f), v = source.images().get(f);
            var out = new byte[v.length];
            for (var at = 0; at < out.length; at++) {
                var pixel = at / Frames.CHANNELS;
                var weight = weight(inside, mask.height(), mask.width(),
                        (pixel / source.width() + 0.5) / source.height(), (pixel % source.width() + 0.5) / source.width());
                var residual = (v[at] & 0xff) - (c[at] & 0xff);
                out[at] = (byte) Math.clamp(Math.round((e[at] & 0xff) + (1 - weight) * residual), 0, 255);
            }
            images.add(out);
        }
        return new Frames(source.width(), source.height(), source.fps(), images);
    }

    /// The mask at a place of the picture, bilinear between the centres of its cells: its feather.
    private static double weight(boolean[] inside, int height, int width, double y, double x) {
        double row = Math.clamp(y * height - 0.5, 0, height - 1.0), column = Math.clamp(x * width - 0.5, 0, width - 1.0);
        int top = (int) row, left = (int) column;
        int bottom = Math.min(top + 1, height - 1), right = Math.min(left + 1, width - 1);
        double v = row - top, u = column - left;
        return (1 - v) * ((1 - u) * value(inside[top * width + left]) + u * value(inside[top * width + right]))
                + v * ((1 - u) * value(inside[bottom * width + left]) + u * value(inside[bottom * width + right]));
    }

    private static double value(boolean inside) {
        return inside ? 1 : 0;
    }
}
