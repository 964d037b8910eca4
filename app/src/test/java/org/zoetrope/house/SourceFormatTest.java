package org.zoetrope.house;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SourceFormatTest {
    private static final List<String> HELD = List.of("app/src", "library/src/main/java/org/zoetrope/hub",
            "library/src/test/java/org/zoetrope/hub", "library/src/main/java/org/zoetrope/parity",
            "library/src/test/java/org/zoetrope/parity");
    private static final boolean WRITE = Boolean.getBoolean("format.write");

    private final SourceFormat format = new SourceFormat();

    /// `.ci/format` runs this test with `-Dformat.write=true`, which repairs what it can instead of failing.
    @Test
    void everySourceIsFormatted() throws IOException {
        var repository = Repository.find();
        var wrong = new ArrayList<String>();
        for (var folder : HELD) {
            for (var file : repository.sources(folder)) {
                var name = repository.root().relativize(file);
                var source = Files.readString(file);
                var wanted = format.format(source);
                if (!source.equals(wanted) && WRITE) {
                    Files.writeString(file, wanted);
                } else if (!source.equals(wanted)) {
                    wrong.add("%s is not formatted".formatted(name));
                }
                format.complaints(wanted).forEach(complaint -> wrong.add("%s: %s".formatted(name, complaint)));
            }
        }
        if (!wrong.isEmpty()) {
            fail("run .ci/format, and repair by hand what it leaves:\n  " + String.join("\n  ", wrong));
        }
    }

    @Test
    void formattingTwiceChangesNothing() {
        var once = format.format("class A {\nint  f( ){\nreturn 1 ;} }");
        assertThat(format.format(once)).isEqualTo(once);
        assertThat(once).contains("    int f() {");
    }

    @Test
    void lineBreaksMadeByHandAreKept() {
        var source = """
                class A {
                    String words = String.join(" ",
                            "one",
                            "two");
                }
                """;
        assertThat(format.format(source)).isEqualTo(source);
    }

    @Test
    void importsAreSortedAndUnusedOnesDropped() {
        assertThat(format.format("""
                import java.util.List;
                import java.util.Map;
                import java.io.File;
                import static java.lang.Math.max;

                class A {
                    List<File> files = List.of();
                    int most = max(1, 2);
                }
                """)).startsWith("""
                import static java.lang.Math.max;

                import java.io.File;
                import java.util.List;

                class A {
                """);
    }

    @Test
    void longLinesAreWrappedAndWhatCannotBeIsReported() {
        var sum = "1000000 + ".repeat(6);
        var call = "class A {\n    int most = Math.max(%s1, %s2);\n}\n".formatted(sum, sum);
        assertThat(format.format(call).lines()).allMatch(line -> line.length() <= SourceFormat.COLUMNS);
        assertThat(format.complaints("/// " + "x".repeat(120))).containsExactly("line 1 has 124 columns, not 120");
        assertThat(format.complaints("import java.util.*;")).containsExactly("line 1 imports by wildcard");
    }
}
