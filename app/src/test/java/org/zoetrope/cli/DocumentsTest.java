package org.zoetrope.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.zoetrope.cli.Typed.type;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.house.Repository;
import picocli.CommandLine;

/// What the documents say is what the code does.
class DocumentsTest {
    private static final boolean WRITE = Boolean.getBoolean("format.write");
    private static final Pattern FENCE = Pattern.compile("```(\\w*)\\n(.*?)```", Pattern.DOTALL);
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#]+)[^)]*\\)");

    private final Repository repository = Repository.find();

    private List<String> blocks(String document, String language) {
        return FENCE.matcher(repository.text(document)).results().filter(match -> match.group(1).equals(language))
                .map(match -> match.group(2)).toList();
    }

    /// The page of commands is their own help; `.ci/format` writes it anew.
    @Test
    void thePageOfCommandsIsTheirHelp() throws IOException {
        var page = new StringBuilder("""
                # Commands

                What `zoetrope COMMAND --help` prints. Results go to standard output, everything else to standard error.
                """);
        for (var command : Stream.concat(Stream.of(""), line().getSubcommands().keySet().stream()).toList()) {
            var words = command.isEmpty() ? new Object[] {"--help"} : new Object[] {command, "--help"};
            page.append("\n## zoetrope %s\n\n```text\n".formatted(command).replace(" \n", "\n"));
            type(words).succeeds().out().lines().forEach(line -> page.append(line.stripTrailing()).append('\n'));
            page.append("```\n");
        }
        if (WRITE) {
            Files.writeString(repository.root().resolve("docs/cli.md"), page);
        }
        assertThat(repository.text("docs/cli.md")).as("docs/cli.md; run .ci/format").isEqualTo(page.toString());
    }

    /// Ten lines of Java, compiled and run on a small model.
    @Test
    void theJavaExampleCompilesAndRuns(@TempDir Path folder) throws Exception {
        var code = blocks("README.md", "java").getFirst();
        assertThat(code).contains("models/mini").contains("circle.mp4");
        var video = folder.resolve("circle.mp4");
        var source = Files.writeString(folder.resolve("PaperBoat.java"), code
                .replace("models/mini", Typed.rehearsedModel(folder.resolve("run")).toString())
                .replace("circle.mp4", video.toString()));
        var compiled = ToolProvider.getSystemJavaCompiler().run(null, null, null, "-d", folder.toString(), "-cp",
                System.getProperty("java.class.path"), source.toString());
        assertThat(compiled).isZero();
        try (var loader = new URLClassLoader(new URL[] {folder.toUri().toURL()})) {
            loader.loadClass("PaperBoat").getMethod("main", String[].class).invoke(null, (Object) new String[0]);
        }
        assertThat(video).isNotEmptyFile();
    }

    /// Every command line of the documents parses, with its options as they are today.
    @Test
    void commandsInTheDocumentsAreReal() {
        var line = line();
        var found = new ArrayList<String>();
        for (var document : documents()) {
            for (var language : List.of("", "sh", "bash")) {
                for (var block : blocks(document, language)) {
                    block.lines().map(String::strip).filter(text -> text.startsWith("./zoetrope ")).forEach(found::add);
                }
            }
        }
        assertThat(found).isNotEmpty().allSatisfy(text -> line.parseArgs(words(text.substring(11))));
    }

    private static CommandLine line() {
        try (var interruption = Interruption.watch()) {
            return Main.line(new Zoetrope(Terminal.ofProcess(), interruption));
        }
    }

    /// Words as a shell splits them, quotes apart.
    private static String[] words(String text) {
        return Pattern.compile("\"([^\"]*)\"|(\\S+)").matcher(text.replaceAll("\\s+#.*", "")).results()
                .map(match -> match.group(1) == null ? match.group(2) : match.group(1)).toArray(String[]::new);
    }

    @Test
    void theTestsOfTheReadmeAreThoseOfTheBuildServer() {
        assertThat(repository.text(".ci/run")).endsWith("exec mvn -B verify\n");
        assertThat(blocks("README.md", "")).anyMatch(block -> block.strip().equals("mvn -B verify"));
        assertThat(blocks("README.md", "")).anyMatch(block -> block.strip().startsWith("./zoetrope generate "));
    }

    @Test
    void linksLeadSomewhere() {
        for (var document : documents()) {
            var folder = repository.root().resolve(document).resolveSibling("");
            assertThat(LINK.matcher(repository.text(document)).results().map(match -> match.group(1))
                    .filter(target -> URI.create(target).getScheme() == null))
                    .as("links of " + document).allSatisfy(target -> assertThat(folder.resolve(target)).exists());
        }
    }

    private List<String> documents() {
        try (var pages = Files.list(repository.root().resolve("docs"))) {
            return Stream
                    .concat(Stream.of("README.md"), pages.map(page -> repository.root().relativize(page).toString())
                            .filter(page -> page.endsWith(".md")).sorted())
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
