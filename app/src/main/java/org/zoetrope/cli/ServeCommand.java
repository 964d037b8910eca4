package org.zoetrope.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.zoetrope.server.Keys;
import org.zoetrope.server.Server;
import org.zoetrope.server.ServerSettings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/// The studio in the browser, and an API for programs.
@Command(name = "serve", mixinStandardHelpOptions = true, sortOptions = false,
        description = {
                "Serve a studio for the browser, and the videos API of OpenAI for programs.",
                "Jobs are recorded before they start. Stop the server at any moment and start it again: finished "
                        + "videos are there, and the others go on."},
        footer = {"",
                "Environment: ZOETROPE_DATABASE, for --database.", "",
                "Examples:",
                "  zoetrope serve",
                "  zoetrope serve --model CogVideoX-2b --model mini --port 9000",
                "  zoetrope serve --new-key ada",
                "  zoetrope serve --host 0.0.0.0 --database \"jdbc:postgresql://db/zoetrope?user=zoetrope\""})
final class ServeCommand implements Callable<Integer> {
    private static final int LONGEST_QUEUE = 1_000_000, MOST_CHARACTERS = 1_000_000;

    @Option(names = {"-m", "--model"}, paramLabel = "DIR",
            description = "A model folder or the name of a bundled one; may be repeated, and the first answers where a "
                    + "program names a model of OpenAI (default: all bundled ones).")
    private List<String> models = new ArrayList<>();
    @Option(names = "--host", paramLabel = "ADDRESS", defaultValue = "127.0.0.1",
            description = "Where to listen; anything but this machine itself needs a key (default: 127.0.0.1).")
    private String host;
    @Option(names = "--port", paramLabel = "N", defaultValue = "8188",
            description = "Where to listen; 0 takes a free port (default: 8188).")
    private int port;
    @Option(names = "--data", paramLabel = "DIR",
            description = "Folder of jobs, videos and keys (default: zoetrope in $XDG_DATA_HOME or ~/.local/share).")
    private Optional<Path> data;
    @Option(names = "--database", paramLabel = "URL", defaultValue = "${env:ZOETROPE_DATABASE:-}",
            description = "JDBC address of a PostgreSQL that several servers share; they share the folder of --data "
                    + "too (default: an embedded database in that folder).")
    private String database;
    @Option(names = "--workers", paramLabel = "N", defaultValue = "1",
            description = "Videos made at the same time; 0 only answers requests (default: 1).")
    private int workers;
    @Option(names = "--queue-length", paramLabel = "N", defaultValue = "500",
            description = "Unfinished jobs that one key may have; more are refused (default: 500).")
    private int queueLength;
    @Option(names = "--characters", paramLabel = "N", defaultValue = "100",
            description = "Characters that one key may keep; more are refused (default: 100).")
    private int characters;
    @Option(names = "--memory", paramLabel = "GB",
            description = "What one video may take (default: what the machine has free).")
    private Optional<Double> memory;
    @Option(names = "--fetch-urls",
            description = "Let requests give a picture or a video by its address: http or https, at public addresses "
                    + "of the internet alone (default: nothing is fetched).")
    private boolean fetchUrls;
    @Mixin private ModelOptions options;
    @Option(names = "--new-key", paramLabel = "NAME",
            description = "Make a key, print it and end. Where there are keys, every request needs one.")
    private Optional<String> newKey;
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() {
        var folder = data.orElseGet(ServeCommand::defaultFolder);
        if (newKey.isPresent()) {
            zoetrope.terminal().result("%s", Keys.add(folder, newKey.get()));
            return 0;
        }
        if (workers < 0 || workers > 64) {
            throw new UsageException("%d workers; give 0 to 64", workers);
        }
        if (queueLength < 1 || queueLength > LONGEST_QUEUE) {
            throw new UsageException("a queue of %d jobs; give 1 to %d", queueLength, LONGEST_QUEUE);
        }
        if (characters < 1 || characters > MOST_CHARACTERS) {
            throw new UsageException("%d characters; give 1 to %d", characters, MOST_CHARACTERS);
        }
        if (port < 0 || port > 65535) {
            throw new UsageException("port %d; give 0 to 65535", port);
        }
        var installation = Installation.find();
        var names = models.isEmpty() ? installation.models() : models;
        var installed = names.stream().map(installation::model)
                .map(path -> new ServerSettings.Installed(name(path), path)).toList();
        var settings = ServerSettings.of(folder, installed).address(host, port)
                .database(Optional.of(database).filter(url -> !url.isBlank())).workers(workers)
                .queueLength(queueLength).characters(characters).fetchUrls(fetchUrls).options(options.options());
        return serve(memory.map(gigabytes -> settings.memoryBytes((long) (gigabytes * 1e9))).orElse(settings));
    }

    private int serve(ServerSettings settings) {
        zoetrope.interruption().disposable(false);
        try (var server = Server.start(settings)) {
            zoetrope.terminal().result("studio    %s/", server.address());
            zoetrope.terminal().tell("api       %s/v1/videos", server.address());
            zoetrope.terminal().tell("models    %s", String.join(", ", settings.models().stream()
                    .map(ServerSettings.Installed::name).toList()));
            zoetrope.terminal().tell("videos    %s", settings.data());
            new CountDownLatch(1).await();
        } catch (InterruptedException _) {
            zoetrope.terminal().tell("stopped; what was not finished goes on with the next start");
        }
        return 0;
    }

    private static String name(Path folder) {
        return String.valueOf(folder.toAbsolutePath().normalize().getFileName());
    }

    private static Path defaultFolder() {
        var share = Optional.ofNullable(System.getenv("XDG_DATA_HOME")).filter(path -> path.startsWith("/"))
                .map(Path::of)
                .orElse(Path.of(System.getProperty("user.home"), ".local", "share"));
        return share.resolve("zoetrope");
    }
}
