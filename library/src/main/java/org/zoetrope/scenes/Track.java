package org.zoetrope.scenes;

/// Where an object is and how large, from t = 0 (the first frame) to t = 1 (the last).
///
/// Lengths are in picture heights, the origin is the top left corner, y points down. A motion fills its clip whatever
/// the number of frames, so a longer clip of the same scene is the same motion, slower.
///
/// @param x      of the straight motions: the start; of the others: the middle
/// @param y      as `x`; of a bounce: the floor
/// @param travel the way along each moving axis; of a bounce its height; of a circle its radius (negative:
///               counterclockwise); of growing and shrinking the change of the radius from the middle to either end
/// @param phase  of a bounce and a circle: where in the cycle the clip starts, from 0 to 1
/// @param radius the radius of the circle of the same area; of growing and shrinking: half way
public record Track(Motion motion, double x, double y, double travel, double phase, double radius) {
    /// Hops of a bounce in a clip.
    public static final int HOPS = 2;

    private static final double MARGIN = 0.02;
    private static final double NEAR = 0.03;

    /// Place and radius at one moment.
    ///
    /// @param x      of the centre, in picture heights from the left
    /// @param y      of the centre, in picture heights from the top
    /// @param radius of the circle of the same area, in picture heights
    public record Pose(double x, double y, double radius) {
        double distance(Pose other) {
            return Math.sqrt((x - other.x) * (x - other.x) + (y - other.y) * (y - other.y));
        }
    }

    /// The pose at `t` in [0, 1].
    public Pose at(double t) {
        return switch (motion) {
            case BOUNCE -> new Pose(x, y - travel * Math.abs(StrictMath.sin(Math.PI * (HOPS * t + phase))), radius);
            case CIRCLE -> {
                var angle = 2 * Math.PI * (phase + (travel < 0 ? -t : t));
                var orbit = Math.abs(travel);
                yield new Pose(x + orbit * StrictMath.cos(angle), y + orbit * StrictMath.sin(angle), radius);
            }
            case GROW -> new Pose(x, y, radius + travel * (2 * t - 1));
            case SHRINK -> new Pose(x, y, radius - travel * (2 * t - 1));
            default -> new Pose(x + motion.x() * travel * t, y + motion.y() * travel * t, radius);
        };
    }

    /// A track of this motion that keeps the whole shape inside the picture.
    ///
    /// Words do not say where an object is, so a clip whose object may be anywhere teaches its words slowly: of a picture that
    /// is all noise, the best guess is the mean over all places, in which an object of a sixteenth of the picture is nearly
    /// invisible. So an object that is alone moves through the middle, give or take two pixels of a small picture, and its
    /// cycle starts where the eye expects it: a bounce on its floor, a circle at its top.
    ///
    /// Two hops and a turn are the longest ways, twice a straight one: of an object that goes further between two latent frames
    /// a small model draws a smear.
    ///
    /// @param anywhere whether the object goes wherever it fits instead, which two objects need to miss each other
    static Track draw(Motion motion, Shape shape, boolean anywhere, SplitMix64 random) {
        var size = random.chance(0.5) ? Size.SMALL : Size.LARGE;
        var radius = motion.keepsSize() ? random.between(size.least(), size.most()) : random.between(0.115, 0.125);
        var travel = switch (motion) {
            case STILL -> 0;
            case BOUNCE -> random.between(0.19, 0.23);
            case CIRCLE -> random.between(0.11, 0.13);
            case GROW, SHRINK -> random.between(0.043, 0.048);
            default -> random.between(0.36, 0.44);
        };
        var phase = (motion == Motion.CIRCLE ? 0.7 : 0) + random.between(0, 0.05);
        var edge = shape.reach() * (motion.keepsSize() ? radius : radius + travel) + MARGIN;
        var orbit = motion == Motion.CIRCLE ? travel : 0;
        var left = edge + orbit + (motion.x() < 0 ? travel : 0);
        var right = 1 - edge - orbit - (motion.x() > 0 ? travel : 0);
        var above = edge + orbit + (motion.y() < 0 || motion == Motion.BOUNCE ? travel : 0);
        var below = 1 - edge - orbit - (motion.y() > 0 ? travel : 0);
        return new Track(motion, place(left, right, anywhere, random), place(above, below, anywhere, random), travel, phase, radius);
    }

    private static double place(double least, double most, boolean anywhere, SplitMix64 random) {
        var middle = (least + most) / 2;
        return anywhere ? random.between(least, most) : random.between(Math.max(least, middle - NEAR), Math.min(most, middle + NEAR));
    }
}
