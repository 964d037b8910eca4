package org.zoetrope.server;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.zoetrope.media.Frames;
import org.zoetrope.media.Resize;

/// The pictures that stand for a clip where it is not played.
final class Pictures {
    private static final int COLUMNS = 5;
    private static final int LARGEST = 320; // pixels of the longer side

    private Pictures() {}

    /// The first frame.
    static byte[] png(Frames picture) {
        return encoded(strip(picture.slice(0, 1)), "png");
    }

    /// All frames beside each other.
    static byte[] stripPng(Frames frames) {
        return encoded(strip(frames), "png");
    }

    /// The frame in the middle, small.
    static Frames thumbnail(Frames frames) {
        return small(frames.slice(frames.count() / 2, frames.count() / 2 + 1));
    }

    /// All frames in rows of five, small.
    static byte[] sheetJpeg(Frames frames) {
        var first = small(frames.slice(0, 1));
        var columns = Math.min(COLUMNS, frames.count());
        var image = new BufferedImage(columns * first.width(), (frames.count() + columns - 1) / columns
                * first.height(), BufferedImage.TYPE_INT_RGB);
        for (var f = 0; f < frames.count(); f++) {
            paint(image, small(frames.slice(f, f + 1)), 0, f % columns * first.width(), f / columns * first.height());
        }
        return encoded(image, "jpg");
    }

    private static Frames small(Frames picture) {
        var scale = (double) LARGEST / Math.max(picture.width(), picture.height());
        return scale >= 1 ? picture : Resize.toFill(picture, Math.max(1, (int) (picture.width() * scale)),
                Math.max(1, (int) (picture.height() * scale))).frames();
    }

    private static BufferedImage strip(Frames frames) {
        var image = new BufferedImage(frames.count() * frames.width(), frames.height(), BufferedImage.TYPE_INT_RGB);
        IntStream.range(0, frames.count()).forEach(f -> paint(image, frames, f, f * frames.width(), 0));
        return image;
    }

    private static void paint(BufferedImage image, Frames frames, int frame, int left, int top) {
        for (var y = 0; y < frames.height(); y++) {
            for (var x = 0; x < frames.width(); x++) {
                image.setRGB(left + x, top + y, frames.pixel(frame, x, y));
            }
        }
    }

    private static byte[] encoded(BufferedImage image, String format) {
        var bytes = new ByteArrayOutputStream();
        try {
            ImageIO.write(image, format, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }
}
