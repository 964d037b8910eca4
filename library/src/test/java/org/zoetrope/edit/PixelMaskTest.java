package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.Geometry;
import org.zoetrope.pipeline.RequestException;

class PixelMaskTest {
    private static final Geometry BY_EIGHT_AND_FOUR = new Geometry(8, 4, 2, 1, 6, 32, true, false, false);
    private static final ClipFit NINE_FRAMES = new ClipFit(32, 16, 9, List.of());

    private static List<Integer> cells(LatentMask mask, int frame) {
        var inside = mask.cells().get(frame);
        return IntStream.range(0, inside.length).filter(at -> inside[at]).boxed().toList();
    }

    /// Every cell that the mask touches belongs to the edit.
    @Test
    void aBoxCoversTheCellsItTouches() {
        var mask = PixelMask.box(7, 0, 2, 8, 32, 16, false).latent(NINE_FRAMES, BY_EIGHT_AND_FOUR);
        assertThat(mask.frames()).isEqualTo(3);
        for (var f = 0; f < 3; f++) {
            assertThat(cells(mask, f)).containsExactly(0, 1);
        }
    }

    /// Latent frame 0 is frame 0, latent frame f the frames 4 f - 3 to 4 f: what is marked in one of them is marked.
    @Test
    void aLatentFrameIsTheUnionOfItsFrames() {
        var moving = PixelMask.of(Frames.paint(32, 16, 8, 9, (f, x, y) -> y < 8 && x / 8 == f / 3 ? 0xffffff : 0), false)
                .latent(NINE_FRAMES, BY_EIGHT_AND_FOUR);
        assertThat(cells(moving, 0)).containsExactly(0);
        assertThat(cells(moving, 1)).containsExactly(0, 1);
        assertThat(cells(moving, 2)).containsExactly(1, 2);
    }

    /// A protected object is protected in every frame of a group; a cell that is half object or less may change.
    @Test
    void aProtectingMaskLeavesTheCellsThatAreFreeInAllFrames() {
        var moving = PixelMask.of(Frames.paint(32, 16, 8, 9, (f, x, y) -> y < 8 && x / 8 == f / 3 ? 0xffffff : 0), true)
                .latent(NINE_FRAMES, BY_EIGHT_AND_FOUR);
        assertThat(cells(moving, 1)).containsExactly(2, 3, 4, 5, 6, 7);
        var half = PixelMask.box(0, 0, 4, 8, 32, 16, true).latent(NINE_FRAMES, BY_EIGHT_AND_FOUR);
        assertThat(cells(half, 0)).contains(0);
        var most = PixelMask.box(0, 0, 5, 8, 32, 16, true).latent(NINE_FRAMES, BY_EIGHT_AND_FOUR);
        assertThat(cells(most, 0)).doesNotContain(0);
    }

    @Test
    void whatTwoClipsDifferInIsAMask() {
        var before = Frames.paint(32, 16, 8, 9, (f, x, y) -> x * y);
        var after = Frames.paint(32, 16, 8, 9, (f, x, y) -> f == 1 && x == 20 && y == 3 ? 0xff0000 : x * y);
        var mask = PixelMask.changed(before, after).latent(NINE_FRAMES, BY_EIGHT_AND_FOUR);
        assertThat(cells(mask, 0)).isEmpty();
        assertThat(cells(mask, 1)).containsExactly(2);
        assertThat(cells(mask, 2)).isEmpty();
    }

    @Test
    void aMaskIsScaledWithItsClip() {
        var mask = PixelMask.box(32, 0, 32, 32, 64, 32, false).latent(NINE_FRAMES, BY_EIGHT_AND_FOUR);
        assertThat(cells(mask, 2)).contains(2, 3, 6, 7).doesNotContain(0, 4);
    }

    /// Padding in front belongs to the first frame.
    @Test
    void paddingHasTheMaskOfTheFirstFrame() {
        var paired = new Geometry(8, 4, 2, 2, 6, 32, true, false, false);
        var mask = PixelMask.of(Frames.paint(32, 16, 8, 9, (f, x, _) -> x < 8 && f == 0 ? 0xffffff : 0), false)
                .latent(NINE_FRAMES, paired);
        assertThat(mask.frames()).isEqualTo(4);
        assertThat(cells(mask, 0)).containsExactly(0, 4);
        assertThat(cells(mask, 1)).containsExactly(0, 4);
        assertThat(cells(mask, 2)).isEmpty();
    }

    @Test
    void aBoxOutsideTheVideoIsRefused() {
        assertThatThrownBy(() -> PixelMask.box(20, 0, 20, 4, 32, 16, false)).isInstanceOf(RequestException.class)
                .hasMessageContaining("20,0,20,4 reaches outside the video of 32 x 16");
    }
}
