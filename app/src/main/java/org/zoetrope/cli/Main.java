package org.zoetrope.cli;

import picocli.CommandLine;

/// Starts a command and ends the process with its exit code.
public final class Main {
    private Main() {}

    public static void main(String... arguments) {
        System.exit(run(Terminal.ofProcess(), arguments));
    }

    /// Runs a command.
    ///
    /// @return 0 done, 1 failed, 2 a mistake in what was asked, 130 interrupted
    public static int run(Terminal terminal, String... arguments) {
        try (var interruption = Interruption.watch()) {
            var zoetrope = new Zoetrope(terminal, interruption);
            try {
                return line(zoetrope).execute(arguments);
            } catch (OutOfMemoryError | StackOverflowError e) {
                return new Failures(zoetrope).report(e);
            }
        }
    }

    /// The commands, their options, and what becomes of their exceptions.
    static CommandLine line(Zoetrope zoetrope) {
        var failures = new Failures(zoetrope);
        return new CommandLine(zoetrope)
                .setOut(zoetrope.terminal().out())
                .setErr(zoetrope.terminal().err())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setOverwrittenOptionsAllowed(true)
                .setExecutionExceptionHandler(failures)
                .setParameterExceptionHandler(failures)
                .setUsageHelpAutoWidth(false)
                .setUsageHelpWidth(100);
    }
}
