package org.zoetrope.server;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import org.zoetrope.media.Frames;

/// A clip on its way from one process to another: its pixels and no code to unpack them, so that who reads it trusts
/// nobody. The file is width, height, count as integers, the rate as a double, and then the images.
final class RawClip {
    private static final int HEADER = 3 * Integer.BYTES + Double.BYTES;

    private RawClip() {}

    static void write(Frames frames, Path file) throws IOException {
        try (var out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)))) {
            out.writeInt(frames.width());
            out.writeInt(frames.height());
            out.writeInt(frames.count());
            out.writeDouble(frames.fps());
            for (var image : frames.images()) {
                out.write(image);
            }
        }
    }

    /// @param mostBytes that the images may take
    /// @throws IOException if this is no such file, or the clip is larger
    static Frames read(Path file, long mostBytes) throws IOException {
        try (var in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
            int width = in.readInt(), height = in.readInt(), count = in.readInt();
            var fps = in.readDouble();
            var image = (long) width * height * Frames.CHANNELS;
            if (width < 1 || height < 1 || count < 1 || image > mostBytes / count || !(fps > 0)
                    || Files.size(file) != HEADER + image * count) {
                throw new IOException("no clip of %d frames of %d x %d in %d bytes".formatted(count, width, height,
                        Files.size(file)));
            }
            var images = new ArrayList<byte[]>(count);
            for (var i = 0; i < count; i++) {
                images.add(in.readNBytes((int) image));
            }
            return new Frames(width, height, fps, images);
        }
    }
}
