package org.zoetrope.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.zoetrope.cli.Typed.type;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
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
import org.zoetrope.media.SoundTrack;
import org.zoetrope.media.VideoReader;
import org.zoetrope.media.VideoWriter;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;

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
        assertThat(typed.err()).contains("seed 7").contains("evaluations of the network and 16 for the mask")
                .contains("the last frame is repeated 3 times")
                .contains("the mask covers the whole clip") // random weights disagree everywhere
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
    @ValueSource(strings = {"random", "sdedit", "flowdirector-v1 --draws 2", "flowdirector --without dag,mad-fc",
            "ddim --skip 0.5", "direct", "null-text --iterations 1", "multi-frame --iterations 1", "stdg",
            "videodirector-dit --iterations 1", "stdg --compare-by latents", "stdg --compare-by flow --live",
            "ddim --keep-maps 0.5 --share-from 0.2 --keep-words 0.8 --weigh square=2",
            "multi-frame --iterations 4 --curriculum length",
            "multi-frame --iterations 2 --optimiser lbfgs --curriculum temporal --frames-through bias"})
    void everyMethodIsAtTheDoor(String method) {
        edit(clip, (Object[]) ("--method " + method).split(" ")).succeeds();
        assertThat(VideoReader.read(target).count()).isEqualTo(6);
    }

    @Test
    void nullTextSaysWhatItCostsAndWhatItCannotDo() {
        var typed = edit(clip, "--method", "null-text", "--iterations", 3).succeeds();
        assertThat(typed.err()).contains("and at most 15 gradients through it");
        edit(clip, "--method", "null-text", "--target-guidance", 1, "--steps", 3).fails(2,
                "nothing to optimise at guidance 1");
        edit(clip, "--method", "ddim", "--iterations", 3).fails(2, "--iterations belongs to null-text");
        edit(clip, "--method", "stdg", "--source-guidance", 3).fails(2, "--source-guidance belongs to flowedit");
        edit(clip, "--method", "ddim", "--skip", 1).fails(2, "give 0 to less than 1");
        edit(clip, "--method", "ddim", "--weigh", "elephant=2").fails(2, "a weight for \"elephant\"");
        edit(clip, "--method", "ddim", "--weigh", "square=0").fails(2, "a weight of 0.0 for \"square\"");
        edit(clip, "--method", "ddim", "--live").fails(2, "--live belongs to stdg");
        edit(clip, "--method", "stdg", "--live", "--compare-by", "latents").fails(2, "leave it out");
        edit(clip, "--method", "stdg", "--optimiser", "lbfgs").fails(2, "--optimiser belongs to null-text");
    }

    /// What inversion cannot do with a clip is said before it is carried to noise, and what the words are worth after.
    @Test
    void inversionSaysWhatDoesNotFit() throws IOException {
        var one = write(folder.resolve("one.mkv"), 32, 32, 8, 1);
        edit(one, "--method", "stdg", "--compare-by", "motion").fails(2, "no motion to compare", "keys");
        var picture = edit(one, "--method", "multi-frame", "--iterations", 1).succeeds();
        assertThat(picture.err()).contains("a single frame: nothing in it moves").contains("one text for all")
                .contains("and 6 to see whether the source prompt describes the video")
                .contains("note      the source prompt ");
        var mask = folder.resolve("mask.png");
        VideoWriter.write(Frames.paint(64, 48, 1, 1, (_, _, _) -> 0xffffff), mask);
        assertThat(edit(clip, "--method", "ddim", "--mask", mask).succeeds().err())
                .contains("the mask covers the whole clip: nothing is kept");
        assertThat(edit(clip, "--method", "null-text", "--mask", mask, "--protect").succeeds().err())
                .contains("the mask is empty: nothing will change").doesNotContain("note      the source prompt ");
        assertThat(Arrays.deepEquals(VideoReader.read(target).images().toArray(),
                VideoReader.read(clip).images().toArray())).isTrue();
    }

    @Test
    void aGuidanceDistilledModelIsRefusedWithTheReason() throws IOException {
        var config = model.resolve("transformer/config.json");
        var good = Files.readString(config);
        try {
            Files.writeString(config, good.replaceFirst("\\{", "{\"guidance_embeds\": true,"));
            edit(clip, "--method", "null-text").fails(1, "guidance-distilled", "the model it was distilled from");
        } finally {
            Files.writeString(config, good);
        }
    }

    @Test
    void sdeditTakesOverEarlierStepsAndFlowEditSaysThatItCannot() {
        assertThat(edit(clip, "--method", "sdedit", "--mask-from", "none", "--speed", "cached,int8").succeeds().err())
                .contains("reused ");
        assertThat(MediaFile.inspect(target).comment().orElseThrow()).contains("int8 matrices");
        edit(clip, "--speed", "broadcast").fails(2, "sdedit and random", "int8");
        edit(clip, "--speed", "int8").succeeds();
        edit(clip, "--speed", "cached,broadcast").fails(2, "two ways of reusing earlier steps");
    }

    @Test
    void aBoxLeavesTheRestAlone() {
        assertThat(edit(clip, "--box", "0,0,8,8", "--edge", 9).succeeds().err()).contains("the edit may act on");
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

    /// The decoder's last layer is spoilt and then repaired: the long part is not done twice.
    @Test
    void aDecodingThatFailedIsRepeatedAlone() throws IOException {
        var weights = model.resolve("vae/diffusion_pytorch_model.safetensors");
        var good = Files.readAllBytes(weights);
        var kept = Path.of(target + ".latents.safetensors");
        try {
            spoil(weights);
            var typed = edit(clip);
            typed.fails(1, "not finite");
            assertThat(typed.err()).contains("the edited latents are in " + kept, "--resume goes on from there");
            assertThat(target).doesNotExist();
            assertThat(kept).isNotEmptyFile();
        } finally {
            Files.write(weights, good);
        }
        assertThat(edit(clip, "--resume").succeeds().err()).contains("resume").doesNotContain("denoise");
        assertThat(kept).doesNotExist();
        var resumed = VideoReader.read(target).images().toArray();
        edit(clip).succeeds();
        assertThat(Arrays.deepEquals(VideoReader.read(target).images().toArray(), resumed)).isTrue();
    }

    private static void spoil(Path weights) {
        Scope.run(() -> {
            var file = SafetensorsFile.open(weights);
            var tensors = new HashMap<String, Tensor>();
            file.names().forEach(name -> tensors.put(name, name.startsWith("decoder.conv_out") ? file.tensor(name)
                    .times(Double.NaN) : file.tensor(name).copy()));
            SafetensorsWriter.write(weights, tensors, file.metadata());
        });
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
        edit(write(shared.resolve("long.mkv"), 16, 16, 100, 10_000)).fails(2, "the limit is 1000 frames");
    }

    @ParameterizedTest
    @CsvSource({"clip.mp4, clip.mov", "clip.webm, clip.webm", "clip.gif, clip.gif", "clip.webp, clip.webp"})
    void everyContainerIsRead(String written, String named) throws IOException {
        var file = folder.resolve(named);
        Files.move(write(shared.resolve(written), 32, 32, 10, 5), file);
        edit(file).succeeds();
        assertThat(VideoReader.read(target).count()).isEqualTo(5);
        assertThat(MediaFile.inspect(target).fps()).isEqualTo(10);
    }

    /// The delays of a GIF are changed in the file: frame 1 now stays for seven hundredths, frame 2 for half a second.
    @Test
    void aRateThatVariesIsSaid() throws IOException {
        var file = write(folder.resolve("varying.gif"), 32, 32, 10, 6);
        var bytes = Files.readAllBytes(file);
        var frame = 0;
        for (var at = 0; at + 8 < bytes.length; at++) {
            if (bytes[at] == 0x21 && bytes[at + 1] == (byte) 0xf9 && bytes[at + 2] == 4) { // graphic control extension
                bytes[at + 4] = (byte) (frame == 1 ? 7 : frame == 2 ? 50 : 10);
                frame++;
            }
        }
        assertThat(edit(Files.write(file, bytes)).succeeds().err()).contains("shown for different times")
                .contains("6.19 a second");
        assertThat(edit(clip).succeeds().err()).doesNotContain("different times");
    }

    @Test
    void soundIsKeptWhereItIsAskedFor() throws IOException {
        var loud = write(folder.resolve("loud.mkv"), 32, 32, 8, 9);
        SoundTrack.carry(tone(folder.resolve("tone.wav")), loud);
        assertThat(edit(loud).succeeds().err()).contains("sound of the video is left out; --keep-audio keeps it");
        assertThat(SoundTrack.isIn(target)).isFalse();
        edit(loud, "--keep-audio").succeeds();
        assertThat(SoundTrack.isIn(target)).isTrue();
        assertThat(VideoReader.read(target).count()).isEqualTo(9);
        assertThat(MediaFile.inspect(target).comment().orElseThrow()).contains("a blue square");
        assertThat(edit(clip, "--keep-audio").succeeds().err()).contains("no sound to keep");
        target = folder.resolve("edited.gif");
        edit(loud, "--keep-audio").fails(2, "edited.gif cannot hold sound", "write .mp4");
    }

    /// A second of a tone as it lies in a .wav: 8000 samples of 16 bits.
    private static Path tone(Path file) throws IOException {
        var samples = 8000;
        var wav = ByteBuffer.allocate(44 + 2 * samples).order(ByteOrder.LITTLE_ENDIAN);
        wav.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(36 + 2 * samples);
        wav.put("WAVEfmt ".getBytes(StandardCharsets.US_ASCII)).putInt(16).putShort((short) 1).putShort((short) 1);
        wav.putInt(samples).putInt(2 * samples).putShort((short) 2).putShort((short) 16);
        wav.put("data".getBytes(StandardCharsets.US_ASCII)).putInt(2 * samples);
        for (var i = 0; i < samples; i++) {
            wav.putShort((short) (8000 * Math.sin(i * 0.3)));
        }
        return Files.write(file, wav.array());
    }

    @Test
    void filesThatAreNoVideosAreNamed() throws IOException {
        edit(Files.move(tone(folder.resolve("tone.wav")), folder.resolve("tone.mp4"))).fails(2, "no video stream");
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
            "--size 33x32                  | multiples of 8",
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
        var asked = type("evaluate", model, "--edits", 1, "--steps", 2, "--way", "--method sdedit --box 0,0,8,8",
                "--way", "--n-max 0.5", "--out", out).succeeds();
        assertThat(asked.out()).contains("| --method sdedit --box 0,0,8,8 | 1 |").contains("| --n-max 0.5 | 1 |")
                .doesNotContain("| default |");
        assertThat(out.resolve("edits-n-max-0.5.png")).isNotEmptyFile();
        type("evaluate", model, "--edits", 1, "--way", "--n-max 7").fails(2, "n_max 7.0");
        type("evaluate", model, "--edits", 1, "--way", "--speed 7").fails(2, "--speed 7", "Unknown option");
        type("evaluate", model, "--edits", 1, "--way", "--mask m.png").fails(2, "is of one video");
        type("evaluate", model, "--edits", 0).fails(2, "give 1 or more");
    }
}
