package org.zoetrope.pipeline;

import java.util.ArrayList;
import java.util.List;

/// A request like another one that needs more memory than there is, but smaller.
///
/// @param width  of the pictures, as the model takes it
/// @param height likewise
/// @param frames as many as the model takes
public record Smaller(int width, int height, int frames) {
    private static final double[] SHARES = {0.75, 0.5, 0.375, 0.25, 0.125}; // of width and height
    private static final int OFFERED = 3;

    /// What fits into so much memory: the whole picture with fewer frames, then smaller pictures with as many frames as
    /// fit, the largest first.
    ///
    /// @param bytes above what the process holds, as [Estimate#peakBytes()]
    public static List<Smaller> fitting(VideoModel model, Request wanted, long bytes) {
        var defaults = model.defaults();
        int width = wanted.width().orElse(defaults.width()), height = wanted.height().orElse(defaults.height()),
                frames = wanted.frames().orElse(defaults.frames());
        var step = model.geometry().sizeStep();
        var strideT = model.geometry().strideT();
        var half = (frames - 1) / 2 / strideT * strideT + 1;
        var fitting = new ArrayList<Smaller>();
        add(fitting, model, wanted, bytes, List.of(new Smaller(width, height, half)));
        for (var share : SHARES) {
            int w = (int) Math.max(1, width * share / step) * step, h = (int) Math.max(1, height * share / step) * step;
            add(fitting, model, wanted, bytes, List.of(new Smaller(w, h, frames), new Smaller(w, h, half)));
        }
        return fitting.subList(0, Math.min(OFFERED, fitting.size()));
    }

    private static void add(List<Smaller> fitting, VideoModel model, Request wanted, long bytes, List<Smaller> candidates) {
        candidates.stream().filter(c -> !fitting.contains(c) && c.fits(model, wanted, bytes)).findFirst()
                .ifPresent(fitting::add);
    }

    private boolean fits(VideoModel model, Request wanted, long bytes) {
        try {
            return model.estimate(wanted.size(width, height).frames(frames)).peakBytes() <= bytes;
        } catch (RequestException _) {
            return false; // not a size of this model
        }
    }

    /// Such as `480x320 with 49 frames`.
    @Override
    public String toString() {
        return "%dx%d with %d frames".formatted(width, height, frames);
    }
}
