package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SoundTrackTest {
    @TempDir Path folder;

    private Path tone(double seconds) throws IOException {
        var samples = (int) (8000 * seconds);
        var wav = ByteBuffer.allocate(44 + 2 * samples).order(ByteOrder.LITTLE_ENDIAN);
        wav.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(36 + 2 * samples);
        wav.put("WAVEfmt ".getBytes(StandardCharsets.US_ASCII)).putInt(16).putShort((short) 1).putShort((short) 1);
        wav.putInt(8000).putInt(16000).putShort((short) 2).putShort((short) 16);
        wav.put("data".getBytes(StandardCharsets.US_ASCII)).putInt(2 * samples);
        for (var i = 0; i < samples; i++) {
            wav.putShort((short) (8000 * Math.sin(i * 0.3)));
        }
        return Files.write(folder.resolve("tone-%s.wav".formatted(seconds)), wav.array());
    }

    private Path clip(String name) {
        var file = folder.resolve(name);
        VideoWriter.write(Clips.drifting(32, 32, 9, 8), file, VideoWriter.Options.defaults().withComment("how"));
        return file;
    }

    @Test
    void soundIsCarriedOverAndPicturesStayAsTheyAre() throws IOException {
        var clip = clip("clip.mkv");
        assertThat(SoundTrack.isIn(clip)).isFalse();
        var before = VideoReader.read(clip);
        SoundTrack.carry(tone(3), clip);
        assertThat(SoundTrack.isIn(clip)).isTrue();
        var after = VideoReader.read(clip);
        assertThat(after.fps()).isEqualTo(8);
        assertThat(after.images()).usingElementComparator(Arrays::compare).isEqualTo(before.images());
        var info = MediaFile.inspect(clip);
        assertThat(info.comment()).hasValue("how");
        // From one video to the next.
        var other = clip("other.mkv");
        SoundTrack.carry(clip, other);
        assertThat(SoundTrack.isIn(other)).isTrue();
    }

    @Test
    void withoutSoundThereIsNothingToCarry() {
        var clip = clip("clip.mkv");
        var silent = clip("silent.mkv");
        assertThatThrownBy(() -> SoundTrack.carry(silent, clip)).isInstanceOf(MediaException.class)
                .hasMessageContaining("no sound");
        assertThat(VideoReader.read(clip).count()).isEqualTo(9);
    }

    @Test
    void containersThatCannotHoldItAreNamed() throws IOException {
        var tone = tone(1);
        var gif = clip("clip.gif");
        assertThat(SoundTrack.isIn(gif)).isFalse();
        assertThatThrownBy(() -> SoundTrack.carry(tone, gif)).hasMessageContaining("write .mp4, .webm or .mkv");
        var webm = clip("clip.webm");
        assertThatThrownBy(() -> SoundTrack.carry(tone, webm)).hasMessageContaining(".mkv, which holds any");
        assertThat(VideoReader.read(webm).count()).isEqualTo(9);
    }
}
