package org.zoetrope.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.zoetrope.media.Frames;
import org.zoetrope.media.MediaException;
import org.zoetrope.scenes.Scene;
import org.zoetrope.scenes.Split;
import org.zoetrope.scenes.SplitMix64;

class ClipDistanceTest {
    private final Frames clip = Scene.draw(3, Split.TRAIN).render();

    @Test
    void equalClipsAreAsNearAsCanBe() {
        assertEquals(Double.POSITIVE_INFINITY, Psnr.of(clip, clip));
        assertEquals(1, Ssim.of(clip, clip), 1e-12);
    }

    /// A constant offset of d has mean squared error d^2: 20 log10(255 / 10) = 28.13 dB.
    @Test
    void anOffsetHasTheSignalToNoiseRatioOfItsSquare() {
        assertEquals(20 * Math.log10(25.5), Psnr.of(gray(100), gray(110)), 1e-9);
        assertEquals(0, Psnr.of(gray(0), gray(255)), 1e-9);
    }

    /// Without structure only the first factor of equation 13 is left.
    @Test
    void flatPicturesDifferByTheirMeansAlone() {
        var c1 = 0.01 * 255 * 0.01 * 255;
        var expected = (2 * 100 * 150 + c1) / (100 * 100 + 150 * 150 + c1);
        assertEquals(expected, Ssim.of(gray(100), gray(150)), 1e-9);
    }

    /// A checkerboard and its negative have the same mean and opposite structure.
    @Test
    void aNegativeIsLessThanUnrelated() {
        var board = Frames.paint(16, 16, 8, 1, (_, x, y) -> (x + y) % 2 == 0 ? 0xffffff : 0);
        var negative = Frames.paint(16, 16, 8, 1, (_, x, y) -> (x + y) % 2 == 0 ? 0 : 0xffffff);
        assertTrue(Ssim.of(board, negative) < -0.99);
    }

    @Test
    void bothFallAsAClipGetsWorse() {
        var once = JudgeTest.degraded(clip, new SplitMix64(1));
        var twice = JudgeTest.degraded(once, new SplitMix64(2));
        assertTrue(Psnr.of(clip, once) > Psnr.of(clip, twice));
        assertTrue(Ssim.of(clip, once) > Ssim.of(clip, twice));
    }

    @Test
    void flickerIsTheBendInTime() {
        assertEquals(0, Flicker.of(gray(70)));
        assertEquals(0, Flicker.of(Frames.paint(8, 8, 8, 5, (f, _, _) -> 0x010101 * 10 * f))); // an even fade
        assertEquals(40, Flicker.of(Frames.paint(8, 8, 8, 5, (f, _, _) -> 0x010101 * 20 * (f % 2))));
        assertTrue(Flicker.of(JudgeTest.degraded(clip, new SplitMix64(1))) > Flicker.of(clip));
    }

    @Test
    void clipsOfDifferentSizeAreRefused() {
        var wrong = assertThrows(MediaException.class, () -> Psnr.of(gray(1), gray(1).slice(0, 2)));
        assertTrue(String.valueOf(wrong.getMessage()).contains("same size and length"));
        assertThrows(MediaException.class, () -> Ssim.of(gray(1), clip));
        assertThrows(MediaException.class, () -> Flicker.of(gray(1).slice(0, 2)));
    }

    private static Frames gray(int level) {
        return Frames.paint(16, 16, 8, 4, (_, _, _) -> 0x010101 * level);
    }
}
