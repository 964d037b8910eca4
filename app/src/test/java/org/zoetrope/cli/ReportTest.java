package org.zoetrope.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringReader;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.xml.sax.InputSource;

class ReportTest {
    @Test
    void markdownHasTextAndTables() {
        var report = new Report();
        report.title("title");
        report.text("100 %");
        report.table(List.of("method", "value"), List.of(List.of("a", "1")));
        assertThat(report.markdown()).isEqualTo("""
                # title

                100 %

                | method | value |
                |---|---:|
                | a | 1 |
                """);
    }

    @Test
    void tablesOfOthersAreTaken() {
        var report = new Report();
        report.markdown("| m | v |\n|---|---:|\n| x | 7 |\n\nA note of 5 %.");
        assertThat(report.markdown()).isEqualTo("| m | v |\n|---|---:|\n| x | 7 |\n\nA note of 5 %.\n");
    }

    @Test
    void equalClipsHaveNoDecibels() {
        assertThat(Report.decibels(31.318)).isEqualTo("31.32");
        assertThat(Report.decibels(Double.POSITIVE_INFINITY)).isEqualTo("exact");
    }

    /// Plots are well-formed, stay within their frame, and leave out what is no number.
    @Test
    void plotsAreWellFormed() throws Exception {
        var report = new Report();
        report.lines("rising & falling", "x", "y", List.of(
                new Report.Series("one", List.of(new double[] {0, 1}, new double[] {1, 3})),
                new Report.Series("<two>", List.of(new double[] {0.5, Double.NaN}))));
        report.points("one point", "x", "y", List.of(new Report.Series("a", List.of(new double[] {5, 5}))));
        report.points("none", "x", "y", List.of());
        var html = report.html();
        for (var svg : html.split("(?=<svg)")) {
            if (svg.startsWith("<svg")) {
                var text = svg.substring(0, svg.indexOf("</svg>") + 6);
                var circles = DocumentBuilderFactory.newInstance().newDocumentBuilder()
                        .parse(new InputSource(new StringReader(text))).getElementsByTagName("circle");
                for (var i = 0; i < circles.getLength(); i++) {
                    var x = Double.parseDouble(circles.item(i).getAttributes().getNamedItem("cx").getNodeValue());
                    var y = Double.parseDouble(circles.item(i).getAttributes().getNamedItem("cy").getNodeValue());
                    assertThat(x).isBetween(0.0, 760.0);
                    assertThat(y).isBetween(0.0, 320.0);
                }
            }
        }
        assertThat(html).doesNotContain("NaN").contains("&lt;two&gt;");
    }

    @Test
    void aCopyGoesOnByItself() {
        var report = new Report();
        report.text("first");
        report.copy().text("second");
        assertThat(report.markdown()).isEqualTo("first\n");
    }
}
