package org.zoetrope.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Arrays;

/// A command as it is typed, and what came of it.
record Typed(int code, String out, String err) {
    static Typed type(Object... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        var terminal = new Terminal(new PrintWriter(out, true), new PrintWriter(err, true), false);
        var code = Main.run(terminal, Arrays.stream(arguments).map(String::valueOf).toArray(String[]::new));
        return new Typed(code, out.toString(), err.toString());
    }

    Typed succeeds() {
        assertThat(code).as("exit code; stderr: %s", err).isZero();
        return this;
    }

    /// Ends with this code and a message with these words, and never with a stack trace.
    void fails(int expected, String... words) {
        assertThat(code).as("exit code; stderr: %s", err).isEqualTo(expected);
        assertThat(err).contains("error: ").contains(words).doesNotContain("\tat ").doesNotContain("unexpected ");
    }

    /// A model of every component that is trained in seconds; it shows nothing to speak of.
    static Path rehearsedModel(Path folder) {
        type("train", "mini", "--out", folder, "--rehearsal", "--workers", "1").succeeds();
        return folder.resolve("model");
    }
}
