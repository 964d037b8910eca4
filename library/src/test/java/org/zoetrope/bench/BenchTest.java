package org.zoetrope.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringReader;
import java.io.StringWriter;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xml.sax.InputSource;
import org.zoetrope.tensor.DType;

/// The bench itself: it runs, counts what it should and writes what can be read again. How fast anything is, is never
/// tested.
class BenchTest {
    @TempDir static Path folder;
    static Report report;

    @BeforeAll
    static void measure() {
        report = Bench.run(Plan.tiny(), List.of(DType.FLOAT32, DType.BFLOAT16), Optional.empty(), silent(false));
    }

    private static Bench.Listener silent(boolean cancelled) {
        return new Bench.Listener() {
            @Override
            public void measuring(String name, int index, int count) {}

            @Override
            public boolean isCancelled() {
                return cancelled;
            }
        };
    }

    @Test
    void everyCaseIsMeasuredInBothTypes() {
        for (var dtype : List.of("float32", "bfloat16")) {
            assertThat(report.rows().stream().filter(row -> row.dtype().equals(dtype)).map(Row::name)).containsExactly(
                    "cogvideox stack 242", "wan stack 242", "attention 32, 2 x 64", "attention 32, 1 x 128",
                    "linear 242 x 128 x 512", "layer norm 242 x 128", "gelu 242 x 512", "t5 xxl encoder",
                    "cogvideox decoder");
        }
    }

    @Test
    void aRowIsWorkOverTime() {
        assertThat(report.rows()).allSatisfy(row -> {
            assertThat(row.seconds()).isPositive();
            assertThat(row.fraction()).isPositive().isFinite();
            assertThat(row.coreFraction()).isPositive().isFinite();
            assertThat(row.peakBytes()).isGreaterThan(50_000_000);
            assertThat(row.gflops()).isCloseTo(row.flops() / row.seconds() / 1e9, within(1e-6));
        });
        var attention = report.rows().stream().filter(row -> row.name().equals("attention 32, 2 x 64")).toList();
        assertThat(attention).allMatch(row -> row.flops() == 4.0 * 32 * 32 * 128);
        assertThat(attention.get(0).bytes()).isEqualTo(2 * attention.get(1).bytes());
        assertThat(report.host().float32()).isPositive();
        assertThat(report.host().bfloat16()).isPositive();
        assertThat(report.host().copy()).isPositive();
    }

    @Test
    void aReportIsReadAsItWasWritten() throws IOException {
        var file = folder.resolve("bench.json");
        report.writeJson(file);
        assertThat(Report.read(file)).isEqualTo(report);
    }

    @Test
    void twoReportsAreComparedByFractions() {
        var twice = new Report(report.version(), report.host(), report.rows().stream().skip(1)
                .map(row -> new Row(row.name(), row.dtype(), row.yardstick(), row.flops(), row.bytes(), row.seconds(),
                        2 * row.fraction(), row.coreFraction(), row.peakBytes(), row.pace()))
                .toList());
        var lines = twice.against(report).lines().toList();
        assertThat(lines).hasSize(report.rows().size()); // a header, and all cases but the first
        assertThat(lines.subList(1, lines.size())).allMatch(line -> line.endsWith(" 2.00"));
    }

    @Test
    void theTableHasALineForEachCase() {
        assertThat(report.table().lines()).hasSize(report.rows().size() + 4);
        assertThat(report.table()).contains("GFLOP/s").contains("GB/s").contains("s per megapixel-frame");
    }

    @Test
    void theRooflineIsAPictureWithAPointForEachCase() throws Exception {
        var file = folder.resolve("bench.svg");
        report.writeRoofline(file);
        var document = DocumentBuilderFactory.newInstance().newDocumentBuilder()
                .parse(new InputSource(new StringReader(Files.readString(file))));
        assertThat(document.getDocumentElement().getTagName()).isEqualTo("svg");
        assertThat(document.getElementsByTagName("circle").getLength()).isEqualTo(report.rows().size());
        assertThat(document.getElementsByTagName("polyline").getLength()).isEqualTo(2);
        assertThat(Files.readString(file)).doesNotContain("NaN").doesNotContain("Infinity");
    }

