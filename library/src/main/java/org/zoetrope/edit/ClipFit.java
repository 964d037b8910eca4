package org.zoetrope.edit;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.zoetrope.media.Frames;
import org.zoetrope.media.Resize;
import org.zoetrope.pipeline.Defaults;
import org.zoetrope.pipeline.Geometry;
import org.zoetrope.pipeline.RequestException;

/// How a clip is brought to what a model takes, and its edit back.
///
/// - Size: every frame is scaled, as a whole, to about the area that the model was trained for, both sides multiples of
///   what the model takes; the edit is scaled back to the size of the clip.
/// - Length: the last frame is repeated until the number of frames is one that the model takes; the edit loses the
///   repeats again. Clips longer than the model was trained for are looked at in overlapping windows.
/// - Rate: frames are edited as they are, and shown at the clip's rate again.
///
/// @param width   of the model's clip
/// @param height  of the model's clip
/// @param frames  of the model's clip
/// @param changes what is done, in sentences
public record ClipFit(int width, int height, int frames, List<String> changes) {
    private static final double UNLIKE_RATE = 1.5;

    public ClipFit {
        changes = List.copyOf(changes);
    }

    /// Decides for a clip.
    ///
    /// @param size the size to work at, instead of about the model's area
    /// @throws RequestException if the model cannot take the clip
    static ClipFit of(Frames clip, Geometry geometry, Defaults model, Optional<Size> size) {
        var problems = new ArrayList<String>();
        var step = geometry.sizeStep();
        var wanted = geometry.fixed() ? new Size(model.width(), model.height())
                : size.orElseGet(() -> nearest(clip, step, (double) model.width() * model.height()));
        if (wanted.width() < 1 || wanted.height() < 1 || wanted.width() % step != 0 || wanted.height() % step != 0) {
            problems.add("%d x %d pixels; width and height must be multiples of %d".formatted(wanted.width(),
                    wanted.height(), step));
        }
        var frames = (clip.count() - 1 + geometry.strideT() - 1) / geometry.strideT() * geometry.strideT() + 1;
        if (geometry.fixed() && frames > model.frames()) {
            problems.add("%d frames; this model has learned its positions and takes %d at most".formatted(clip.count(),
                    model.frames()));
        }
        frames = geometry.fixed() ? model.frames() : frames;
        if (!problems.isEmpty()) {
            throw new RequestException("the video cannot be edited with this model", problems);
        }
        return new ClipFit(wanted.width(), wanted.height(), frames,
                changes(clip, wanted, frames, geometry, model));
    }

    /// A size in pixels.
    public record Size(int width, int height) {}

    /// The size that deviates least: a wrong shape counts twice as much as a wrong area, both as logarithms.
    private static Size nearest(Frames clip, int step, double area) {
        var shape = (double) clip.width() / clip.height();
        var best = new Size(step, step);
        for (var columns = 1; columns <= Math.max(1, 2 * Math.sqrt(area * shape) / step); columns++) {
            for (var rows = 1; rows <= Math.max(1, 2 * Math.sqrt(area / shape) / step); rows++) {
                var size = new Size(columns * step, rows * step);
                best = deviation(size, shape, area) < deviation(best, shape, area) ? size : best;
            }
        }
        return best;
    }

    private static double deviation(Size size, double shape, double area) {
        return 2 * Math.abs(Math.log(size.width() / (size.height() * shape)))
                + Math.abs(Math.log((double) size.width() * size.height() / area));
    }

    private static List<String> changes(Frames clip, Size size, int frames, Geometry geometry, Defaults model) {
        var changes = new ArrayList<String>();
        if (clip.width() != size.width() || clip.height() != size.height()) {
            changes.add("the video of %d x %d is edited at %d x %d and scaled back".formatted(clip.width(),
                    clip.height(), size.width(), size.height()));
        }
        if (frames > clip.count()) {
            changes.add("the last frame is repeated %d times to make %d frames, and the repeats are dropped again"
                    .formatted(frames - clip.count(), frames));
        }
        if (frames > model.frames()) {
            changes.add("%d frames are more than the %d this model was trained for; it looks at them in %d windows"
                    .formatted(frames, model.frames(), windows(frames, geometry, model).count()));
        }
        if (clip.count() > 1 && Math.max(clip.fps() / model.fps(), model.fps() / clip.fps()) > UNLIKE_RATE) {
            changes.add("the video has %s frames per second and the model was trained with %s: motion looks %s to it"
                    .formatted(number(clip.fps()), number(model.fps()), clip.fps() > model.fps() ? "slow" : "fast"));
        }
        return changes;
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : String.format(Locale.ROOT, "%.2f", value);
    }

    static Windows windows(int frames, Geometry geometry, Defaults model) {
        var latent = geometry.latentFrames(frames) + geometry.padding(frames);
        var length = geometry.latentFrames(model.frames()) + geometry.padding(model.frames());
        return Windows.overlapping(latent, length, geometry.patchFrames());
    }

    /// The clip as the model takes it.
    Frames there(Frames clip) {
        var scaled = Resize.scaled(clip, width, height).frames();
        var images = new ArrayList<>(scaled.images());
        while (images.size() < frames) {
            images.add(images.getLast());
        }
        return new Frames(width, height, clip.fps(), images);
    }

    /// A clip of the model at the size, length and rate of the source.
    Frames back(Frames edited, Frames source) {
        var kept = edited.slice(0, source.count());
        return Resize.scaled(kept, source.width(), source.height()).frames().atRate(source.fps());
    }
}
