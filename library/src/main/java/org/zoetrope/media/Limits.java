package org.zoetrope.media;

import java.time.Duration;

/// How much a file may ask for before it is decoded; a file that asks for more is refused with the number it exceeds.
///
/// @param bytes        size of the file
/// @param pixels       width times height of a frame
/// @param frames       frames of the clip
/// @param duration     length of the clip
/// @param decodedBytes memory of the decoded clip, 3 bytes a pixel
public record Limits(long bytes, long pixels, int frames, Duration duration, long decodedBytes) {
    private static final Limits DEFAULTS =
            new Limits(1L << 30, 4096L * 2304, 10_000, Duration.ofMinutes(10), 4L << 30);

    public Limits {
        if (bytes < 1 || pixels < 1 || frames < 1 || duration.isNegative() || duration.isZero() || decodedBytes < 1) {
            throw new MediaException(("limits must be positive, found %d bytes, %d pixels, %d frames, %s, "
                    + "%d decoded bytes").formatted(bytes, pixels, frames, duration, decodedBytes));
        }
    }

    /// 1 GiB, 4096 x 2304 pixels, 10 000 frames, 10 minutes, 4 GiB decoded.
    public static Limits defaults() {
        return DEFAULTS;
    }

    /// For a clip that is edited as a whole: 1000 frames, 2 minutes, and the defaults for the rest.
    public static Limits ofEdits() {
        return DEFAULTS.withFrames(1000).withDuration(Duration.ofMinutes(2));
    }

    public Limits withBytes(long n) {
        return new Limits(n, pixels, frames, duration, decodedBytes);
    }

    public Limits withPixels(long n) {
        return new Limits(bytes, n, frames, duration, decodedBytes);
    }

    public Limits withFrames(int n) {
        return new Limits(bytes, pixels, n, duration, decodedBytes);
    }

    public Limits withDuration(Duration longest) {
        return new Limits(bytes, pixels, frames, longest, decodedBytes);
    }

    public Limits withDecodedBytes(long n) {
        return new Limits(bytes, pixels, frames, duration, n);
    }
}
