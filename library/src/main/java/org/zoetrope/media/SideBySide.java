package org.zoetrope.media;

import java.util.ArrayList;

/// Two clips beside each other, for comparing them frame by frame.
public final class SideBySide {
    private SideBySide() {}

    /// @return a clip as wide as both, at the rate of the left one
    /// @throws MediaException if the clips differ in height or length
    public static Frames of(Frames left, Frames right) {
        if (left.height() != right.height() || left.count() != right.count()) {
            throw new MediaException("clips beside each other need one height and length, found %s and %s".formatted(left,
                    right));
        }
        int row = left.width() * Frames.CHANNELS, other = right.width() * Frames.CHANNELS;
        var images = new ArrayList<byte[]>();
        for (var f = 0; f < left.count(); f++) {
            var image = new byte[left.height() * (row + other)];
            for (var y = 0; y < left.height(); y++) {
                System.arraycopy(left.images().get(f), y * row, image, y * (row + other), row);
                System.arraycopy(right.images().get(f), y * other, image, y * (row + other) + row, other);
            }
            images.add(image);
        }
        return new Frames(left.width() + right.width(), left.height(), left.fps(), images);
    }
}
