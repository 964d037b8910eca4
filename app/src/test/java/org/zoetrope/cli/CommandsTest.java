package org.zoetrope.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.zoetrope.cli.Typed.type;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.bench.Comparison;
import org.zoetrope.bench.Report;
import org.zoetrope.bench.Row;
import org.zoetrope.house.Repository;
import org.zoetrope.pipeline.Recipe;

/// The commands beside `generate`, once each from end to end, and the doors they guard.
class CommandsTest {
    @TempDir static Path shared;
    static Path model;

    @TempDir Path folder;

    @BeforeAll
    static void rehearse() {
        model = Typed.rehearsedModel(shared.resolve("run"));
    }

    private static Path golden(String name) {
        return Repository.find().root().resolve("library/src/test/resources/golden").resolve(name);
    }

    // ---------------------------------------------------------------- zoetrope

    @Test
    void theVersionIsThatOfTheBuild() {
        assertThat(type("--version").succeeds().out().strip()).isEqualTo("zoetrope " + Recipe.VERSION);
        assertThat(Repository.find().text("pom.xml")).contains("<version>%s</version>".formatted(Recipe.VERSION));
    }

    @Test
    void withoutACommandTheyAreListed() {
        type().fails(2,
                "generate, edit, serve, inspect, evaluate, study, train, pull, parity, bench, doctor, completion");
    }

    @Test
    void aCommandThatIsAlmostRightIsSuggested() {
        assertThat(type("generte").err()).contains("generate");
    }

    @Test
    void theDoctorNamesWhatItFound() {
        assertThat(type("doctor").succeeds().out()).contains("java ").contains("libtorch").contains("ffmpeg")
                .contains("LGPL").contains("cuda")
                .containsPattern("float32 +layers \\d+, attention \\d+, cogvideox decoder \\d+, wan decoder \\d+ "
                        + "billion operations a second")
                .containsPattern("bfloat16 +layers").containsPattern("large models +run in (float32|bfloat16) \\(");
    }

    @Test
    void completionKnowsCommandsAndOptions() {
        assertThat(type("completion", "bash").succeeds().out()).contains("generate").contains("--init-image")
                .contains("complete -F");
        type("completion", "fish").fails(2, "fish");
    }

    // ---------------------------------------------------------------- train

    @Test
    void aFinishedRunIsNotTrainedAgain() throws IOException {
        var before = Files.getLastModifiedTime(model.resolveSibling("denoiser.safetensors"));
        var typed = type("train", "mini", "--out", model.resolveSibling(""), "--rehearsal", "--workers", "1")
                .succeeds();
        assertThat(typed.out()).contains("trained " + model);
        assertThat(typed.err()).doesNotContain("step 1 of");
        assertThat(Files.getLastModifiedTime(model.resolveSibling("denoiser.safetensors"))).isEqualTo(before);
    }

    @Test
    void trainingNeedsARecipeAndAFolder() {
        type("train", "mini").fails(2, "--out");
        type("train", "maxi", "--out", folder).fails(2, "maxi");
        type("train", "mini", "--out", folder, "--workers", "0").fails(2, "workers");
    }

    // ---------------------------------------------------------------- evaluate

    @Test
    void anEvaluationIsATableASheetAndItsNumbers() throws IOException {
        var out = folder.resolve("judged");
        var typed = type("evaluate", model, "--prompts", 4, "--steps", 1, "--frames", 5, "--out", out, "--seed", 5)
                .succeeds();
        assertThat(typed.out()).contains("all correct").contains("unseen");
        assertThat(Files.readString(out.resolve("report.md"))).contains("| one object, unseen | 4 |")
                .contains("| one object, seen | 2 |").contains("seed 5");
        assertThat(Files.readString(out.resolve("report.json"))).contains("groups");
        assertThat(out.resolve("sheet.png")).isNotEmptyFile();
        type("evaluate", model, "--prompts", 0).fails(2, "prompts");
    }

    @Test
    void everySpeedIsComparedWithTheLosslessClips() throws IOException {
        var out = folder.resolve("tiers");
        var typed = type("evaluate", model, "--tiers", 1, "--steps", 3, "--frames", 5, "--out", out, "--tier",
                "--speed cached --reuse-threshold 0", "--tier", "--speed cached,int8 --reuse-threshold 1000",
                "--tier", "--dtype bfloat16").succeeds();
        var rows = Files.readString(out.resolve("tiers.md")).lines().filter(line -> line.startsWith("| `")).toList();
        assertThat(rows).hasSize(4);
        assertThat(rows.get(0)).contains("`--speed lossless` | 100 % | 100 %").contains("equal | 1.0000");
        assertThat(rows.get(1)).contains("| 100 % | 100 %").contains("equal | 1.0000");
        assertThat(rows.get(2)).contains("| 67 % | 67 %").contains(" dB |");
        assertThat(rows.get(3)).contains("`--dtype bfloat16` | 100 % | 100 %").contains(" dB |");
        assertThat(typed.out()).contains("--speed cached,int8");
        type("evaluate", model, "--tiers", 0).fails(2, "give 1 or more");
        type("evaluate", model, "--tier", "--speed cached").fails(2, "--tiers");
        type("evaluate", model, "--edits", 1, "--tier", "--speed cached").fails(2, "--tiers");
        type("evaluate", model, "--tiers", 1, "--rows", "default").fails(2, "--edits");
        type("evaluate", model, "--tiers", 1, "--edits", 1).fails(2, "one at a time");
        type("evaluate", model, "--tiers", 1, "--tier", "--speed magic").fails(2, "magic", "int8");
    }

