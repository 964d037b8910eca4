package org.zoetrope.media;

import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageInputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/// Single pictures: PNG and JPEG (also BMP and GIF's first picture) through ImageIO.
///
/// Alpha is dropped, as `convert("RGB")` does in Python. A camera's rotation note (EXIF orientation) is not applied.
public final class ImageFile {
    /// PNG keyword of our comment, and of the rate of a sequence.
    static final String COMMENT = "Comment";
    static final String RATE = "fps";

    private ImageFile() {}

    /// Reads one picture as a clip of one frame.
    ///
    /// @throws MediaException if the file is no picture, is damaged, or exceeds a limit
    public static Frames read(Path file, Limits limits) {
        return read(file, bytes(file, limits), limits);
    }

    /// Reads one picture as a clip of one frame, within `Limits.defaults()`.
    public static Frames read(Path file) {
        return read(file, Limits.defaults());
    }

    /// Reads pictures of one size as a clip.
    ///
    /// @throws MediaException if a picture cannot be read or differs in size
    public static Frames read(List<Path> files, double fps, Limits limits) {
        if (files.isEmpty()) {
            throw new MediaException("a clip needs at least one picture, found none");
        }
        var images = new ArrayList<byte[]>();
        int width = 0, height = 0;
        for (var file : files) {
            FileDoor.notInterrupted("reading", file);
            var picture = read(file, limits);
            if (images.isEmpty()) {
                width = picture.width();
                height = picture.height();
                FileDoor.frames(file, width, height, files.size(), limits);
            } else if (picture.width() != width || picture.height() != height) {
                throw new MediaException("%s is %d x %d, the pictures before it are %d x %d; give pictures of one size"
                        .formatted(file, picture.width(), picture.height(), width, height));
            }
            images.add(picture.images().getFirst());
        }
        return new Frames(width, height, fps, images);
    }

    static byte[] bytes(Path file, Limits limits) {
        FileDoor.readable(file, limits);
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new MediaException("cannot read %s: %s".formatted(file, e.getMessage()), e);
        }
    }

    private static Frames read(Path file, byte[] bytes, Limits limits) {
        try (var in = new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes))) {
            var readers = ImageIO.getImageReaders(in);
            if (!readers.hasNext()) {
                throw new MediaException("%s is not a picture that can be read: it begins with %s; give a PNG or a JPEG"
                        .formatted(file, FileDoor.beginning(file)));
            }
            var reader = readers.next();
            try {
                reader.setInput(in, true, true);
                FileDoor.size(file, reader.getWidth(0), reader.getHeight(0), limits);
                var image = reader.read(0);
                return Frames.picture(image.getWidth(), image.getHeight(), rgb(image));
            } finally {
                reader.dispose();
            }
        } catch (IOException | RuntimeException e) {
            if (e instanceof MediaException known) {
                throw known;
            }
            throw new MediaException("%s is a damaged or incomplete picture: %s".formatted(file, e.getMessage()), e);
        }
    }

    /// What a PNG says about itself.
    static MediaInfo inspect(Path file, Limits limits) {
        var bytes = bytes(file, limits);
        var picture = read(file, bytes, limits);
        var texts = PngText.read(bytes);
        var extension = FileDoor.extension(file).equals("jpeg") ? "jpg" : FileDoor.extension(file);
        return new MediaInfo(file, extension, extension, picture.width(), picture.height(), 1, 1, 1, false,
                Optional.ofNullable(texts.get(COMMENT)));
    }

    /// [H, W, 3] of an AWT image.
    static byte[] rgb(BufferedImage image) {
        int width = image.getWidth(), height = image.getHeight();
        var out = new byte[width * height * Frames.CHANNELS];
        var grey = image.getRaster().getNumBands() <= 2
                && image.getColorModel().getColorSpace().getNumComponents() == 1;
        // AWT takes grey for linear light and would brighten it: level 128 would come out as 188.
        var shift = grey ? Math.max(0, image.getColorModel().getComponentSize(0) - 8) : 0;
        for (int y = 0, at = 0; y < height; y++) {
            for (var x = 0; x < width; x++, at += Frames.CHANNELS) {
                var rgb = grey ? (image.getRaster().getSample(x, y, 0) >> shift) * 0x010101 : image.getRGB(x, y);
                out[at] = (byte) (rgb >> 16);
                out[at + 1] = (byte) (rgb >> 8);
                out[at + 2] = (byte) rgb;
            }
        }
        return out;
    }

    /// An AWT image of [H, W, 3].
    static BufferedImage image(byte[] rgb, int width, int height) {
        var image = new BufferedImage(width, height, BufferedImage.TYPE_3BYTE_BGR);
        var pixels = ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
        for (var at = 0; at < rgb.length; at += Frames.CHANNELS) {
            pixels[at] = rgb[at + 2];
            pixels[at + 1] = rgb[at + 1];
            pixels[at + 2] = rgb[at];
        }
        return image;
    }

    static byte[] png(BufferedImage image) {
        var out = new ByteArrayOutputStream();
        try (var stream = new MemoryCacheImageOutputStream(out)) {
            ImageIO.write(image, "png", stream);
        } catch (IOException e) {
            throw new MediaException("cannot encode a PNG of %d x %d: %s".formatted(
                    image.getWidth(), image.getHeight(), e.getMessage()), e);
        }
        return out.toByteArray();
    }
}
