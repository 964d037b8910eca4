package org.zoetrope.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.zoetrope.cli.Typed.type;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.media.MediaFile;
import org.zoetrope.media.VideoReader;

class GenerateCommandTest {
    @TempDir static Path shared;
    static Path model;

    @TempDir Path folder;
    private Path target;

    @BeforeAll
    static void rehearse() {
        model = Typed.rehearsedModel(shared.resolve("run"));
    }

    @BeforeEach
    void name() {
        target = folder.resolve("clip.mp4");
    }

    /// With two steps and five frames, so that a test takes no longer than it must; what is typed later counts.
    private Typed generate(Object... more) {
        var arguments = new ArrayList<Object>(
                List.of("generate", "-m", model, "-o", target, "--steps", 2, "--frames", 5));
        arguments.addAll(List.of(more));
        return type(arguments.toArray());
    }

    private List<String> left() throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(file -> String.valueOf(file.getFileName())).sorted().toList();
        }
    }

    @Test
    void aPromptBecomesAVideoThatSaysHowItWasMade() throws IOException {
        var typed = generate("a", "red", "circle", "moves", "right", "--seed", 7, "--guidance", 2.5, "--fps", 12,
                "--frames", 17).succeeds();
        assertThat(typed.out()).contains("wrote " + target).contains("17 frames of 64 x 64");
        assertThat(typed.err()).contains("float32 on cpu").contains("seed 7").contains("denoise   2 of 2 steps")
                .contains("decode    2 of 2 chunks").contains("write ");
        var info = MediaFile.inspect(target);
        assertThat(info.frameCount()).isEqualTo(17);
        assertThat(info.fps()).isEqualTo(12);
        assertThat(info.comment()).hasValueSatisfying(recipe -> assertThat(recipe)
                .contains("a red circle moves right").contains("2.5").contains("\"seed\" : 7"));
        assertThat(left()).containsExactly("clip.mp4");
        assertThat(type("inspect", target).succeeds().out()).contains("h264").contains("a red circle moves right");
    }

    @Test
    void theRecipeCanBeLeftOut() {
        generate("x", "--no-metadata", "--quiet").succeeds();
        assertThat(MediaFile.inspect(target).comment()).isEmpty();
    }

    @Test
    void aSpeedSaysWhatWasReused() {
        var typed = generate("x", "--steps", 4, "--speed", "cached,int8", "--reuse-threshold", 1000).succeeds();
        assertThat(typed.err()).containsPattern("reused +\\d+ of \\d+ blocks");
        assertThat(MediaFile.inspect(target).comment()).hasValueSatisfying(recipe -> assertThat(recipe)
                .contains("\"speed\" : \"Stack").contains("int8"));
    }

    @Test
    void speedsThatDoNotGoTogetherAreRefused() {
        generate("x", "--speed", "fast").fails(2, "lossless, cached, broadcast");
        generate("x", "--speed", "cached,broadcast").fails(2, "give one");
        generate("x", "--speed", "lossless,cached").fails(2, "leave out cached");
        generate("x", "--reuse-threshold", 0.1).fails(2, "add cached");
        generate("x", "--speed", "cached", "--reuse-threshold", -1).fails(2, "a threshold of -1.0");
    }

    @Test
    void guidanceCanBeLimitedToSomeNoise() {
        generate("x", "--guidance", 3, "--guidance-within", "0..0.5").succeeds();
        assertThat(MediaFile.inspect(target).comment()).hasValueSatisfying(
                recipe -> assertThat(recipe).contains("Interval[scale=3.0, low=0.0, high=0.5]"));
        for (var wrong : List.of("0.2", "0.9..0.2", "0.5..0.5", "-1..1", "0..2", "a..b", "0..0.5..1", "..", "NaN..1")) {
            generate("x", "--guidance-within", wrong).fails(2, "a lower and a higher share of noise");
        }
        generate("x", "--guidance-within", "0.2..0.9", "--guidance", 1).fails(2, "leave out --guidance-within");
        generate("x", "--guidance-within", "0.2..0.9", "--guidance", 3, "--dynamic-guidance").fails(2, "give one");
    }

    @Test
    void quietPrintsTheFileAlone() {
        var typed = generate("x", "-q").succeeds();
        assertThat(typed.out().strip()).isEqualTo(target.toString());
        assertThat(typed.err()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"clip.gif", "clip.webp", "clip.png", "clip.webm", "deeper/clip.mkv"})
    void theExtensionChoosesTheFormat(String name) {
        target = folder.resolve(name);
        var typed = generate("x").succeeds();
        assertThat(VideoReader.read(target).count()).isEqualTo(5);
        assertThat(typed.out()).contains("wrote " + (name.equals("clip.png")
                ? folder.resolve("clip-0000.png") + " and the 4 after it"
                : target) + ": 5 frames of 64 x 64");
    }

    @Test
    void aRunGoesOnFromItsLatents() throws IOException {
        var latents = folder.resolve("kept.safetensors");
        generate("a blue square", "--seed", 3, "--latents", latents).succeeds();
        var once = Files.readAllBytes(target);
        Files.delete(target);
        var typed = generate("--resume", "--latents", latents).succeeds();
        assertThat(typed.err()).contains("a blue square").doesNotContain("denoise");
        assertThat(target).hasBinaryContent(once);
    }

    @Test
    void latentsOfAnotherRequestAreNotTaken() {
        var latents = folder.resolve("kept.safetensors");
        generate("a blue square", "--seed", 3, "--latents", latents).succeeds();
        generate("a red square", "--seed", 4, "--resume", "--latents", latents).fails(2, "prompt a red square now",
                "seed 4 now, 3 then", "without --resume");
    }

    @Test
    void withoutLatentsThereIsNothingToResume() {
        generate("--resume").fails(2, "nothing to resume", "clip.mp4.latents.safetensors");
    }

    @Test
    void anEmptyPromptIsPossible() {
        assertThat(generate("").succeeds().err()).contains("note      the prompt is empty");
    }

    @Test
    void aPromptThatIsTooLongIsNeverCutSilently() {
        var prompt = "circle ".repeat(5000) + "elephant";
        assertThat(generate(prompt).succeeds().err()).contains("note ").contains("elephant");
        generate(prompt, "--strict").fails(2, "elephant");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "--frames 80         | 2 | 77 or 81",
            "--frames 0          | 2 | 1 or more",
            "--size 65x64        | 2 | multiples of",
            "--size big          | 2 | WIDTHxHEIGHT",
            "--steps 0           | 2 | 1 to 1000",
            "--guidance -1       | 2 | guidance",
            "--guidance NaN      | 2 | guidance",
            "--fps 0             | 2 | frames per second",
            "--device gpu        | 2 | unknown device",
            "--device cuda:9     | 2 | not available",
            "--dtype int8        | 2 | float32, bfloat16, float16",
            "--seed seven        | 2 | seven",
            "--strength 0.5      | 2 | init video",
            "--quality 0         | 2 | quality",
            "--threads 0         | 2 | threads",
            "--init-image no.png | 2 | no.png",
            "--no-such-option    | 2 | --no-such-option",
    })
    void mistakesAreNamedBeforeTheRun(String options, int code, String words) throws IOException {
        generate((Object[]) ("x " + options.strip()).split(" ")).fails(code, words);
        assertThat(left()).isEmpty();
    }

    @Test
    void everyMistakeOfARequestIsInOneMessage() {
        generate("x", "--frames", 80, "--size", "65x64", "--fps", -1).fails(2, "77 or 81", "multiples of",
                "frames per second");
    }

    @Test
    void anOutputThatCannotBeWrittenIsToldBeforeTheRun() throws IOException {
        target = folder.resolve("clip.mov");
        generate("x").fails(2, "clip.mov", ".mp4");
        var file = Files.createFile(folder.resolve("file"));
        target = file.resolve("clip.mp4");
        var typed = generate("x");
        typed.fails(2, file.toString(), "choose a folder");
        assertThat(typed.err()).doesNotContain("denoise");
        target = Path.of("/proc/clip.mp4");
        generate("x").fails(2, "/proc");
    }

    @Test
    void aPromptIsNeeded() {
        generate().fails(2, "no prompt given");
    }

    @Test
    void modelsThatAreNotThereAreNamed() {
        type("generate", "x", "-m", "no-such-model").fails(2, "no model \"no-such-model\"", "zoetrope pull");
    }

    @Test
    void brokenModelsAreExplained() throws IOException {
        var broken = folder.resolve("broken");
        copy(model, broken);
        try (var files = Files.list(broken.resolve("vae"))) {
            for (var file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(broken.resolve("vae"));
        type("generate", "x", "-m", broken, "-o", target).fails(1, "missing component \"vae\"");

        copy(model.resolve("vae"), broken.resolve("vae"));
        var index = broken.resolve("model_index.json");
        var text = Files.readString(index);
        Files.writeString(index, text.replace("CogVideoXPipeline", "MarblePipeline"));
        type("generate", "x", "-m", broken, "-o", target).fails(1, "MarblePipeline", "CogVideoXPipeline");
        Files.writeString(index, text);

        var config = broken.resolve("transformer/config.json");
        Files.writeString(config, Files.readString(config).replace("\"num_layers\"", "\"num_leyers\""));
        type("generate", "x", "-m", broken, "-o", target).fails(1, "num_leyers", "config.json");
        Files.copy(model.resolve("transformer/config.json"), config, StandardCopyOption.REPLACE_EXISTING);

        var weights = broken.resolve("transformer/diffusion_pytorch_model.safetensors");
        Files.write(weights, Arrays.copyOf(Files.readAllBytes(weights), 5000));
        type("generate", "x", "-m", broken, "-o", target).fails(1, "diffusion_pytorch_model.safetensors");
        assertThat(target).doesNotExist();
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (var file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file)));
            }
        }
    }

    @Test
    void theDefaultNameIsThePromptsWords() throws IOException {
        assertThat(OutputFile.unusedName(folder, "A red circle, moves right!"))
                .isEqualTo(folder.resolve("a-red-circle-moves-right.mp4"));
        Files.createFile(folder.resolve("x.mp4"));
        assertThat(OutputFile.unusedName(folder, "x")).isEqualTo(folder.resolve("x-2.mp4"));
        assertThat(OutputFile.unusedName(folder, " ?")).isEqualTo(folder.resolve("video.mp4"));
        assertThat(OutputFile.unusedName(folder, "x".repeat(5000)).toString()).hasSizeLessThan(300);
    }

    /// In a process of its own, since it ends one. The signal comes in the middle of denoising.
    @Test
    void controlCLeavesNoHalfFile() throws Exception {
        // A build that runs in the background of a script inherits an ignored SIGINT, which Java would leave ignored.
        var process = new ProcessBuilder("env", "--default-signal=INT",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-cp",
                System.getProperty("java.class.path"), Main.class.getName(), "generate", "x", "-m", model.toString(),
                "-o", target.toString(), "--steps", "1000").redirectErrorStream(true).start();
        try (var lines = process.inputReader()) {
            for (var line = lines.readLine(); line != null && !line.startsWith("load      transformer");) {
                line = lines.readLine();
            }
            new ProcessBuilder("kill", "-INT", String.valueOf(process.pid())).start().waitFor();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(lines.lines()).anyMatch(line -> line.startsWith("cancelled"));
        }
        assertThat(process.exitValue()).isEqualTo(130);
        assertThat(left()).isEmpty();
    }
}
