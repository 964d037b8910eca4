package org.zoetrope.cli;

import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.zoetrope.hub.HubFile;
import org.zoetrope.hub.HubRepository;
import org.zoetrope.hub.Pull;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// Fetches a published model.
@Command(name = "pull", mixinStandardHelpOptions = true, sortOptions = false,
        description = {
                "Fetch a model from the Hugging Face hub.",
                "Files are checked against the hub's hashes; a pull that was stopped goes on where it stopped. Files "
                        + "that can run code when they are read (pickles) are left behind."},
        footer = {"",
                "Environment: HF_TOKEN, for repositories that are not public; HF_ENDPOINT, another hub.", "",
                "Examples:",
                "  zoetrope pull THUDM/CogVideoX-2b",
                "  zoetrope pull THUDM/CogVideoX-5b --to models/5b --exclude \"*.md\"",
                "  zoetrope pull THUDM/CogVideoX-2b --offline"})
final class PullCommand implements Callable<Integer> {
    @Parameters(paramLabel = "REPO",
            description = "OWNER/NAME on the hub.")
    private String name;
    @Option(names = "--revision", paramLabel = "REV", defaultValue = "main",
            description = "Branch, tag or commit (default: main).")
    private String revision;
    @Option(names = "--to", paramLabel = "DIR",
            description = "Folder to fetch into (default: ./NAME).")
    private Optional<Path> folder;
    @Option(names = "--include", paramLabel = "GLOB",
            description = "Fetch only what fits; may be repeated.")
    private List<String> include = new ArrayList<>();
    @Option(names = "--exclude", paramLabel = "GLOB",
            description = "Leave out what fits; may be repeated.")
    private List<String> exclude = new ArrayList<>();
    @Option(names = "--endpoint", paramLabel = "URL", defaultValue = "${env:HF_ENDPOINT:-https://huggingface.co}",
            description = "The hub (default: https://huggingface.co).")
    private URI endpoint;
    @Option(names = "--offline",
            description = "Only check that what was pulled before is whole.")
    private boolean offline;
    @Option(names = {"-q", "--quiet"},
            description = "Print the folder and nothing else.")
    private boolean quiet;
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() {
        var repository = new HubRepository(endpoint, name, revision);
        var pull = Pull.of(name).endpoint(repository.endpoint()).revision(revision).include(include).exclude(exclude)
                .to(folder.orElse(Path.of(repository.shortName())));
        var token = Optional.ofNullable(System.getenv("HF_TOKEN")).filter(secret -> !secret.isBlank());
        var report = offline ? pull.check() : run(token.map(pull::token).orElse(pull));
        if (!quiet && !report.pickles().isEmpty()) {
            zoetrope.terminal().tell("note      left behind, because reading them can run code: %s",
                    report.pickles().stream().map(HubFile::path).collect(Collectors.joining(", ")));
        }
        var whole = report.fetched().size() + report.kept().size();
        zoetrope.terminal().result(quiet ? "%s" : "%s: %d files, %s, at commit %.12s%s", report.folder(), whole,
                Terminal.bytes(report.fetched().stream().mapToLong(HubFile::size).sum()
                        + report.kept().stream().mapToLong(HubFile::size).sum()),
                report.commit(), report.kept().isEmpty() ? "" : " (%d were here)".formatted(report.kept().size()));
        return 0;
    }

    private Pull.Report run(Pull pull) {
        try (var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), quiet)) {
            return pull.run((file, bytes) -> stages.count(file.path(), bytes, file.size(), "bytes"));
        }
    }
}
