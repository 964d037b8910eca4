package org.zoetrope.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
}
