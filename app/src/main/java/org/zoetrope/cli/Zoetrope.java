package org.zoetrope.cli;

import org.zoetrope.pipeline.Recipe;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/// The command above all commands; it does nothing by itself.
@Command(name = "zoetrope", mixinStandardHelpOptions = true, versionProvider = Zoetrope.Version.class,
        subcommandsRepeatable = false, synopsisSubcommandLabel = "COMMAND",
        description = "Text to video, on the JVM.", subcommands = {
                GenerateCommand.class, EditCommand.class, ServeCommand.class, InspectCommand.class,
                EvaluateCommand.class, StudyCommand.class, TrainCommand.class,
                PullCommand.class, ParityCommand.class, BenchCommand.class, DoctorCommand.class,
                CompletionCommand.class},
        footer = {"",
                "Exit codes: 0 done, 1 failed, 2 a mistake in what was asked, 130 interrupted.", "",
                "  zoetrope generate \"a red circle moves right\"",
                "  zoetrope COMMAND --help"})
final class Zoetrope implements Runnable {
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"zoetrope " + Recipe.VERSION};
        }
    }

    @Option(names = "--debug", scope = ScopeType.INHERIT,
            description = "With an error, show where it happened.")
    private boolean debug;
    @Spec private CommandSpec spec;

    private final Terminal terminal;
    private final Interruption interruption;

    Zoetrope(Terminal terminal, Interruption interruption) {
        this.terminal = terminal;
        this.interruption = interruption;
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "no command given; there are "
                + String.join(", ", spec.subcommands().keySet()));
    }

    Terminal terminal() {
        return terminal;
    }

    Interruption interruption() {
        return interruption;
    }

    boolean debug() {
        return debug;
    }
}
