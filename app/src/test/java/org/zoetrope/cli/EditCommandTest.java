package org.zoetrope.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.zoetrope.cli.Typed.type;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.media.Frames;
import org.zoetrope.media.MediaFile;
import org.zoetrope.media.VideoReader;
import org.zoetrope.media.VideoWriter;

class EditCommandTest {
    @TempDir static Path shared;
    static Path model;
    static Path clip;

    @TempDir Path folder;
    private Path target;

    @BeforeAll
    static void rehearse() {
        model = Typed.rehearsedModel(shared.resolve("run"));
        clip = write(shared.resolve("clip.mkv"), 64, 48, 12, 6);
    }

    @BeforeEach
    void name() {
        target = folder.resolve("edited.mkv");
    }

    private static Path write(Path file, int width, int height, double fps, int frames) {
        VideoWriter.write(Frames.paint(width, height, fps, frames,
                (f, x, y) -> (x + 2 * f) * 3 % 256 << 16 | y * 5 % 256 << 8 | 90), file);
        return file;
    }

    private Typed edit(Path video, Object... more) {
        var arguments = new ArrayList<Object>(List.of("edit", video, "-m", model, "-o", target, "--from",
                "a red circle moves right", "--to", "a blue square moves right", "--steps", 2, "--seed", 7));
        arguments.addAll(List.of(more));
        return type(arguments.toArray());
    }