    @Test
    void aCancelledRunKeepsWhatItHas() {
        var cut = Bench.run(Plan.tiny(), List.of(DType.FLOAT32), Optional.empty(), silent(true));
        assertThat(cut.rows()).isEmpty();
        assertThat(cut.host().copy()).isPositive();
        var within = Bench.run(Plan.tiny(), List.of(DType.FLOAT32), Optional.empty(), new Bench.Listener() {
            private int current;

            @Override
            public void measuring(String name, int index, int count) {
                current = index;
            }

            @Override
            public boolean isCancelled() {
                return current == 3;
            }
        });
        assertThat(within.rows()).hasSize(2);
    }

    // ---------------------------------------------------------------- in turns

    private static final Plan ONE = Plan.tiny().only(List.of("gelu", "t5"));

    private static List<String> asked(String... lines) throws IOException {
        var said = new StringWriter();
        Turns.serve(ONE, Optional.empty(), new BufferedReader(new StringReader(String.join("\n", lines))), new PrintWriter(said));
        return said.toString().lines().toList();
    }

    @Test
    void aPlanMeasuresOnlyWhatItIsAskedFor() {
        assertThat(Bench.names(ONE, List.of(DType.FLOAT32, DType.BFLOAT16), Optional.empty())).containsExactly(
                "gelu 242 x 512 float32", "t5 xxl encoder float32", "gelu 242 x 512 bfloat16", "t5 xxl encoder bfloat16");
    }

    @Test
    void turnsAreMeasuredAsTheyAreAskedFor() throws IOException {
        var answers = asked("case float32 gelu 242 x 512", "turn 0", "turn 0.05", "case float32 no such case", "turn 1",
                "case bfloat16 t5 xxl encoder", "turn 0");
        assertThat(answers).hasSize(8).startsWith("zoetrope bench turns 1", "ready").contains("unknown");
        var once = Turns.turn(answers.get(2));
        var often = Turns.turn(answers.get(3));
        assertThat(once.work()).isEqualTo(2.0 * 242 * 512 * Float.BYTES);
        assertThat(often.work() / once.work()).isEqualTo(Math.rint(often.work() / once.work())).isGreaterThan(1);
        assertThat(often.seconds()).isGreaterThan(0.05);
        assertThat(answers.subList(4, 6)).containsExactly("unknown", "unknown"); // no turn without a case
        assertThat(answers.get(6)).isEqualTo("ready");
    }

    private static Versus.Side side(String label, String... arguments) {
        var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                System.getProperty("java.class.path")));
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.startsWith("-D") || flag.startsWith("--")).forEach(command::add);
        command.addAll(List.of(arguments));
        return new Versus.Side(label, command, Map.of("OMP_NUM_THREADS", "1"));
    }

    /// What a side of the tests runs.
    static final class Serving {
        private Serving() {}

        public static void main(String[] none) throws IOException {
            Turns.serve(ONE, Optional.empty(), new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)),
                    new PrintWriter(System.out, true, StandardCharsets.UTF_8));
        }
    }

    /// What knows no turns.
    static final class Deaf {
        private Deaf() {}

        public static void main(String[] none) {
            System.out.println("Unknown option: '--turns'");
        }
    }

    @Test
    void twoProcessesAreMeasuredInTurns() throws IOException {
        var here = side("here", Serving.class.getName());
        var plan = Plan.tiny().only(List.of("gelu", "layer norm"));
        var comparison = Versus.run(plan, List.of(DType.FLOAT32), Optional.empty(), here, side("there", Serving.class.getName()),
                silent(false));
        assertThat(comparison.rows()).extracting(Comparison.Row::name).containsExactly("gelu 242 x 512");
        assertThat(comparison.unknown()).containsExactly("layer norm 242 x 128 float32"); // the sides have it not in their plan
        assertThat(comparison.rows()).allSatisfy(row -> {
            assertThat(row.ratio()).isPositive().isBetween(row.least(), row.most());
            assertThat(row.firstSeconds()).isPositive();
        });
        assertThat(comparison.table()).contains("first   here", "second  there", "not in both: layer norm");
        var file = folder.resolve("versus.json");
        comparison.writeJson(file);
        assertThat(Comparison.read(file)).isEqualTo(comparison);
        assertThatThrownBy(() -> Versus.run(plan, List.of(DType.FLOAT32), Optional.empty(), here, side("older", Deaf.class.getName()),
                silent(false))).isInstanceOf(BenchException.class).hasMessageContaining("older cannot be measured in turns")
                .hasMessageContaining("Unknown option").hasMessageContaining("--json");
    }
}
