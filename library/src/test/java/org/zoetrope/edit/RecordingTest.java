package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.zoetrope.pipeline.Geometry;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;

class RecordingTest {
    private static final Geometry SMALL = new Geometry(4, 4, 2, 1, 6, 256, false, false, false);
    private static final Geometry LARGE = new Geometry(8, 4, 2, 1, 30, 1920, true, false, false); // CogVideoX-2B

    @Test
    void allIsKeptWhereThatIsLittle() {
        var recording = Recording.of(SMALL, 320, 1, DType.FLOAT32, Device.CPU);
        assertThat(recording).isEqualTo(new Recording(320L * 256 * 20 * 6 * 4, false));
        assertThat(Recording.of(SMALL, 320, 3, DType.FLOAT32, Device.CPU).bytes()).isEqualTo(3 * recording.bytes());
    }

    @Test
    void whereItIsMuchOneBlockIsKeptAndWhatEntersTheOthers() {
        var tokens = 226 + 5 * 16 * 16;
        var recording = Recording.of(LARGE, tokens, 1, DType.FLOAT32, Device.CPU);
        assertThat(recording).isEqualTo(new Recording((20 + 30) * 4L * tokens * 1920, true));
    }

    /// As measured through one block of CogVideoX-2B: 223 MB at 1,506 tokens, 799 MB at 3,072.
    @Test
    void inHalfPrecisionScoresAreKeptToo() {
        var block = new Geometry(8, 4, 2, 1, 1, 1920, true, false, false);
        assertThat(Recording.of(block, 1_506, 1, DType.BFLOAT16, Device.CPU).bytes()).isBetween(223_000_000L, 260_000_000L);
        assertThat(Recording.of(block, 17_776, 1, DType.BFLOAT16, Device.CPU).bytes()).isEqualTo(28L * 17_776 * 1920 * 2);
        assertThat(Recording.of(block, 1_506, 1, DType.BFLOAT16, new Device(Device.Kind.CUDA, 0)).bytes()).isEqualTo(20L * 1_506 * 1920 * 2);
    }
}
