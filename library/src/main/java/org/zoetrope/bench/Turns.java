package org.zoetrope.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Torch;

/// Measures cases a turn at a time, whenever the process that started this one asks: one side of a [Versus].
///
/// Lines are asked, and a line answers each. `case TYPE NAME` makes a case and runs it once; the answer is `ready`, or
/// `unknown` if this build has no such case. `turn SECONDS` runs it for at least so long; the answer is its work, the
/// seconds, those of all threads, and those of the fastest run. The end of the lines is the end.
public final class Turns {
    /// Said first. Another number means other lines.
    static final String GREETING = "zoetrope bench turns 1";

    private static final String CASE = "case ", TURN = "turn ", READY = "ready", UNKNOWN = "unknown";

    private Turns() {}

    /// Answers until there are no more lines.
    ///
    /// @param model of the case from end to end
    public static void serve(Plan plan, Optional<Path> model, BufferedReader asked, PrintWriter answers) throws IOException {
        answers.println(GREETING);
        answers.flush();
        try {
            Torch.withoutGradients(() -> {
                var line = next(asked);
                while (line.isPresent()) {
                    line = made(plan, model, line.get(), asked, answers);
                }
                return plan;
            });
        } catch (Gone e) {
            throw e.why;
        }
    }

    /// @return the line behind the turns of this case
    private static Optional<String> made(Plan plan, Optional<Path> model, String line, BufferedReader asked, PrintWriter answers) {
        var words = line.split(" ", 3);
        var found = words.length < 3 || !line.startsWith(CASE) ? Optional.<Case>empty() : Suite
                .cases(plan, List.of(DType.valueOf(words[1].toUpperCase(Locale.ROOT))), model).stream()
                .filter(one -> one.name().equals(words[2])).findFirst();
        if (found.isEmpty()) {
            say(answers, UNKNOWN);
            return next(asked);
        }
        try (var _ = Scope.open()) {
            var probe = new Yardstick.Probe(found.get().work(), found.get().prepare().apply(new Rng(1)));
            Turn.of(probe, 0);
            say(answers, READY);
            var more = next(asked);
            while (more.filter(m -> m.startsWith(TURN)).isPresent()) {
                var turn = Turn.of(probe, Double.parseDouble(more.get().substring(TURN.length())));
                say(answers, "%s %s %s %s".formatted(turn.work(), turn.seconds(), turn.coreSeconds(), turn.fastest()));
                more = next(asked);
            }
            return more;
        }
    }

    private static void say(PrintWriter answers, String line) {
        answers.println(line);
        answers.flush();
    }

    private static Optional<String> next(BufferedReader asked) {
        try {
            return Optional.ofNullable(asked.readLine());
        } catch (IOException e) {
            throw new Gone(e);
        }
    }

    /// The other process is.
    private static final class Gone extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final IOException why;

        Gone(IOException why) {
            super(why);
            this.why = why;
        }
    }

    // ---------------------------------------------------------------- the other end

    /// The line that asks for a case.
    static String asking(Case one) {
        return CASE + one.dtype().name().toLowerCase(Locale.ROOT) + " " + one.name();
    }

    /// The line that asks for a turn.
    static String asking(double seconds) {
        return TURN + seconds;
    }

    /// Whether the answer says that a case can be measured.
    static boolean isReady(String answer) {
        return answer.equals(READY);
    }

    /// The answer to a turn.
    ///
    /// @throws NumberFormatException if it is none
    static Turn turn(String answer) {
        var numbers = answer.split(" ", 5);
        if (numbers.length != 4) {
            throw new NumberFormatException("\"%s\" is not four numbers".formatted(answer));
        }
        return new Turn(Double.parseDouble(numbers[0]), Double.parseDouble(numbers[1]), Double.parseDouble(numbers[2]),
                Double.parseDouble(numbers[3]));
    }
}
