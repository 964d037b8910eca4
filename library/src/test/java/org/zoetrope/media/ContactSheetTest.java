package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContactSheetTest {
    @TempDir
    private Path folder;

    /// Four of seven frames are 0, 2, 4 and 6; between them and around them lie four pixels of paper.
    @Test
    void framesAreSpreadFromTheFirstToTheLast() {
        var clip = Frames.paint(10, 6, 8, 7, (f, _, _) -> f * 0x101010);
        var sheet = ContactSheet.strip(List.of(clip), new ContactSheet.Layout(4, 2));
        assertThat(sheet).hasToString("Frames[100 x 20, 1 frames, 1.0 fps]");
        for (var i = 0; i < 4; i++) {
            assertThat(sheet.pixel(0, 4 + i * 24, 4)).isEqualTo(2 * i * 0x101010);
            assertThat(sheet.pixel(0, 4 + i * 24 + 19, 15)).isEqualTo(2 * i * 0x101010);
            assertThat(sheet.pixel(0, 4 + i * 24 + 20, 10)).isEqualTo(0xffffff);
        }
    }

    @Test
    void captionsStandAboveTheirRowsAndLongOnesAreBroken() {
        var clip = Frames.paint(16, 16, 8, 8, (_, _, _) -> 0x2060c0);
        var bare = ContactSheet.strip(List.of(clip, clip), ContactSheet.Layout.defaults());
        var sheet = ContactSheet.strip(List.of(clip, clip),
                List.of("a red disc", "a yellow square moves down while the blue ground stays where it is"),
                ContactSheet.Layout.defaults());
        assertThat(sheet.width()).isEqualTo(bare.width());
        var line = (sheet.height() - bare.height()) / 4.0; // one line and three
        assertThat(line).isBetween(8.0, 30.0);
        var ink = 0;
        for (var x = 0; x < sheet.width(); x++) {
            for (var y = 4; y < 4 + line; y++) {
                ink += (sheet.pixel(0, x, (int) y) & 0xff) < 128 ? 1 : 0;
            }
        }
        assertThat(ink).isBetween(30, 600);
    }

    @Test
    void aSheetIsWrittenAsPng() {
        var clip = Clips.shapes(32, 24, 9, 8);
        var file = folder.resolve("sheet.png");
        ContactSheet.write(List.of(clip), List.of("shapes"), new ContactSheet.Layout(5, 1), file);
        assertThat(ImageFile.read(file).width()).isEqualTo(4 + 5 * 36);
    }

    @Test
    void everyClipNeedsItsCaption() {
        var clip = Clips.shapes(8, 8, 2, 8);
        var layout = ContactSheet.Layout.defaults();
        assertThatThrownBy(() -> ContactSheet.strip(List.of(clip, clip), List.of("one"), layout))
                .isInstanceOf(MediaException.class).hasMessageContaining("2 clips and 1 captions");
        assertThatThrownBy(() -> ContactSheet.strip(List.of(), ContactSheet.Layout.defaults()))
                .isInstanceOf(MediaException.class);
    }
}
