package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class SideBySideTest {
    private static final Frames LEFT = Frames.paint(4, 6, 8, 2, (f, x, y) -> f << 16 | x << 8 | y);
    private static final Frames RIGHT = Frames.paint(3, 6, 8, 2, (f, x, y) -> 0x800000 | f << 16 | x << 8 | y);

    @Test
    void everyPixelIsWhereItWas() {
        var both = SideBySide.of(LEFT, RIGHT);
        assertThat(both.width()).isEqualTo(7);
        assertThat(both.pixel(1, 3, 5)).isEqualTo(LEFT.pixel(1, 3, 5));
        assertThat(both.pixel(1, 4, 0)).isEqualTo(RIGHT.pixel(1, 0, 0));
        assertThat(both.pixel(0, 6, 5)).isEqualTo(RIGHT.pixel(0, 2, 5));
    }

    @Test
    void clipsOfUnlikeLengthAreRefused() {
        assertThatThrownBy(() -> SideBySide.of(LEFT, RIGHT.slice(0, 1))).isInstanceOf(MediaException.class);
    }
}