    private List<String> left() throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(file -> String.valueOf(file.getFileName())).sorted().toList();
        }
    }

    @Test
    void anEditKeepsTheVideosShapeAndSaysHowItWasMade() throws IOException {
        var typed = edit(clip, "--compare").succeeds();
        assertThat(typed.out()).contains("wrote " + target).contains("6 frames of 64 x 48");
        assertThat(typed.err()).contains("seed 7").contains("evaluations of the network and 8 for the mask")
                .contains("the last frame is repeated 3 times").contains("edit may act on")
                .contains("denoise   2 of 2");
        var info = MediaFile.inspect(target);
        assertThat(info.frameCount()).isEqualTo(6);
        assertThat(info.fps()).isEqualTo(12);
        assertThat(info.comment()).hasValueSatisfying(recipe -> assertThat(recipe).contains("FlowEdit")
                .contains("a blue square moves right").contains("\"evaluations\""));
        assertThat(MediaFile.inspect(folder.resolve("edited-compare.mkv")).width()).isEqualTo(128);
        assertThat(left()).containsExactly("edited-compare.mkv", "edited.mkv");
    }

    @ParameterizedTest
    @ValueSource(strings = {"random", "sdedit", "flowdirector-v1 --draws 2", "flowdirector --without dag,mad-fc"})
    void everyMethodIsAtTheDoor(String method) {
        edit(clip, (Object[]) ("--method " + method).split(" ")).succeeds();
        assertThat(VideoReader.read(target).count()).isEqualTo(6);
    }

    @Test
    void aBoxLeavesTheRestAlone() {
        edit(clip, "--box", "0,0,8,8", "--edge", 9).succeeds();
        assertThat(MediaFile.inspect(target).comment().orElseThrow()).contains("Drawn[");
        var mask = shared.resolve("mask.png");
        VideoWriter.write(Frames.paint(64, 48, 1, 1, (_, _, _) -> 0), mask);
        var typed = edit(clip, "--mask", mask).succeeds();
        assertThat(typed.err()).contains("the mask is empty: nothing will change");
        assertThat(Arrays.deepEquals(VideoReader.read(target).images().toArray(),
                VideoReader.read(clip).images().toArray())).isTrue();
    }

    @Test
    void anEditGoesOnFromItsLatents() throws IOException {
        var latents = folder.resolve("kept.safetensors");
        edit(clip, "--latents", latents).succeeds();
        var once = VideoReader.read(target).images().toArray(); // a .mkv numbers itself by chance
        Files.delete(target);
        var typed = edit(clip, "--resume", "--latents", latents).succeeds();
        assertThat(typed.err()).contains("resume").doesNotContain("denoise");
        assertThat(Arrays.deepEquals(VideoReader.read(target).images().toArray(), once)).isTrue();
        edit(clip, "--resume", "--latents", latents, "--to", "a green star", "--seed", 8).fails(2,
                "to a green star now", "seed 8 now, 7 then");
        type("edit", clip, "--resume", "-m", model, "-o", folder.resolve("other.mkv")).fails(2, "nothing to resume");
    }

    // ---------------------------------------------------------------- bad input

    @Test
    void aVideoOfOneFrameIsEdited() {
        edit(write(folder.resolve("one.mkv"), 32, 32, 8, 1)).succeeds();
        assertThat(VideoReader.read(target).count()).isEqualTo(1);
    }

    @Test
    void oddSizesAreCutForMp4AndKeptElsewhere() {
        var odd = write(shared.resolve("odd.mkv"), 63, 47, 8, 5);
        edit(odd).succeeds();
        assertThat(VideoReader.read(target).width()).isEqualTo(63);
        target = folder.resolve("edited.mp4");
        assertThat(edit(odd).succeeds().err()).contains("62 x 46").contains(".mkv");
        assertThat(VideoReader.read(target).height()).isEqualTo(46);
    }

    @Test
    void equalPromptsAreSaid() {
        assertThat(edit(clip, "--to", "a red circle moves right").succeeds().err())
                .contains("both prompts are the same");
    }

    @Test
    void aVideoThatIsTooLongIsRefusedBeforeItIsDecoded() {
        edit(write(shared.resolve("long.mkv"), 16, 16, 100, 1100)).fails(2, "the limit is 1000 frames");
    }

    @Test
    void filesThatAreNoVideosAreNamed() throws IOException {
        edit(Files.writeString(folder.resolve("text.mp4"), "no video at all")).fails(2, "text.mp4", "not a video");
        var whole = write(shared.resolve("whole.mp4"), 64, 64, 8, 17);
        var bytes = Files.readAllBytes(whole);
        edit(Files.write(folder.resolve("half.mp4"), Arrays.copyOf(bytes, bytes.length / 2))).fails(2, "half.mp4");
        edit(folder.resolve("nothing.mp4")).fails(2, "nothing.mp4");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "--box 60,0,20,4               | reaches outside the video of 64 x 48",
            "--box big                     | X,Y,WIDTH,HEIGHT",
            "--method guess                | random, sdedit, flowedit",
            "--without dag                 | --without belongs to flowdirector",
            "--strength 0.5                | --strength belongs to sdedit",
            "--method sdedit --strength 2  | a strength of 2.0",
            "--n-max 0.2 --n-min 0.5       | 0 <= n_min <= n_max <= 1",
            "--source-guidance 0.5         | a guidance scale of 0.5",
            "--protect                     | add --mask or --box",
            "--mask-from attention --box 0,0,8,8 | leave it out",
            "--edge -1                     | an edge of -1.0",
            "--steps 0                     | 1 to 1000",
            "--size 33x32                  | multiples of 16",
            "--quality 0                   | quality",
    })
    void mistakesAreNamedBeforeTheRun(String options, String words) throws IOException {
        edit(clip, (Object[]) options.strip().split(" ")).fails(2, words);
        assertThat(left()).isEmpty();
    }

    @Test
    void aMaskOfAnotherSizeIsRefused() {
        var mask = folder.resolve("mask.png");
        VideoWriter.write(Frames.paint(32, 32, 1, 1, (_, _, _) -> 0xffffff), mask);
        edit(clip, "--mask", mask).fails(2, "the mask has 32 x 32 pixels, the video 64 x 48");
        edit(clip, "--mask", mask, "--box", "0,0,8,8").fails(2, "give one of them");
    }

    @Test
    void bothPromptsAreNeeded() {
        type("edit", clip, "-m", model, "--to", "a square").fails(2, "--from");
        edit(clip, "--from", "").fails(2, "source prompt is empty");
    }

    // ---------------------------------------------------------------- evaluate --edits

    @Test
    void editsAreExaminedInOneTable() throws IOException {
        var out = folder.resolve("exam");
        var typed = type("evaluate", model, "--edits", 2, "--steps", 2, "--rows", "flowedit,default", "--out", out)
                .succeeds();
        assertThat(typed.out()).contains("| flowedit | 2 |").contains("| default | 2 |").contains("kept PSNR");
        assertThat(out.resolve("edits.json")).isNotEmptyFile();
        assertThat(out.resolve("edits-default.png")).isNotEmptyFile();
        type("evaluate", model, "--edits", 2, "--rows", "magic").fails(2, "magic", "flowdirector-no-dag");
        type("evaluate", model, "--rows", "default").fails(2, "--edits");
        type("evaluate", model, "--edits", 0).fails(2, "give 1 or more");
    }
}
