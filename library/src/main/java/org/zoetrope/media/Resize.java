package org.zoetrope.media;

import java.util.ArrayList;
import java.util.List;

/// Fits clips to the size, rate and length a model takes, and says what it changed.
///
/// Each method returns a new clip and a list of sentences, empty if nothing had to be done, so that a caller can tell
/// the user what became of the input.
public final class Resize {
    private Resize() {}

    /// A clip and what was done to make it.
    public record Result(Frames frames, List<String> changes) {
        public Result {
            changes = List.copyOf(changes);
        }

        /// The next step on this clip, with the sentences of both.
        public Result then(Step step) {
            var next = step.apply(frames);
            var all = new ArrayList<>(changes);
            all.addAll(next.changes);
            return new Result(next.frames, all);
        }
    }

    /// One of the methods below with its numbers, for `Result.then`.
    @FunctionalInterface
    public interface Step {
        Result apply(Frames frames);
    }

    /// The largest centred cut of the wanted shape, scaled to the wanted size: no bars, no distortion.
    public static Result toFill(Frames frames, int width, int height) {
        require(width, height);
        var scale = Math.max((double) width / frames.width(), (double) height / frames.height());
        var cutWidth = Math.clamp(Math.round(width / scale), 1, frames.width());
        var cutHeight = Math.clamp(Math.round(height / scale), 1, frames.height());
        return cropped(frames, cutWidth, cutHeight).then(cut -> scaled(cut, width, height));
    }

    /// The middle of every frame; where the margin is odd, the extra pixel goes to the right and the bottom.
    ///
    /// @throws MediaException if the clip is smaller than that
    public static Result cropped(Frames frames, int width, int height) {
        require(width, height);
        if (width == frames.width() && height == frames.height()) {
            return new Result(frames, List.of());
        }
        if (width > frames.width() || height > frames.height()) {
            throw new MediaException(("a clip of %d x %d cannot be cropped to %d x %d"
                    + "%n  fix    scale it (Resize.scaled, Resize.toFill)").formatted(
                    frames.width(), frames.height(), width, height));
        }
        int left = (frames.width() - width) / 2, top = (frames.height() - height) / 2;
        var images = frames.images().stream().map(image -> {
            var cut = new byte[width * height * Frames.CHANNELS];
            for (var y = 0; y < height; y++) {
                System.arraycopy(image, ((top + y) * frames.width() + left) * Frames.CHANNELS,
                        cut, y * width * Frames.CHANNELS, width * Frames.CHANNELS);
            }
            return cut;
        }).toList();
        return new Result(new Frames(width, height, frames.fps(), images), List.of(
                "cropped %d x %d to its middle %d x %d".formatted(frames.width(), frames.height(), width, height)));
    }

    /// The middle of every frame with even sides, which is all that H.264 holds. A side of one pixel stays.
    public static Result even(Frames frames) {
        return cropped(frames, Math.max(1, frames.width() / 2 * 2), Math.max(1, frames.height() / 2 * 2));
    }

    /// How much of a neighbour at a distance goes into a pixel. Kernels are widened when a clip shrinks, so that fine
    /// detail is averaged and does not alias.
    public enum Kernel {
        /// What PyTorch calls bilinear with antialias.
        TRIANGLE(1) {
            @Override
            double at(double distance) {
                return Math.max(0, 1 - distance);
            }
        },
        /// Keys' cubic convolution with a = -1/2, which Pillow calls bicubic: sharper, with a slight overshoot.
        CUBIC(2) {
            @Override
            double at(double distance) {
                return distance < 1 ? (1.5 * distance - 2.5) * distance * distance + 1
                        : distance < 2 ? ((-0.5 * distance + 2.5) * distance - 4) * distance + 2 : 0;
            }
        };

        private final double reach;

        Kernel(double reach) {
            this.reach = reach;
        }

        abstract double at(double distance);
    }

    /// Scales every frame with the triangle kernel.
    public static Result scaled(Frames frames, int width, int height) {
        return scaled(frames, width, height, Kernel.TRIANGLE);
    }

    /// Scales every frame.
    public static Result scaled(Frames frames, int width, int height, Kernel kernel) {
        require(width, height);
        if (width == frames.width() && height == frames.height()) {
            return new Result(frames, List.of());
        }
        Filter across = Filter.of(frames.width(), width, kernel), down = Filter.of(frames.height(), height, kernel);
        var images = frames.images().stream().map(image -> scaled(image, frames.height(), across, down)).toList();
        return new Result(new Frames(width, height, frames.fps(), images), List.of(
                "scaled %d x %d to %d x %d".formatted(frames.width(), frames.height(), width, height)));
    }

