package org.zoetrope.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// Prints a completion script.
@Command(name = "completion", mixinStandardHelpOptions = true,
        description = "Print a script that completes commands and options in a shell.",
        footer = {"", "Bash:  source <(zoetrope completion bash)",
                "Zsh:   autoload -U +X bashcompinit && bashcompinit; source <(zoetrope completion zsh)"})
final class CompletionCommand implements Callable<Integer> {
    enum Shell {
        BASH, ZSH
    }

    /// Both shells read the same script, Zsh with its bashcompinit.
    @Parameters(paramLabel = "SHELL",
            description = "bash or zsh.")
    private Shell shell;
    @ParentCommand private Zoetrope zoetrope;
    @Spec private CommandSpec spec;

    @Override
    public Integer call() {
        zoetrope.terminal().result("%s", AutoComplete.bash("zoetrope", spec.root().commandLine()));
        return 0;
    }
}
