package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

class FramesTest {
    @Test
    void aTensorAndBackIsTheIdentityForEveryByte() {
        var clip = Frames.paint(16, 16, 8, 3, (f, x, y) -> (y * 16 + x) << 16 | (255 - y * 16 - x) << 8 | f * 100);
        try (var _ = Scope.open()) {
            var video = clip.toTensor();
            assertThat(video.shape()).containsExactly(1, 3, 3, 16, 16);
            var back = Frames.of(video, 8);
            for (var f = 0; f < 3; f++) {
                assertThat(back.images().get(f)).isEqualTo(clip.images().get(f));
            }
        }
    }

    @Test
    void aTensorHoldsColoursFromMinusOneToOneChannelsFirst() {
        var clip = new Frames(2, 1, 8, List.of(new byte[] {(byte) 255, 0, 51, 0, (byte) 255, 102}));
        try (var _ = Scope.open()) {
            assertThat(clip.toTensor().toFloats()).containsExactly(1, -1, -1, 1, 51 / 127.5f - 1, 102 / 127.5f - 1);
        }
    }

    /// 0.5 of a level rounds to the even neighbour, as torch.round does: 2.5 becomes 2.
    @Test
    void valuesAreClampedAndRoundedToEven() {
        try (var _ = Scope.open()) {
            var video = Tensor.of(new float[] {-7, 9, 2 * (2.5f / 255) - 1}, 1, 3, 1, 1, 1);
            assertThat(Frames.of(video, 8).images().getFirst()).containsExactly(0, 255, 2);
        }
    }

    @Test
    void aValueThatIsNotANumberIsNamedWithItsPlace() {
        try (var _ = Scope.open()) {
            var video = Tensor.of(new float[] {0, 0, 0, 0, 0, Float.NaN}, 1, 3, 1, 1, 2);
            assertThatThrownBy(() -> Frames.of(video, 8)).isInstanceOf(MediaException.class)
                    .hasMessageContaining("frame 0, channel 2, row 0, column 1");
            assertThatThrownBy(() -> Frames.of(Tensor.zeros(3, 4, 4), 8)).isInstanceOf(MediaException.class)
                    .hasMessageContaining("[1, 3, F, H, W], found [3, 4, 4]");
        }
    }

    @Test
    void aPixelIsReadAsRgb() {
        var clip = Frames.paint(3, 2, 8, 2, (f, x, y) -> f << 16 | x << 8 | y);
        assertThat(clip.pixel(1, 2, 1)).isEqualTo(0x010201);
        assertThatThrownBy(() -> clip.pixel(0, 3, 0)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void whatIsNotAClipIsRefusedInWords() {
        assertThatThrownBy(() -> new Frames(2, 2, 8, List.of(new byte[12], new byte[11])))
                .isInstanceOf(MediaException.class).hasMessage("frame 1 of 2 holds 11 bytes; 2 x 2 RGB pixels take 12");
        assertThatThrownBy(() -> new Frames(2, 2, 0, List.of(new byte[12]))).hasMessageContaining("frames per second");
        assertThatThrownBy(() -> new Frames(0, 2, 8, List.of(new byte[0]))).hasMessageContaining("0 x 2");
        assertThatThrownBy(() -> new Frames(2, 2, 8, List.of())).hasMessageContaining("at least one frame");
    }

    @Test
    void durationCountsEveryFrame() {
        assertThat(Frames.paint(1, 1, 8, 17, (_, _, _) -> 0).duration()).isEqualTo(2.125);
    }

    @Test
    void aSliceKeepsOrderAndRate() {
        var clip = Frames.paint(1, 1, 8, 5, (f, _, _) -> f);
        var middle = clip.slice(1, 4);
        assertThat(middle.count()).isEqualTo(3);
        assertThat(middle.pixel(0, 0, 0)).isEqualTo(1);
        assertThat(middle.fps()).isEqualTo(8);
        assertThatThrownBy(() -> clip.slice(3, 6)).isInstanceOf(MediaException.class).hasMessageContaining("clip of 5");
    }
}
