package org.zoetrope.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class VideoRoundTripTest {
    private static final String RECIPE = "{\"prompt\":\"un été <rouge> & 猫 \\\"😀\\\"\",\"seed\":7}";
    private static final VideoWriter.Options WITH_RECIPE = VideoWriter.Options.defaults().withComment(RECIPE);

    @TempDir
    private Path folder;

    /// Lower bounds on the signal-to-noise ratio of a smooth colourful clip, in RGB after decoding. What is measured
    /// lies a decibel or more above each.
    @ParameterizedTest
    @CsvSource({"mp4, 42, h264", "webm, 44, vp9", "mkv, 1000, ffv1", "gif, 26, gif", "webp, 39, webp",
        "png, 1000, png"})
    void aClipComesBackFromEveryFormat(String extension, double bound, String codec) {
        var clip = Clips.drifting(64, 64, 17, 8);
        var file = folder.resolve("clip." + extension);
        var info = VideoWriter.write(clip, file, WITH_RECIPE);
        var back = VideoReader.read(file);
        System.out.printf("%s: %.2f dB, %d bytes%n", extension, Clips.psnr(clip, back), info.path().toFile().length());
        assertThat(back.count()).isEqualTo(17);
        assertThat(back.fps()).isEqualTo(8);
        assertThat(Clips.psnr(clip, back)).isGreaterThan(bound);
        assertThat(info).isEqualTo(MediaFile.inspect(file));
        assertThat(info.codec()).isEqualTo(codec);
        assertThat(info.container()).isEqualTo(extension);
        assertThat(info.width()).isEqualTo(64);
        assertThat(info.height()).isEqualTo(64);
        assertThat(info.fps()).isEqualTo(8);
        assertThat(info.frameCount()).isEqualTo(17);
        assertThat(info.duration()).isCloseTo(2.125, within(0.006)); // a GIF counts hundredths
        assertThat(info.variableRate()).isFalse();
        assertThat(info.comment()).contains(RECIPE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"mp4", "webm", "mkv", "gif", "webp", "png"})
    void ratesOfFilmVideoAndAnOddOneAreKept(String extension) {
        for (var fps : new double[] {23.976023976023978, 24, 30, 12.5, 7.3}) {
            var clip = Clips.drifting(32, 32, 9, fps);
            var file = folder.resolve(fps + "." + extension);
            VideoWriter.write(clip, file);
            // GIF counts hundredths of a second, WebP thousandths: over 9 frames two rates this near look the same.
            var clock = extension.equals("gif") ? 0.01 : extension.equals("webp") ? 0.001 : 0;
            assertThat(VideoReader.read(file).fps()).isCloseTo(fps, within(0.001 + clock * fps * fps / 8));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"mp4", "webm", "mkv", "gif", "webp", "png"})
    void aClipOfOneFrameAndAStillClipAreKept(String extension) {
        var one = folder.resolve("one." + extension);
        assertThat(VideoWriter.write(Clips.shapes(32, 32, 1, 8), one).frameCount()).isEqualTo(1);
        assertThat(VideoReader.read(one).count()).isEqualTo(1);
        var still = Frames.paint(32, 32, 8, 6, (_, x, y) -> (x * 8) << 16 | (y * 8));
        var file = folder.resolve("still." + extension);
        assertThat(VideoWriter.write(still, file).frameCount()).isEqualTo(6);
        assertThat(VideoReader.read(file).count()).isEqualTo(6);
    }

    @ParameterizedTest
    @ValueSource(strings = {"webm", "mkv", "gif", "webp", "png"})
    void oddSizesAreKeptWhereTheFormatHasThem(String extension) {
        var clip = Clips.drifting(37, 23, 3, 8);
        var file = folder.resolve("odd." + extension);
        VideoWriter.write(clip, file);
        var back = VideoReader.read(file);
        assertThat(back.width()).isEqualTo(37);
        assertThat(back.height()).isEqualTo(23);
        assertThat(Clips.psnr(clip, back)).isGreaterThan(28);
    }

    /// Flat colours go through limited-range BT.709 and back to within the two levels that its 8 bits leave.
    @ParameterizedTest
    @ValueSource(strings = {"mp4", "webm"})
    void flatColoursSurviveTheColourMatrix(String extension) {
        for (var colour : new int[] {0xFF0000, 0x00FF00, 0x0000FF, 0xFFFFFF, 0x000000, 0xE8D030, 0x405070}) {
            var clip = Frames.paint(32, 32, 8, 2, (_, _, _) -> colour);
            var file = folder.resolve("%06x.%s".formatted(colour, extension));
            VideoWriter.write(clip, file, VideoWriter.Options.defaults().withQuality(100));
            var back = VideoReader.read(file).pixel(1, 16, 16);
            for (var shift = 0; shift <= 16; shift += 8) {
                assertThat(back >> shift & 0xff).as("%06x came back as %06x", colour, back)
                        .isCloseTo(colour >> shift & 0xff, within(3));
            }
        }
    }

    @Test
    void anMp4HasItsIndexInFrontAndAvc1Inside() throws IOException {
        var file = folder.resolve("clip.mp4");
        VideoWriter.write(Clips.drifting(64, 64, 17, 8), file);
        var bytes = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
        assertThat(bytes.indexOf("moov")).isPositive().isLessThan(bytes.indexOf("mdat"));
        // colour box: BT.709 primaries, transfer and matrix, limited range
        assertThat(bytes).contains("avc1").contains("colrnclx\0\1\0\1\0\1\0");
    }

    /// 255 colours fit a GIF exactly.
    /// Coded, it would be larger than the picture itself. What the message proposes works.
    @Test
    void noiseThatH264HasNoRoomForIsRefusedWithWhatFits() {
        var noise = new byte[192 * 128 * Frames.CHANNELS];
        new Random(1).nextBytes(noise);
        var frames = new Frames(192, 128, 8, List.of(noise));
        var file = folder.resolve("noise.mp4");
        assertThatThrownBy(() -> VideoWriter.write(frames, file)).isInstanceOf(MediaException.class)
                .hasMessageContaining("gave up frame 1: noise").hasMessageContaining("to 80 or less")
                .hasMessageNotContaining("permissions");
        assertThat(folder).isEmptyDirectory();
        assertThat(VideoWriter.write(frames, file, VideoWriter.Options.defaults().withQuality(80)).frameCount()).isEqualTo(1);
        assertThat(VideoWriter.write(frames, folder.resolve("noise.mkv")).frameCount()).isEqualTo(1);
    }

    @Test
    void aGifOfFewColoursIsLossless() {
        var clip = Clips.shapes(48, 40, 9, 10);
        var file = folder.resolve("shapes.gif");
        VideoWriter.write(clip, file);
        assertThat(Clips.psnr(clip, VideoReader.read(file))).isInfinite();
    }

    @Test
    void aWebpAtFullQualityIsLossless() {
        var clip = Clips.drifting(40, 24, 5, 12);
        var file = folder.resolve("clip.webp");
        VideoWriter.write(clip, file, VideoWriter.Options.defaults().withQuality(100));
        assertThat(Clips.psnr(clip, VideoReader.read(file))).isInfinite();
    }

    @ParameterizedTest
    @ValueSource(strings = {"mp4", "webm", "webp"})
    void lowerQualityMakesASmallerFile(String extension) throws IOException {
        var clip = Clips.drifting(64, 64, 9, 8);
        Path fine = folder.resolve("fine." + extension), coarse = folder.resolve("coarse." + extension);
        VideoWriter.write(clip, fine, VideoWriter.Options.defaults().withQuality(95));
        VideoWriter.write(clip, coarse, VideoWriter.Options.defaults().withQuality(40));
        assertThat(Files.size(coarse)).isLessThan(Files.size(fine) * 3 / 4);
        assertThat(Clips.psnr(clip, VideoReader.read(coarse))).isLessThan(Clips.psnr(clip, VideoReader.read(fine)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"mp4", "webm", "mkv", "gif", "webp", "png"})
    void aFileWithoutACommentHasNone(String extension) {
        var file = folder.resolve("plain." + extension);
        assertThat(VideoWriter.write(Clips.shapes(32, 32, 2, 8), file).comment()).isEmpty();
    }

    @Test
    void aSequenceOfPicturesIsNumberedFromZero() {
        var clip = Clips.shapes(16, 12, 3, 6);
        VideoWriter.write(clip, folder.resolve("a/frame.png"));
        assertThat(folder.resolve("a")).isDirectoryContaining("glob:**/frame-0000.png")
                .isDirectoryContaining("glob:**/frame-0002.png");
        VideoWriter.write(clip, folder.resolve("b/f%02d.png"));
        assertThat(folder.resolve("b")).isDirectoryContaining("glob:**/f00.png");
        assertThat(VideoReader.read(folder.resolve("b/f%02d.png")).count()).isEqualTo(3);
        assertThat(VideoReader.read(folder.resolve("a/frame.png")).fps()).isEqualTo(6);
    }
}