    // ---------------------------------------------------------------- bench

    @Test
    void aBenchIsATableAPictureAndARecordToCompareWith() throws IOException {
        Path json = folder.resolve("bench.json"), svg = folder.resolve("bench.svg");
        var typed = type("bench", "--tiny", "--dtype", "float32", "-m", model, "--json", json, "--svg", svg).succeeds();
        assertThat(typed.out()).contains("GFLOP/s").contains("wan stack").contains("video of model");
        assertThat(Report.read(json).rows()).extracting(Row::name).contains("video of model").hasSize(10);
        assertThat(svg).content().contains("<svg").contains("gemm float32");
        type("bench", "--tiny", "--dtype", "float32", "-m", model, "--against", svg).fails(1, "bench.svg");
        type("bench", "--tiny", "--quick").fails(2, "three sizes");
        type("bench", "--tiny", "-m", model, "--only", "gelu,sorcery").fails(2, "\"sorcery\"", "wan stack 242 float32");
    }

    @Test
    void twoSettingsAreMeasuredInTurns() {
        var json = folder.resolve("versus.json");
        var typed = type("bench", "--tiny", "--dtype", "float32", "-m", model, "--only", "gelu,video of", "--setting",
                "OMP_NUM_THREADS=1",
                "--json", json).succeeds();
        assertThat(typed.out()).contains("first   this build", "second  this build, OMP_NUM_THREADS=1")
                .doesNotContain("not in both");
        assertThat(Comparison.read(json).rows()).extracting(Comparison.Row::name).containsExactly("gelu 242 x 512",
                "video of model");
        type("bench", "--tiny", "-m", model, "--versus", folder).fails(2, "no ./zoetrope");
        type("bench", "--tiny", "-m", model, "--setting", "A=B", "--svg", "a.svg").fails(2, "--svg");
        type("bench", "--tiny", "-m", model, "--setting", "A").fails(2, "--setting");
    }

    // ---------------------------------------------------------------- study

    @Test
    void aStudyIsAReportThatNamesItsConditions() throws IOException {
        var out = folder.resolve("studied");
        var typed = type("study", "null-text-dit", "-m", model, "--clips", 1, "--guidance", "1,3", "--steps", 2,
                "--seed", 4,
                "--out", out).succeeds();
        var report = Files.readString(out.resolve("report.md"));
        assertThat(typed.out()).contains(report);
        assertThat(report).contains("# null-text-dit").contains("1 clips, 2 steps, seed 4").contains("The codec alone")
                .contains("| ddim | 1 |").contains("| null-text per frame (J1) | 3 |")
                .contains("| residual replay | 3 |")
                .contains("| stdg S1 and K | 1 |").contains("What helps").contains("| null-text / ddim | - | ")
                .doesNotContain("| null-text | 1 |").doesNotContain("NaN");
        assertThat(Files.readString(out.resolve("report.html"))).contains("<h1>null-text-dit</h1>")
                .contains("<polyline")
                .contains("<td>residual replay</td>").doesNotContain("NaN").doesNotContain("src=");
        type("study", "null-text-dit", "-m", model, "--guidance", 0.5).fails(2, "guidance scale of 0.5");
        type("study", "perpetual-motion", "-m", model).fails(2, "perpetual-motion");
    }

    @Test
    void blocksAreStudiedOneByOne() throws IOException {
        var out = folder.resolve("blocks");
        type("study", "what-blocks-see", "-m", model, "--clips", 1, "--steps", 4, "--out", out).succeeds();
        assertThat(Files.readString(out.resolve("report.md"))).contains("# what-blocks-see")
                .contains("S2m, motion / colour").contains("| 0 | 0.80 |").contains("| 0.30 |")
                .contains("finds them best").doesNotContain("NaN");
        assertThat(Files.readString(out.resolve("report.html"))).contains("<h1>what-blocks-see</h1>");
        type("study", "what-blocks-see", "-m", model, "--edits", 2).fails(2, "leave --guidance");
    }

    // ---------------------------------------------------------------- inspect

    @Test
    void aModelIsInspectedBeforeItRuns() {
        var out = type("inspect", model, "--frames", 9, "--steps", 10).succeeds().out();
        assertThat(out).contains("CogVideoXPipeline").contains("transformer").contains("AutoencoderKLCogVideoX")
                .contains("9 frames, 64 x 64, 10 steps").contains("memory").contains("time");
        type("inspect", model, "--frames", 8).fails(2, "5 or 9");
    }

