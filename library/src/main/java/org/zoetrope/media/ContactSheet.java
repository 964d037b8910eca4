package org.zoetrope.media;

import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.GraphicsEnvironment;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Clips as rows of a picture, one frame beside the other, each row with its caption: for reports, and for looking at
/// many samples at once.
public final class ContactSheet {
    private static final int MARGIN = 4;
    private static final int LABEL = 12; // points
    private static final Color PAPER = Color.WHITE;
    private static final Color INK = new Color(0x202020);

    /// How a sheet is laid out.
    ///
    /// @param columns frames shown of each clip, spread evenly from the first to the last; shorter clips show all
    /// @param scale   size of a frame on the sheet, in whole multiples of its pixels
    public record Layout(int columns, int scale) {
        public Layout {
            if (columns < 1 || scale < 1) {
                throw new MediaException("a sheet needs at least 1 column and scale 1, found %d and %d".formatted(
                        columns, scale));
            }
        }

        /// Eight frames a row at their own size.
        public static Layout defaults() {
            return new Layout(8, 1);
        }
    }

    private ContactSheet() {}

    /// A strip of clips without captions.
    public static Frames strip(List<Frames> clips, Layout layout) {
        return strip(clips, clips.stream().map(_ -> "").toList(), layout);
    }

    /// A strip of clips: row i shows clip i under caption i. An empty caption takes no room; a long one is broken at
    /// spaces.
    ///
    /// @return one picture
    /// @throws MediaException if there is no clip, the numbers of clips and captions differ, or no font is installed
    public static Frames strip(List<Frames> clips, List<String> captions, Layout layout) {
        if (clips.isEmpty() || clips.size() != captions.size()) {
            throw new MediaException(("a sheet needs one caption for each clip and at least one clip, "
                    + "found %d clips and %d captions").formatted(clips.size(), captions.size()));
        }
        var rows = new ArrayList<Row>();
        var width = 0;
        for (var clip : clips) {
            width = Math.max(width, rowWidth(clip, layout));
        }
        var labels = captions.stream().allMatch(String::isEmpty) ? null : Labels.create();
        var height = MARGIN;
        for (var i = 0; i < clips.size(); i++) {
            var lines = labels == null || captions.get(i).isEmpty() ? List.<String>of()
                    : labels.lines(captions.get(i), width - 2 * MARGIN);
            rows.add(new Row(clips.get(i), lines));
            height += (labels == null ? 0 : lines.size() * labels.height())
                    + clips.get(i).height() * layout.scale() + MARGIN;
        }
        return paint(rows, labels, layout, width, height);
    }

    /// Writes a strip as a PNG.
    public static void write(List<Frames> clips, List<String> captions, Layout layout, Path target) {
        VideoWriter.write(strip(clips, captions, layout), target);
    }

    private record Row(Frames clip, List<String> lines) {}

    private static int rowWidth(Frames clip, Layout layout) {
        return MARGIN + Math.min(layout.columns(), clip.count()) * (clip.width() * layout.scale() + MARGIN);
    }

    private static Frames paint(List<Row> rows, @Nullable Labels labels, Layout layout, int width,
            int height) {
        var sheet = new BufferedImage(width, height, BufferedImage.TYPE_3BYTE_BGR);
        var g = sheet.createGraphics();
        try {
            g.setColor(PAPER);
            g.fillRect(0, 0, width, height);
            var top = MARGIN;
            for (var row : rows) {
                if (labels != null) {
                    labels.draw(g, row.lines(), top);
                    top += row.lines().size() * labels.height();
                }
                var clip = row.clip();
                int w = clip.width() * layout.scale(), h = clip.height() * layout.scale();
                var shown = Math.min(layout.columns(), clip.count());
                for (var i = 0; i < shown; i++) {
                    var frame = shown == 1 ? 0 : Math.round(i * (clip.count() - 1) / (float) (shown - 1));
                    g.drawImage(ImageFile.image(clip.images().get(frame), clip.width(), clip.height()),
                            MARGIN + i * (w + MARGIN), top, w, h, null);
                }
                top += h + MARGIN;
            }
        } finally {
            g.dispose();
        }
        return Frames.picture(width, height, ImageFile.rgb(sheet));
    }

    /// The captions' font and how it breaks lines.
    private record Labels(Font font, FontMetrics metrics) {
        static Labels create() {
            try {
                var families = GraphicsEnvironment.getLocalGraphicsEnvironment().getAvailableFontFamilyNames();
                if (families.length > 0) {
                    var font = new Font(Font.SANS_SERIF, Font.PLAIN, LABEL);
                    var canvas = new BufferedImage(1, 1, BufferedImage.TYPE_3BYTE_BGR).createGraphics();
                    canvas.addRenderingHints(Map.of(RenderingHints.KEY_TEXT_ANTIALIASING,
                            RenderingHints.VALUE_TEXT_ANTIALIAS_ON));
                    return new Labels(font, canvas.getFontMetrics(font));
                }
            } catch (InternalError | NullPointerException | IllegalStateException e) {
                // A system without fontconfig answers with one of these.
                throw noFont(e);
            }
            throw noFont(null);
        }

        private static MediaException noFont(@Nullable Throwable e) {
            var words = "captions need a font and none is installed"
                    + "\n  fix    install one (Debian: fontconfig and fonts-dejavu-core), or leave captions out";
            return e == null ? new MediaException(words) : new MediaException(words, e);
        }

        int height() {
            return metrics.getHeight();
        }

        List<String> lines(String caption, int width) {
            var lines = new ArrayList<String>();
            var line = new StringBuilder();
            for (var word : caption.strip().split("\\s+", -1)) {
                if (!line.isEmpty() && metrics.stringWidth(line + " " + word) > width) {
                    lines.add(line.toString());
                    line.setLength(0);
                }
                line.append(line.isEmpty() ? "" : " ").append(word);
            }
            lines.add(line.toString());
            return lines;
        }

        void draw(Graphics2D g, List<String> lines, int top) {
            g.setColor(INK);
            g.setFont(font);
            g.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
            for (var i = 0; i < lines.size(); i++) {
                g.drawString(lines.get(i), MARGIN, top + i * height() + metrics.getAscent());
            }
        }
    }
}
