package org.zoetrope.scenes;

import java.util.ArrayList;
import java.util.List;
import org.zoetrope.media.Frames;

/// A plain background with one or two objects that never touch each other or the border: all there is to know about a
/// clip. The same seed gives the same scene, caption and bytes on every JDK.
public record Scene(Background background, List<SceneObject> objects) {
    /// The clip a scene is drawn for unless asked otherwise: 17 frames of 64 x 64 at 8 frames per second.
    public static final int FRAMES = 17;
    public static final int SIZE = 64;
    public static final double FPS = 8;

    private static final double TWO_OBJECTS = 0.25;
    private static final int TRIES = 1000;
    private static final int SAMPLES = 4;

    public Scene {
        objects = List.copyOf(objects);
    }

    /// A scene of one object, or in a quarter of the seeds two.
    public static Scene draw(long seed, Split split) {
        return draw(seed, split, TWO_OBJECTS);
    }

    /// A scene of one object, or in a share of the seeds two.
    ///
    /// @param pairs the share of scenes with two objects, from 0 to 1
    public static Scene draw(long seed, Split split, double pairs) {
        var random = SplitMix64.of(seed, 0);
        return draw(random, split, random.chance(pairs) ? 2 : 1);
    }

    /// A scene with one or two objects, each of a combination of the split. Two objects differ in colour and stand in
    /// reading order: the second lies further right or further down, half way through the clip.
    public static Scene draw(SplitMix64 random, Split split, int objects) {
        if (objects < 1 || objects > 2) {
            throw new IllegalArgumentException("a scene has 1 or 2 objects, not " + objects);
        }
        var combinations = Combination.of(split);
        var background = random.pick(List.of(Background.values()));
        if (objects == 1) {
            return new Scene(background, List.of(drawObject(random.pick(combinations), false, random)));
        }
        // Wide motions rarely miss each other: trying each pair often keeps them from dying out beside a second object.
        while (true) {
            var first = random.pick(combinations);
            var second = random.pick(combinations);
            for (var i = 0; i < TRIES && first.colour() != second.colour(); i++) {
                var pair = List.of(drawObject(first, true, random), drawObject(second, true, random));
                if (pair.getFirst().staysClearOf(pair.getLast()) && pair.getFirst().comesBefore(pair.getLast())) {
                    return new Scene(background, pair);
                }
            }
        }
    }

    /// A caption of this scene, see [Captions]. The seed may be the one the scene was drawn with: what is said does not
    /// depend on what is seen.
    public Caption caption(long seed) {
        return Captions.draw(this, SplitMix64.of(seed, 1));
    }

    /// The moment of a frame: 0 for the first, 1 for the last, 0 for the only one.
    public static double moment(int frame, int frames) {
        return frames == 1 ? 0 : (double) frame / (frames - 1);
    }

    /// The default clip.
    public Frames render() {
        return render(FRAMES, SIZE, FPS);
    }

    /// The clip, antialiased with 4 x 4 samples a pixel.
    ///
    /// @param frames at least 1; the motion is spread over all of them
    /// @param size   width and height in pixels, at least 16
    public Frames render(int frames, int size, double fps) {
        if (frames < 1 || size < 16) {
            throw new IllegalArgumentException("%d frames of %d pixels: a scene takes at least 1 frame of 16 pixels"
                    .formatted(frames, size));
        }
        var images = new ArrayList<byte[]>(frames);
        for (var f = 0; f < frames; f++) {
            var image = new byte[size * size * Frames.CHANNELS];
            for (var at = 0; at < image.length; at += Frames.CHANNELS) {
                mix(image, at, background.rgb(), 1);
            }
            for (var object : objects) {
                paint(image, size, object, object.track().at(moment(f, frames)));
            }
            images.add(image);
        }
        return new Frames(size, size, fps, images);
    }

    private static SceneObject drawObject(Combination c, boolean anywhere, SplitMix64 random) {
        return new SceneObject(c.colour(), c.shape(), Track.draw(c.motion(), c.shape(), anywhere, random));
    }

    private static void paint(byte[] image, int size, SceneObject object, Track.Pose pose) {
        var reach = pose.radius() * object.shape().reach();
        var left = Math.max(0, (int) Math.floor((pose.x() - reach) * size));
        var right = Math.min(size - 1, (int) Math.floor((pose.x() + reach) * size));
        var top = Math.max(0, (int) Math.floor((pose.y() - reach) * size));
        var bottom = Math.min(size - 1, (int) Math.floor((pose.y() + reach) * size));
        for (var y = top; y <= bottom; y++) {
            for (var x = left; x <= right; x++) {
                var inside = 0;
                for (var s = 0; s < SAMPLES * SAMPLES; s++) {
                    var u = ((x + (s % SAMPLES + 0.5) / SAMPLES) / size - pose.x()) / pose.radius();
                    var v = ((y + (s / SAMPLES + 0.5) / SAMPLES) / size - pose.y()) / pose.radius();
                    inside += object.shape().contains(u, v) ? 1 : 0;
                }
                var share = inside / (double) (SAMPLES * SAMPLES);
                mix(image, (y * size + x) * Frames.CHANNELS, object.colour().rgb(), share);
            }
        }
    }

    private static void mix(byte[] image, int at, int rgb, double share) {
        for (var c = 0; c < Frames.CHANNELS; c++) {
            var over = rgb >> (16 - 8 * c) & 0xff;
            var under = image[at + c] & 0xff;
            image[at + c] = (byte) Math.round(under + (over - under) * share);
        }
    }
}