    @Test
    void aModelWithoutATextEncoderIsInspectedAsWell() {
        assertThat(type("inspect", golden("pipelines/cogvideox-2b-ddim")).succeeds().out())
                .contains("no text encoder").contains("memory");
    }

    @Test
    void tensorsOfAFileAreListed() {
        assertThat(type("inspect", golden("components/cogvideox-vae/reference.safetensors")).succeeds().out())
                .contains("in.latents").contains("[1, 4, 3, 4, 4]").contains("5 tensors");
    }

    @Test
    void whatCannotBeInspectedSaysWhy() throws IOException {
        type("inspect", folder.resolve("nothing")).fails(2, "no model");
        type("inspect", Files.writeString(folder.resolve("text.mp4"), "no video")).fails(1, "text.mp4");
        type("inspect", Files.writeString(folder.resolve("x.safetensors"), "no tensors")).fails(1, "x.safetensors");
        type("inspect", folder).fails(1, "model_index.json");
    }

    // ---------------------------------------------------------------- parity

    @Test
    void parityPrintsEveryOutputAgainstItsTolerance() {
        var out = type("parity", golden("components/cogvideox-vae"), golden("tokenizers/t5")).succeeds().out();
        assertThat(out).contains("cogvideox-vae").contains("decoded").contains("logvar").contains("5.00e-04")
                .contains("299 of 299 strings").contains("4 outputs: 4 within tolerance, 0 outside");
        assertThat(type("parity", "--all", golden("schedulers")).succeeds().out()).contains("lcm")
                .contains("0 outside");
    }

    @Test
    void parityFailsWhereAnOutputIsOutside() throws IOException {
        var copy = Files.createDirectories(folder.resolve("schedulers/lcm"));
        for (var name : new String[] {"reference.safetensors", "scheduler_config.json"}) {
            Files.copy(golden("schedulers/lcm").resolve(name), copy.resolve(name));
        }
        var about = Files.readString(golden("schedulers/lcm/case.json"));
        Files.writeString(copy.resolve("case.json"), about);
        var config = copy.resolve("scheduler_config.json");
        Files.writeString(config, Files.readString(config).replace("\"beta_end\": 0.012", "\"beta_end\": 0.013"));
        var typed = type("parity", copy);
        assertThat(typed.code()).isEqualTo(1);
        assertThat(typed.out()).contains("OUTSIDE");
    }

    @Test
    void classesThatAreNotImplementedCountUnlessSkipped() throws IOException {
        var marble = Files.createDirectories(folder.resolve("marble"));
        Files.copy(golden("components/cogvideox-vae/reference.safetensors"), marble.resolve("reference.safetensors"));
        Files.writeString(marble.resolve("case.json"), """
                {"kind": "component", "class": "Marble", "tolerance": {"max_abs": 1, "relative_l2": 1}}""");
        assertThat(type("parity", marble).code()).isEqualTo(1);
        assertThat(type("parity", marble, "--skip-unsupported").succeeds().out()).contains("Marble");
        type("parity", folder).fails(1, "is no fixture");
        type("parity", "--all", folder.resolve("nothing")).fails(1, "nothing");
    }

    // ---------------------------------------------------------------- pull

    @Test
    void aModelIsPulledAndCheckedOffline() throws IOException {
        var answers = Map.of("/api/models/paper/boat/revision/main", "{\"sha\": \"%s\"}".formatted("a".repeat(40)),
                "/api/models/paper/boat/tree/" + "a".repeat(40),
                """
                        [{"type": "file", "path": "hello.txt", "size": 6, "oid": "%1$s"},
                         {"type": "file", "path": "weights.bin", "size": 6, "oid": "%1$s"}]"""
                        .formatted("ce013625030ba8dba906f756967f9e9ca394464a"),
                "/paper/boat/resolve/" + "a".repeat(40) + "/hello.txt", "hello\n");
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            try (exchange) {
                var body = answers.getOrDefault(exchange.getRequestURI().getPath(), "")
                        .getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(body.length == 0 ? 404 : 200, body.length == 0 ? -1 : body.length);
                exchange.getResponseBody().write(body);
            }
        });
        server.start();
        var address = "http://127.0.0.1:" + server.getAddress().getPort();
        var to = folder.resolve("boat");
        try {
            var typed = type("pull", "paper/boat", "--endpoint", address, "--to", to).succeeds();
            assertThat(typed.out()).contains("1 files").contains("aaaaaaaaaaaa");
            assertThat(typed.err()).contains("weights.bin").contains("hello.txt");
            type("pull", "paper/plane", "--endpoint", address, "--to", to).fails(1, "404");
        } finally {
            server.stop(0);
        }
        assertThat(to.resolve("hello.txt")).hasContent("hello\n");
        assertThat(type("pull", "paper/boat", "--offline", "--to", to).succeeds().out()).contains("1 were here");
        Files.delete(to.resolve("hello.txt"));
        type("pull", "paper/boat", "--offline", "--to", to).fails(1, "hello.txt is missing");
        type("pull", "not a name").fails(1, "OWNER/NAME");
        type("pull", "paper/boat", "--endpoint", "ftp://x").fails(1, "ftp://x");
    }
}
