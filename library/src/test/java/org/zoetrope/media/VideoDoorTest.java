package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VideoDoorTest {
    private static final Frames CLIP = Clips.drifting(64, 48, 12, 8);

    @TempDir
    private Path folder;

    private Path written(String name) {
        var file = folder.resolve(name);
        VideoWriter.write(CLIP, file);
        return file;
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> reading(Path file) {
        return reading(file, Limits.defaults());
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> reading(Path file, Limits limits) {
        return assertThatThrownBy(() -> VideoReader.read(file, limits)).isInstanceOf(MediaException.class);
    }

    @Test
    void aTextFileIsNoVideo() throws IOException {
        for (var name : new String[] {"notes.mp4", "notes.mkv", "notes.gif", "notes.webp", "notes.png", "notes"}) {
            var file = Files.writeString(folder.resolve(name), "Dear diary, today I filmed nothing.\n");
            reading(file).hasMessageContaining(name).hasMessageContaining("\"Dear diary, toda\"");
        }
    }

    @Test
    void aPlaylistIsNotFollowed() throws IOException {
        var secret = written("secret.mp4");
        var list = Files.writeString(folder.resolve("list.mp4"),
                "ffconcat version 1.0\nfile " + secret.getFileName() + "\n");
        reading(list).hasMessageContaining("not a video");
        var hls = Files.writeString(folder.resolve("hls.mp4"),
                "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.mp4\n#EXT-X-ENDLIST\n");
        reading(hls).hasMessageContaining("not a video");
    }

    @ParameterizedTest
    @ValueSource(strings = {"mp4", "mkv", "webm", "gif", "webp", "png"})
    void aTruncatedFileIsReportedWhereverItIsCut(String extension) throws IOException {
        var whole = extension.equals("png") ? folder.resolve("one.png") : written("whole." + extension);
        if (extension.equals("png")) {
            VideoWriter.write(CLIP.slice(0, 1), whole);
        }
        var bytes = Files.readAllBytes(whole);
        for (var part : new double[] {0.02, 0.3, 0.6, 0.9, 0.97}) {
            var cut = folder.resolve("cut-%s.%s".formatted(part, extension));
            Files.write(cut, Arrays.copyOf(bytes, (int) (bytes.length * part)));
            reading(cut).hasMessageContaining(cut.getFileName().toString());
        }
    }

    /// FFmpeg begins its lines with addresses in memory, which differ from run to run.
    @ParameterizedTest
    @ValueSource(strings = {"mp4", "mkv", "webm", "gif", "webp"})
    void messagesHoldNoAddresses(String extension) throws IOException {
        var bytes = Files.readAllBytes(written("addressed." + extension));
        for (var part : new double[] {0.02, 0.3, 0.6, 0.9, 0.97}) {
            var cut = Files.write(folder.resolve("part-%s.%s".formatted(part, extension)),
                    Arrays.copyOf(bytes, (int) (bytes.length * part)));
            reading(cut).satisfies(e -> assertThat(e.getMessage()).doesNotContain("0x", " @ "));
        }
    }

    @Test
    void whoSpeaksIsKeptWithoutItsAddress() throws IOException {
        var bytes = Files.readAllBytes(written("spoken.mp4"));
        reading(Files.write(folder.resolve("spoken-cut.mp4"), Arrays.copyOf(bytes, bytes.length - 40)))
                .hasMessageContaining("([h264] ");
        assertThat(Ffmpeg.withoutAddresses("[h264 @ 0x7f12a0] no frame!")).isEqualTo("[h264] no frame!");
        assertThat(Ffmpeg.withoutAddresses("[in @ 0x1] [h264 @ 000001f2] no frame!")).isEqualTo("[in] [h264] no frame!");
        assertThat(Ffmpeg.withoutAddresses("[@ 0x7f12a0] no frame!")).isEqualTo("no frame!");
        assertThat(Ffmpeg.withoutAddresses("of [1, 2] at 0x10")).isEqualTo("of [1, 2] at 0x10");
    }

    @Test
    void anMp4CutAfterItsIndexSaysThatItIsIncomplete() throws IOException {
        var bytes = Files.readAllBytes(written("whole.mp4"));
        var cut = Files.write(folder.resolve("cut.mp4"), Arrays.copyOf(bytes, bytes.length * 2 / 3));
        reading(cut).hasMessageContaining("damaged or incomplete").hasMessageContaining("fix");
    }

    @Test
    void aSoundFileHasNoVideoStream() throws IOException {
        var samples = 8000;
        var wav = ByteBuffer.allocate(44 + 2 * samples).order(ByteOrder.LITTLE_ENDIAN);
        wav.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(36 + 2 * samples);
        wav.put("WAVEfmt ".getBytes(StandardCharsets.US_ASCII)).putInt(16).putShort((short) 1).putShort((short) 1);
        wav.putInt(8000).putInt(16000).putShort((short) 2).putShort((short) 16);
        wav.put("data".getBytes(StandardCharsets.US_ASCII)).putInt(2 * samples);
        var file = Files.write(folder.resolve("tone.mp4"), wav.array());
        reading(file).hasMessageContaining("no video stream").hasMessageContaining("1 other stream");
    }

    @Test
    void whatIsNoFileIsNamed() throws IOException {
        reading(folder.resolve("none.mp4")).hasMessageContaining("no file").hasMessageContaining("none.mp4");
        reading(folder).hasMessageContaining("a folder");
        reading(Files.createFile(folder.resolve("empty.mp4"))).hasMessageContaining("is empty");
        assumeThat(Files.exists(Path.of("/dev/zero"))).isTrue();
        reading(Path.of("/dev/zero")).hasMessageContaining("a pipe or a device");
    }

    @ParameterizedTest
    @ValueSource(strings = {"mp4", "mkv", "gif", "webp", "png"})
    void everyLimitIsNamedWithItsNumberAndItsWither(String extension) {
        var file = written("clip." + extension);
        var limits = Limits.defaults();
        reading(file, limits.withBytes(99)).hasMessageContaining("99 bytes").hasMessageContaining("withBytes");
        reading(file, limits.withPixels(3071)).hasMessageContaining("64 x 48 = 3072 pixels")
                .hasMessageContaining("withPixels");
        reading(file, limits.withFrames(11)).hasMessageContaining("11 frames").hasMessageContaining("withFrames");
        reading(file, limits.withDecodedBytes(64 * 48 * 3 * 11)).hasMessageContaining("withDecodedBytes");
        if (!extension.equals("png")) {
            reading(file, limits.withDuration(Duration.ofSeconds(1))).hasMessageContaining("PT1S")
                    .hasMessageContaining("withDuration");
        }
        assertThat(VideoReader.read(file, limits.withPixels(3072).withFrames(12).withDecodedBytes(64 * 48 * 3 * 12))
                .count()).isEqualTo(12);
    }

    /// A file may lie about everything: whatever is changed in it, the answer is a clip or a MediaException, never a
    /// crash of the process or a wait without end.
    @ParameterizedTest
    @ValueSource(strings = {"mp4", "mkv", "webm", "gif", "webp", "png"})
    void aDamagedFileIsReadOrRefused(String extension) throws IOException {
        var clip = extension.equals("png") ? Clips.drifting(32, 24, 1, 8) : Clips.drifting(32, 24, 6, 8);
        var whole = folder.resolve("whole." + extension);
        VideoWriter.write(clip, whole, VideoWriter.Options.defaults().withComment("{\"seed\":1}"));
        var bytes = Files.readAllBytes(whole);
        var random = new Random(7);
        var refused = 0;
        for (var round = 0; round < 60; round++) {
            var damaged = bytes.clone();
            for (var i = 0; i < 1 + round / 10; i++) {
                // half of the damage goes to the first bytes, where sizes and counts stand
                var at = random.nextInt(random.nextBoolean() ? Math.min(600, bytes.length) : bytes.length);
                damaged[at] = (byte) random.nextInt(256);
            }
            var file = Files.write(folder.resolve("damaged." + extension), damaged);
            try {
                assertThat(VideoReader.read(file, Limits.defaults().withPixels(1 << 20).withFrames(600)).count())
                        .isPositive();
            } catch (MediaException e) {
                assertThat(e).hasMessageContaining("damaged." + extension);
                refused++;
            }
        }
        assertThat(refused).isPositive();
    }

    @Test
    void anUnknownExtensionListsTheKnownOnes() {
        for (var name : new String[] {"clip.avi", "clip", "clip.mp4.bak"}) {
            assertThatThrownBy(() -> VideoWriter.write(CLIP, folder.resolve(name))).isInstanceOf(MediaException.class)
                    .hasMessageContaining(name).hasMessageContaining(".mp4, .webm, .mkv, .png, .gif, .webp");
        }
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void whatAFormatCannotHoldIsRefusedWithAWayOut() {
        assertThatThrownBy(() -> VideoWriter.write(Clips.drifting(33, 24, 2, 8), folder.resolve("odd.mp4")))
                .isInstanceOf(MediaException.class).hasMessageContaining("33 x 24")
                .hasMessageContaining("crop to 32 x 24");
        assertThatThrownBy(() -> VideoWriter.write(Clips.drifting(32, 24, 2, 60), folder.resolve("fast.gif")))
                .isInstanceOf(MediaException.class).hasMessageContaining("50 frames per second, found 60");
        assertThatThrownBy(() -> VideoWriter.Options.defaults().withQuality(0)).isInstanceOf(MediaException.class);
        assertThatThrownBy(() -> VideoWriter.Options.defaults().withComment("a\0b")).isInstanceOf(MediaException.class);
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aFolderThatCannotBeMadeIsNamed() throws IOException {
        var file = Files.writeString(folder.resolve("file"), "not a folder");
        for (var extension : VideoWriter.extensions()) {
            assertThatThrownBy(() -> VideoWriter.write(CLIP, file.resolve("clip." + extension)))
                    .isInstanceOf(MediaException.class).hasMessageContaining("cannot create the folder")
                    .hasMessageContaining("fix");
        }
        assumeThat(Files.isDirectory(Path.of("/proc/self"))).isTrue();
        assertThatThrownBy(() -> VideoWriter.check(Path.of("/proc/self/clip.mp4"), 64, 48, 8))
                .isInstanceOf(MediaException.class).hasMessageContaining("/proc/self");
    }

    @Test
    void aMissingFolderIsMade() {
        var file = folder.resolve("a/b/clip.mkv");
        assertThat(VideoWriter.write(CLIP, file).frameCount()).isEqualTo(12);
    }

    /// Every byte written to /dev/full fails as on a full disk.
    @ParameterizedTest
    @ValueSource(strings = {"mp4", "webm", "mkv", "gif", "webp"})
    void aFullDiskIsNoticed(String extension) {
        var full = Path.of("/dev/full");
        assumeThat(Files.exists(full)).isTrue();
        var settings = VideoWriter.settings(VideoWriter.format(Path.of("x." + extension)), 90);
        assertThatThrownBy(() -> {
            try (var encoder = new Encoder(full, CLIP, settings, Optional.empty())) {
                for (var image : CLIP.images()) {
                    if (extension.equals("gif")) {
                        encoder.write(new byte[64 * 48], new int[256]);
                    } else {
                        encoder.write(image);
                    }
                }
                encoder.finish();
            }
        }).isInstanceOf(MediaException.class).hasMessageContaining("No space left on device");
    }

    @Test
    void aFailureLeavesTheOldFileAndNothingElse() throws IOException {
        var file = written("clip.mp4");
        var before = Files.readAllBytes(file);
        assertThatThrownBy(() -> SafeFile.write(file, part -> {
            SafeFile.write(part, new byte[1000]);
            throw new MediaException("the encoder fell over");
        }, _ -> { })).isInstanceOf(MediaException.class).hasMessageContaining("clip.mp4")
                .hasMessageContaining("the encoder fell over").hasMessageContaining("MB free");
        assertThatThrownBy(() -> SafeFile.write(file, part -> SafeFile.write(part, new byte[1000]), part -> {
            throw new MediaException("it reads back wrong");
        })).isInstanceOf(MediaException.class).hasMessageContaining("it reads back wrong");
        assertThat(file).hasBinaryContent(before);
        assertThat(folder.toFile().list()).containsExactly("clip.mp4");
    }

    @ParameterizedTest
    @ValueSource(strings = {"mp4", "webm", "mkv", "gif", "webp", "png"})
    void anInterruptStopsTheWritingAndLeavesNothing(String extension) {
        Thread.currentThread().interrupt();
        try {
            assertThatThrownBy(() -> VideoWriter.write(CLIP, folder.resolve("clip." + extension)))
                    .isInstanceOf(MediaException.class).hasMessageContaining("interrupted");
            assertThat(Thread.currentThread().isInterrupted()).isTrue();
        } finally {
            Thread.interrupted();
        }
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void picturesOfALongerClipAreNotMixedIn() {
        VideoWriter.write(CLIP, folder.resolve("frame.png"));
        assertThatThrownBy(() -> VideoWriter.write(CLIP.slice(0, 5), folder.resolve("frame.png")))
                .isInstanceOf(MediaException.class).hasMessageContaining("7 pictures of another clip")
                .hasMessageContaining("frame-0005.png");
        assertThat(VideoWriter.write(CLIP, folder.resolve("frame.png")).frameCount()).isEqualTo(12);
    }

    @Test
    void picturesWithoutARateAskForOne() throws IOException {
        for (var i = 0; i < 3; i++) {
            var picture = ImageFile.image(CLIP.images().get(i), 64, 48);
            Files.write(folder.resolve("f-%04d.png".formatted(i)), ImageFile.png(picture));
        }
        reading(folder.resolve("f.png")).hasMessageContaining("frames per second")
                .hasMessageContaining("ImageFile.read");
        var files = PngSequence.of(folder.resolve("f.png")).files();
        var clip = ImageFile.read(files, 12, Limits.defaults());
        assertThat(clip.fps()).isEqualTo(12);
        assertThat(Clips.psnr(CLIP.slice(0, 3), clip)).isInfinite();
    }
}
