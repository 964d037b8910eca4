package org.zoetrope.media;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.zoetrope.tensor.Tensor;

/// A clip in memory: `count()` pictures of one size at a constant rate.
///
/// Every image is RGB, 8 bit, full range, row by row: [H, W, 3], so the red of (x, y) stands at `(y * width + x) * 3`.
/// The images are shared, not copied: whoever hands an array over stops writing to it. A single picture is a clip of
/// one frame.
///
/// @param fps frames per second, a positive number
public record Frames(int width, int height, double fps, List<byte[]> images) {
    /// Channels of a pixel: red, green, blue.
    public static final int CHANNELS = 3;

    /// @throws MediaException if a size is not positive, there is no image, or an image has another number of bytes
    public Frames {
        if (width < 1 || height < 1 || (long) width * height * CHANNELS > Integer.MAX_VALUE - 8) {
            throw new MediaException("a clip of %d x %d pixels cannot be held; give a width and a height of at least 1 "
                    .formatted(width, height) + "whose product is below 715 million");
        }
        if (!Double.isFinite(fps) || fps <= 0) {
            throw new MediaException("a clip needs a positive number of frames per second, found " + fps);
        }
        if (images.isEmpty()) {
            throw new MediaException("a clip needs at least one frame, found none");
        }
        images = List.copyOf(images);
        var bytes = width * height * CHANNELS;
        for (var i = 0; i < images.size(); i++) {
            if (images.get(i).length != bytes) {
                throw new MediaException("frame %d of %d holds %d bytes; %d x %d RGB pixels take %d".formatted(
                        i, images.size(), images.get(i).length, width, height, bytes));
            }
        }
    }

    /// How one pixel of a painted clip looks.
    @FunctionalInterface
    public interface Painter {
        /// The colour 0xRRGGBB at column `x`, row `y` of frame `frame`.
        int rgb(int frame, int x, int y);
    }

    /// A clip painted pixel by pixel.
    public static Frames paint(int width, int height, double fps, int count, Painter painter) {
        var images = new ArrayList<byte[]>(count);
        for (var f = 0; f < count; f++) {
            var image = new byte[width * height * CHANNELS];
            for (int y = 0, at = 0; y < height; y++) {
                for (var x = 0; x < width; x++, at += CHANNELS) {
                    var rgb = painter.rgb(f, x, y);
                    image[at] = (byte) (rgb >> 16);
                    image[at + 1] = (byte) (rgb >> 8);
                    image[at + 2] = (byte) rgb;
                }
            }
            images.add(image);
        }
        return new Frames(width, height, fps, images);
    }

    /// A clip of one picture.
    public static Frames picture(int width, int height, byte[] image) {
        return new Frames(width, height, 1, List.of(image));
    }

    /// The clip a decoder's output stands for: (v / 2 + 0.5), clamped to [0, 1], times 255, rounded to even.
    ///
    /// @param video [1, 3, F, H, W], colours from -1 to 1; values outside are clamped
    /// @throws MediaException if the shape is another one, or a value is not a number
    public static Frames of(Tensor video, double fps) {
        var shape = video.shape();
        if (shape.length != 5 || shape[0] != 1 || shape[1] != CHANNELS) {
            throw new MediaException("a clip is made from one video [1, 3, F, H, W], found " + Arrays.toString(shape));
        }
        int count = (int) shape[2], height = (int) shape[3], width = (int) shape[4];
        var plane = height * width;
        var values = video.toFloats();
        var images = new ArrayList<byte[]>(count);
        for (var f = 0; f < count; f++) {
            var image = new byte[plane * CHANNELS];
            for (var c = 0; c < CHANNELS; c++) {
                for (int p = 0, from = (c * count + f) * plane; p < plane; p++, from++) {
                    var v = values[from];
                    if (Float.isNaN(v)) {
                        throw new MediaException(("the video has a value that is not a number at frame %d, channel %d, "
                                + "row %d, column %d; look for an overflow in the model that made it").formatted(
                                f, c, p / width, p % width));
                    }
                    image[p * CHANNELS + c] = (byte) Math.rint(Math.clamp(v / 2 + 0.5f, 0f, 1f) * 255f);
                }
            }
            images.add(image);
        }
        return new Frames(width, height, fps, images);
    }

    /// The clip as models take it: [1, 3, F, H, W], float32 on the CPU, v / 127.5 - 1.
    public Tensor toTensor() {
        var plane = height * width;
        var values = new float[Math.toIntExact((long) CHANNELS * count() * plane)];
        for (var f = 0; f < count(); f++) {
            var image = images.get(f);
            for (var c = 0; c < CHANNELS; c++) {
                for (int p = 0, to = (c * count() + f) * plane; p < plane; p++, to++) {
                    values[to] = (image[p * CHANNELS + c] & 0xff) / 127.5f - 1;
                }
            }
        }
        return Tensor.of(values, 1, CHANNELS, count(), height, width);
    }

    public int count() {
        return images.size();
    }

    /// Seconds from the first frame's start to the last frame's end.
    public double duration() {
        return images.size() / fps;
    }

    /// The colour 0xRRGGBB at column `x`, row `y` of frame `frame`.
    public int pixel(int frame, int x, int y) {
        if (x < 0 || x >= width || y < 0 || y >= height) {
            throw new IndexOutOfBoundsException("pixel (%d, %d) of %d x %d".formatted(x, y, width, height));
        }
        var image = images.get(frame);
        var at = (y * width + x) * CHANNELS;
        return (image[at] & 0xff) << 16 | (image[at + 1] & 0xff) << 8 | (image[at + 2] & 0xff);
    }

    /// The frames from `from` (included) to `to` (excluded).
    public Frames slice(int from, int to) {
        if (from < 0 || to > count() || from >= to) {
            throw new MediaException("frames %d to %d of a clip of %d; give 0 <= from < to <= %d"
                    .formatted(from, to, count(), count()));
        }
        return new Frames(width, height, fps, images.subList(from, to));
    }

    /// The same frames shown at another speed.
    public Frames atRate(double newFps) {
        return new Frames(width, height, newFps, images);
    }

    @Override
    public String toString() {
        return "Frames[%d x %d, %d frames, %s fps]".formatted(width, height, count(), fps);
    }
}
