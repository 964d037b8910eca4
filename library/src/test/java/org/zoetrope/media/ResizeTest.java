package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ResizeTest {
    private static Frames numbered(int count, double fps) {
        return Frames.paint(2, 2, fps, count, (f, _, _) -> f);
    }

    /// Keys' kernel through four neighbours: half way between two pixels it weighs them 9/16 and their neighbours -1/16.
    @Test
    void theCubicKernelOvershootsAtAnEdge() {
        var step = Frames.paint(8, 1, 8, 1, (_, x, _) -> x < 4 ? 0x404040 : 0xc0c0c0);
        var wide = Resize.scaled(step, 16, 1, Resize.Kernel.CUBIC).frames();
        assertThat(wide.pixel(0, 2, 0)).isEqualTo(0x404040);
        assertThat(wide.pixel(0, 13, 0)).isEqualTo(0xc0c0c0);
        assertThat(wide.pixel(0, 6, 0) & 0xff).isLessThan(0x40);
        assertThat(wide.pixel(0, 9, 0) & 0xff).isGreaterThan(0xc0);
        var narrow = Resize.scaled(step, 4, 1, Resize.Kernel.CUBIC).frames(); // weights 1.75 pixels away are below zero
        assertThat(narrow.pixel(0, 0, 0) & 0xff).isBetween(0x38, 0x3f);
        assertThat(narrow.pixel(0, 3, 0) & 0xff).isBetween(0xc1, 0xc8);
        assertThat(Resize.scaled(step, 8, 1, Resize.Kernel.CUBIC).changes()).isEmpty();
    }

    @Test
    void aCropIsTheMiddle() {
        var clip = Frames.paint(7, 5, 8, 2, (f, x, y) -> f << 16 | x << 8 | y);
        var cut = Resize.cropped(clip, 4, 2);
        assertThat(cut.frames().pixel(1, 0, 0)).isEqualTo(0x010101);
        assertThat(cut.frames().pixel(0, 3, 1)).isEqualTo(0x000402);
        assertThat(cut.changes()).containsExactly("cropped 7 x 5 to its middle 4 x 2");
        assertThatThrownBy(() -> Resize.cropped(clip, 8, 2)).isInstanceOf(MediaException.class)
                .hasMessageContaining("7 x 5 cannot be cropped to 8 x 2");
    }

    /// Halving averages the input with weights 1 3 3 1 over 8, the triangle of reach 2 at the pixel centres.
    @Test
    void halvingIsTheAntialiasedTriangle() {
        var clip = Frames.paint(8, 1, 8, 1, (_, x, _) -> new int[] {0, 0, 0, 80, 240, 0, 0, 0}[x] * 0x010101);
        var half = Resize.scaled(clip, 4, 1).frames();
        assertThat(half.pixel(0, 1, 0) & 0xff).isEqualTo((3 * 80 + 240) / 8);
        assertThat(half.pixel(0, 2, 0) & 0xff).isEqualTo((80 + 3 * 240) / 8);
    }

    /// Doubling puts samples a quarter of a pixel beside the old ones.
    @Test
    void doublingInterpolatesBetweenPixelCentres() {
        var clip = Frames.paint(2, 1, 8, 1, (_, x, _) -> (x == 0 ? 0 : 200) * 0x010101);
        var twice = Resize.scaled(clip, 4, 1).frames();
        assertThat(twice.images().getFirst()).containsExactly(0, 0, 0, 50, 50, 50, (byte) 150, (byte) 150, (byte) 150,
                (byte) 200, (byte) 200, (byte) 200);
    }

    @Test
    void aFlatColourStaysFlatAtEverySize() {
        var clip = Frames.paint(13, 11, 8, 1, (_, _, _) -> 0xE7B321);
        for (var size : new int[] {1, 2, 5, 12, 13, 14, 40}) {
            var scaled = Resize.scaled(clip, size, size + 3).frames();
            for (var y = 0; y < size + 3; y++) {
                for (var x = 0; x < size; x++) {
                    assertThat(scaled.pixel(0, x, y)).isEqualTo(0xE7B321);
                }
            }
        }
    }

    /// A checkerboard of single pixels is grey from afar; without antialiasing it would be black, white or stripes.
    @Test
    void detailTooFineForTheNewSizeIsAveraged() {
        var clip = Frames.paint(96, 96, 8, 1, (_, x, y) -> (x + y) % 2 * 0xffffff);
        var small = Resize.scaled(clip, 20, 20).frames();
        for (var y = 1; y < 19; y++) {
            for (var x = 1; x < 19; x++) {
                assertThat(small.pixel(0, x, y) & 0xff).isBetween(120, 135);
            }
        }
    }

    @Test
    void fillingCutsTheLongSideAndTellsBothSteps() {
        var clip = Clips.drifting(64, 36, 3, 8);
        var fill = Resize.toFill(clip, 32, 32);
        assertThat(fill.frames().width()).isEqualTo(32);
        assertThat(fill.frames().height()).isEqualTo(32);
        assertThat(fill.changes()).containsExactly("cropped 64 x 36 to its middle 36 x 36",
                "scaled 36 x 36 to 32 x 32");
        assertThat(Resize.toFill(clip, 64, 36).changes()).isEmpty();
        assertThat(Resize.toFill(clip, 64, 36).frames()).isSameAs(clip);
    }

    @Test
    void halfTheRateShowsEverySecondFrame() {
        var slow = Resize.atRate(numbered(8, 16), 8);
        assertThat(slow.frames().count()).isEqualTo(4);
        assertThat(slow.frames().fps()).isEqualTo(8);
        for (var i = 0; i < 4; i++) {
            assertThat(slow.frames().pixel(i, 0, 0)).isEqualTo(2 * i + 1); // in the middle of 2i/16 .. 2(i+1)/16
        }
        assertThat(slow.changes()).containsExactly("8 frames at 16 fps became 4 frames at 8 fps");
    }

    @Test
    void aHigherRateRepeatsFramesAndKeepsTheDuration() {
        var fast = Resize.atRate(numbered(4, 8), 20).frames();
        assertThat(fast.duration()).isEqualTo(0.5);
        assertThat(fast.count()).isEqualTo(10);
        var seen = new int[10];
        for (var i = 0; i < 10; i++) {
            seen[i] = fast.pixel(i, 0, 0);
        }
        assertThat(seen).containsExactly(0, 0, 1, 1, 1, 2, 2, 3, 3, 3);
    }

    @Test
    void aClipThatIsTooShortIsRefused() {
        assertThat(Resize.firstFrames(numbered(20, 8), 17).changes()).containsExactly("kept the first 17 of 20 frames");
        assertThatThrownBy(() -> Resize.firstFrames(numbered(16, 8), 17)).isInstanceOf(MediaException.class)
                .hasMessageContaining("17 frames are wanted, the clip has 16 (2 seconds at 8 fps)");
    }

    @Test
    void aModelsInputIsThreeStepsAndThreeSentences() {
        var result = Resize.toFill(Clips.drifting(40, 40, 30, 24), 32, 32)
                .then(f -> Resize.atRate(f, 8)).then(f -> Resize.firstFrames(f, 9));
        assertThat(result.frames()).hasToString("Frames[32 x 32, 9 frames, 8.0 fps]");
        assertThat(result.changes()).hasSize(3);
    }
}
