package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TimelineTest {
    private static final double MILLISECOND = 0.001;

    @TempDir
    private Path folder;

    private static double[] rounded(int count, double fps, double tick) {
        var times = new double[count];
        for (var i = 0; i < count; i++) {
            times[i] = Math.rint(i / fps / tick) * tick;
        }
        return times;
    }

    @Test
    void aRateIsSeenThroughAContainersRounding() {
        assertThat(Timeline.of(rounded(17, 8, 0.01), 0.01, 0, 0.12).fps()).isEqualTo(8);
        assertThat(Timeline.of(rounded(49, 30, MILLISECOND), MILLISECOND, 0, 0.033).fps()).isEqualTo(30);
        var film = Timeline.of(rounded(240, 24000 / 1001.0, MILLISECOND), MILLISECOND, 0, 0.042);
        assertThat(film.fps()).isCloseTo(24000 / 1001.0, within(1e-9));
        assertThat(film.variable()).isFalse();
        assertThat(film.duration()).isCloseTo(10.01, within(1e-9));
    }

    @Test
    void theDeclaredRateWinsWhereItExplainsTheTimes() {
        assertThat(Timeline.of(rounded(2, 30000 / 1001.0, MILLISECOND), MILLISECOND, 30000 / 1001.0, 0.033).fps())
                .isEqualTo(30000 / 1001.0);
        assertThat(Timeline.of(rounded(20, 10, MILLISECOND), MILLISECOND, 90000, 0.1).fps()).isEqualTo(10);
    }

    /// Shown from 0, 0.93, 1.1, 1.2 and 1.3 to 2 seconds: five frames in two seconds are 2.5 a second on average, and
    /// the middles of the output frames lie at 0.2, 0.6, 1.0, 1.4 and 1.8.
    @Test
    void aVariableRateIsReportedAndHeldOntoAConstantOne() {
        var timeline = Timeline.of(new double[] {0, 0.93, 1.1, 1.2, 1.3}, 1e-6, 0, 0.7);
        assertThat(timeline.variable()).isTrue();
        assertThat(timeline.fps()).isCloseTo(2.5, within(1e-9));
        assertThat(timeline.shown()).containsExactly(0, 0, 1, 4, 4);
    }

    @Test
    void aFrameStoredOnceAndHeldIsRepeated() {
        var timeline = Timeline.of(new double[] {0, 0.1, 0.4, 0.5}, MILLISECOND, 0, 0.2);
        assertThat(timeline.variable()).isFalse();
        assertThat(timeline.fps()).isEqualTo(10);
        assertThat(timeline.shown()).containsExactly(0, 1, 1, 1, 2, 3, 3);
        assertThat(timeline.duration()).isEqualTo(0.7);
    }

    @Test
    void oneFrameLastsAsLongAsItSays() {
        assertThat(Timeline.of(new double[] {0}, 0.01, 0, 0.125).fps()).isEqualTo(8);
        assertThat(Timeline.of(new double[] {0}, 0.01, 24, 0).fps()).isEqualTo(24);
    }

    /// The delays of a GIF are changed in the file: frame 1 now stays for seven hundredths, frame 2 for half a second.
    @Test
    void aFileOfVariableRateIsReadAtItsAverage() throws IOException {
        var clip = Frames.paint(16, 16, 10, 6, (f, x, y) -> (x + y) % 2 == 0 ? f * 0x202020 : 0x4080c0);
        var file = folder.resolve("clip.gif");
        VideoWriter.write(clip, file);
        var bytes = Files.readAllBytes(file);
        var frame = 0;
        for (var at = 0; at + 8 < bytes.length; at++) {
            if (bytes[at] == 0x21 && bytes[at + 1] == (byte) 0xf9 && bytes[at + 2] == 4) { // graphic control extension
                bytes[at + 4] = (byte) (frame == 1 ? 7 : frame == 2 ? 50 : 10);
                frame++;
            }
        }
        assertThat(frame).isEqualTo(6);
        Files.write(file, bytes);
        var info = MediaFile.inspect(file);
        assertThat(info.variableRate()).isTrue();
        assertThat(info.frameCount()).isEqualTo(6);
        assertThat(info.duration()).isCloseTo(0.97, within(1e-6));
        var back = VideoReader.read(file);
        assertThat(back.count()).isEqualTo(6);
        assertThat(back.fps()).isCloseTo(6 / 0.97, within(1e-6));
        assertThat(back.pixel(2, 0, 0)).isEqualTo(0x404040); // 0.40 s: frame 2 is on screen from 0.17 to 0.67
        assertThat(back.pixel(3, 0, 0)).isEqualTo(0x404040); // 0.57 s
    }
}
