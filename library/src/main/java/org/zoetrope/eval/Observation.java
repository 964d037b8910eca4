package org.zoetrope.eval;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.zoetrope.media.Frames;
import org.zoetrope.scenes.Background;
import org.zoetrope.scenes.Colour;
import org.zoetrope.scenes.Motion;
import org.zoetrope.scenes.Shape;
import org.zoetrope.scenes.Size;

/// What classical image analysis sees in a clip: a plain background and the things that stand out from it.
///
/// The border's most frequent colour is the background. What differs from it and has the same colour all through is a
/// thing; a pixel on its edge is a mixture of the two colours, and the share of the thing in it is known from where it
/// lies between them. Shape and motion come from fitting: the outlines of the scenes are drawn where the thing was
/// found and the best copy names the shape; closed curves are laid through its path and the best one names the motion.
/// Whatever fits nothing well is left empty rather than guessed.
///
/// @param background empty if the border is not of one known colour
/// @param objects    seen in nearly all frames, the largest first
/// @param strays     things seen in some frames only
public record Observation(Optional<Background> background, List<Thing> objects, int strays) {
    /// Something that stands out from the background in most frames.
    ///
    /// @param colour     the nearest named colour, empty if none is near
    /// @param shape      the outline that fits best, empty if none fits
    /// @param motion     the path that fits best, empty if none fits
    /// @param size       by the mean radius
    /// @param path       where it was, one sighting for each frame it was seen in
    /// @param misfit     of the best outline: squared error relative to its area, 0 for a perfect copy
    public record Thing(Optional<Colour> colour, Optional<Shape> shape, Optional<Motion> motion, Size size,
            List<Sighting> path, double misfit) {
        public Thing {
            path = List.copyOf(path);
        }
    }

    /// A thing in one frame, in picture heights.
    ///
    /// @param t      moment of the frame, from 0 (first) to 1 (last)
    /// @param radius of the circle of the same area
    public record Sighting(double t, double x, double y, double radius) {}

    public Observation {
        objects = List.copyOf(objects);
    }

    /// Looks at a clip. Things are found from about 14 pixels of area in a 64 x 64 picture, in proportion in others.
    public static Observation of(Frames clip) {
        var backdrop = Backdrop.of(clip);
        var trails = Trail.of(clip, backdrop);
        var things = new ArrayList<Thing>();
        for (var trail : trails) {
            if (!trail.isLasting(clip.count())) {
                continue;
            }
            var path = trail.path();
            var match = ShapeMatch.of(trail);
            var radius = path.stream().mapToDouble(Sighting::radius).average().orElseThrow();
            things.add(new Thing(Palette.object(trail.rgb()), match.shape(), MotionFit.of(path), Size.of(radius), path,
                    match.misfit()));
        }
        return new Observation(backdrop.named(), things, trails.size() - things.size());
    }
}