    private static byte[] scaled(byte[] image, int rows, Filter across, Filter down) {
        var wide = new float[rows * across.outputs() * Frames.CHANNELS];
        for (int y = 0, to = 0; y < rows; y++) {
            for (var x = 0; x < across.outputs(); x++) {
                for (var c = 0; c < Frames.CHANNELS; c++, to++) {
                    var from = (y * across.inputs() + across.first()[x]) * Frames.CHANNELS + c;
                    var sum = 0f;
                    for (var weight : across.weights()[x]) {
                        sum += weight * (image[from] & 0xff);
                        from += Frames.CHANNELS;
                    }
                    wide[to] = sum;
                }
            }
        }
        var row = across.outputs() * Frames.CHANNELS;
        var out = new byte[down.outputs() * row];
        for (int y = 0, to = 0; y < down.outputs(); y++) {
            for (var i = 0; i < row; i++, to++) {
                var from = down.first()[y] * row + i;
                var sum = 0f;
                for (var weight : down.weights()[y]) {
                    sum += weight * wide[from];
                    from += row;
                }
                out[to] = (byte) Math.clamp(Math.round(sum), 0, 255);
            }
        }
        return out;
    }

    /// For every output position the first input it sees and the weights from there on, which add up to 1.
    @SuppressWarnings("ArrayRecordComponent") // tables of a loop, never compared
    private record Filter(int inputs, int outputs, int[] first, float[][] weights) {
        static Filter of(int inputs, int outputs, Kernel kernel) {
            var first = new int[outputs];
            var weights = new float[outputs][];
            var step = (double) inputs / outputs;
            var stretch = Math.max(1, step);
            var reach = kernel.reach * stretch;
            for (var i = 0; i < outputs; i++) {
                var centre = (i + 0.5) * step; // pixel k covers k to k + 1
                var from = Math.max(0, (int) (centre - reach + 0.5));
                var to = Math.min(inputs, (int) (centre + reach + 0.5));
                var w = new float[to - from];
                var sum = 0.0;
                for (var k = from; k < to; k++) {
                    w[k - from] = (float) kernel.at(Math.abs(k + 0.5 - centre) / stretch);
                    sum += w[k - from];
                }
                for (var k = 0; k < w.length; k++) {
                    w[k] = (float) (w[k] / sum);
                }
                first[i] = from;
                weights[i] = w;
            }
            return new Filter(inputs, outputs, first, weights);
        }
    }

    /// The clip at another rate and the same speed: output frame i shows the frame that is on screen in the middle of
    /// its time, (i + 0.5) / fps. Frames are repeated or dropped, never mixed.
    public static Result atRate(Frames frames, double fps) {
        if (!Double.isFinite(fps) || fps <= 0) {
            throw new MediaException("a clip needs a positive number of frames per second, found " + fps);
        }
        if (fps == frames.fps()) {
            return new Result(frames, List.of());
        }
        var count = Math.max(1, (int) Math.round(frames.duration() * fps));
        var images = new ArrayList<byte[]>(count);
        for (var i = 0; i < count; i++) {
            images.add(frames.images().get(Math.min(frames.count() - 1, (int) ((i + 0.5) / fps * frames.fps()))));
        }
        return new Result(new Frames(frames.width(), frames.height(), fps, images), List.of(
                "%d frames at %s fps became %d frames at %s fps".formatted(frames.count(), number(frames.fps()), count,
                        number(fps))));
    }

    /// The first `count` frames; a shorter clip is refused, because a model would take repeated frames for a still
    /// scene.
    ///
    /// @throws MediaException if the clip has fewer frames
    public static Result firstFrames(Frames frames, int count) {
        if (count < 1 || count > frames.count()) {
            throw new MediaException(("%d frames are wanted, the clip has %d (%s seconds at %s fps)"
                    + "%n  fix    give a longer clip, ask for fewer frames, or raise its rate (Resize.atRate)")
                    .formatted(count, frames.count(), number(frames.duration()), number(frames.fps())));
        }
        if (count == frames.count()) {
            return new Result(frames, List.of());
        }
        return new Result(frames.slice(0, count),
                List.of("kept the first %d of %d frames".formatted(count, frames.count())));
    }

    private static String number(double value) {
        return value == Math.rint(value) ? String.valueOf((long) value) : "%.3f".formatted(value);
    }

    private static void require(int width, int height) {
        if (width < 1 || height < 1) {
            throw new MediaException("a picture has at least 1 x 1 pixels, found %d x %d".formatted(width, height));
        }
    }
}
