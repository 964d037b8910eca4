package org.zoetrope.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.house.Repository;

/// The shell script that starts Zoetrope, in an installation whose Java prints its arguments and whose Maven its work.
@Timeout(60)
class LauncherTest {
    private static final String LAUNCHER = Repository.find().text("zoetrope");

    @TempDir Path temporary;
    private Path home;
    private Path jdk;
    private Path tools;

    @BeforeEach
    void install() throws IOException {
        home = Files.createDirectories(temporary.resolve("with space"));
        for (var module : List.of("app", "library", "tensor")) {
            Files.createDirectories(home.resolve(module + "/src/main"));
            Files.createFile(home.resolve(module + "/pom.xml"));
            Files.createFile(home.resolve(module + "/src/main/A.java"));
        }
        Files.createFile(home.resolve("pom.xml"));
        script(home.resolve("zoetrope"), LAUNCHER);
        jdk = temporary.resolve("jdk");
        Files.createDirectories(jdk.resolve("bin"));
        Files.writeString(jdk.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"25.0.3\"\n");
        script(jdk.resolve("bin/java"), "#!/bin/bash\nprintf '<%s>\\n' \"$@\"\nexit ${EXIT:-0}\n");
        script(jdk.resolve("bin/javac"), "#!/bin/bash\n");
        tools = Files.createDirectories(temporary.resolve("tools"));
        script(tools.resolve("mvn"), """
                #!/bin/bash
                echo built >> builds
                echo "$@" > asked
                [ -z "${BREAK:-}" ] || { echo "[ERROR] it does not compile"; exit 1; }
                mkdir -p app/target/lib
                touch app/target/zoetrope-app-0.1.0.jar app/target/lib/a.jar app/target/lib/b.jar
                """);
    }

    private static void script(Path file, String text) throws IOException {
        Files.writeString(file, text);
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private Typed launch(Map<String, String> environment, Path command, String... arguments) throws Exception {
        var line = new ArrayList<>(List.of(command.toString()));
        line.addAll(List.of(arguments));
        var builder = new ProcessBuilder(line).directory(temporary.toFile());
        builder.environment().clear();
        builder.environment().putAll(Map.of("HOME", temporary.toString(), "JAVA_HOME", jdk.toString(), "PATH",
                tools + ":/usr/bin:/bin"));
        builder.environment().putAll(environment);
        var out = Files.createTempFile(temporary, "out", "");
        var err = Files.createTempFile(temporary, "err", "");
        var code = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start().waitFor();
        return new Typed(code, Files.readString(out), Files.readString(err));
    }

    private Typed launch(String... arguments) throws Exception {
        return launch(Map.of(), home.resolve("zoetrope"), arguments);
    }

    private long builds() throws IOException {
        return Files.readAllLines(home.resolve("builds")).size();
    }

    /// One fact in two places, since a shell cannot read a pom; this keeps them one.
    @Test
    void javaIsStartedWithTheFlagsOfTheBuild() {
        var flags = Pattern.compile("<jvm.flags>(.*?)</jvm.flags>").matcher(Repository.find().text("pom.xml"));
        assertThat(flags.find()).isTrue();
        assertThat(LAUNCHER).contains(flags.group(1).split(" "));
    }

    @Test
    void theFirstRunBuildsAndTheSecondDoesNot() throws Exception {
        var first = launch("generate", "a red circle", "--seed", "7").succeeds();
        assertThat(first.err()).contains("building Zoetrope, once");
        assertThat(first.out()).contains("<org.zoetrope.cli.Main>\n<generate>\n<a red circle>\n<--seed>\n<7>\n")
                .contains("zoetrope-app-0.1.0.jar:", "lib/a.jar:", "lib/b.jar>", "<-Dzoetrope.home=" + home + ">");
        assertThat(launch("doctor").succeeds().err()).isEmpty();
        assertThat(builds()).isEqualTo(1);
    }

    @Test
    void aChangedSourceIsBuiltAgain() throws Exception {
        launch().succeeds();
        Files.setLastModifiedTime(home.resolve("library/src/main/A.java"),
                FileTime.fromMillis(System.currentTimeMillis() + 5000));
        assertThat(launch().succeeds().err()).contains("sources changed");
        assertThat(builds()).isEqualTo(2);
    }

    @Test
    void aProfileIsBuiltOnceAndKeptUntilAnotherIsAskedFor() throws Exception {
        var launcher = home.resolve("zoetrope");
        launch().succeeds();
        assertThat(launch(Map.of("ZOETROPE_PROFILE", "cuda"), launcher).succeeds().err()).contains("profile cuda");
        assertThat(asked()).isEqualTo("-B -q -Pcuda -DskipTests package");
        assertThat(launch(Map.of("ZOETROPE_PROFILE", "cuda"), launcher).succeeds().err()).isEmpty();
        assertThat(launch().succeeds().err()).isEmpty();
        assertThat(builds()).isEqualTo(2);
        launch(Map.of("ZOETROPE_PROFILE", ""), launcher).succeeds();
        assertThat(asked()).isEqualTo("-B -q -DskipTests package");
        assertThat(builds()).isEqualTo(3);
    }

    private String asked() throws IOException {
        return Files.readString(home.resolve("asked")).strip();
    }

    @Test
    void linksLeadHome() throws Exception {
        var link = Files.createSymbolicLink(temporary.resolve("first"), home.resolve("zoetrope"));
        var second = Files.createSymbolicLink(temporary.resolve("second"), link.getFileName());
        assertThat(launch(Map.of(), second, "doctor").succeeds().out()).contains("<-Dzoetrope.home=" + home + ">");
    }

    @Test
    void theExitCodeIsThatOfTheCommand() throws Exception {
        assertThat(launch(Map.of("EXIT", "2"), home.resolve("zoetrope"), "generate").code()).isEqualTo(2);
    }

    @Test
    void aBuildThatFailsShowsWhyAndIsTriedAgain() throws Exception {
        var broken = launch(Map.of("BREAK", "1"), home.resolve("zoetrope"));
        broken.fails(1, "the build failed", "build.log");
        assertThat(broken.err()).contains("it does not compile");
        launch().succeeds();
    }

    @Test
    void anOldJavaIsNotTaken() throws Exception {
        Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"21.0.3\"\n");
        // Another JDK 25 may be installed on this machine; then the launcher finds that one, and it knows no Main.
        var typed = launch("doctor");
        assertThat(typed.code()).isEqualTo(1);
        assertThat(typed.out()).doesNotContain("<doctor>");
        assertThat(typed.err()).containsAnyOf("no Java 25 found", "zoetrope");
    }

    @Test
    void withoutMavenTheFirstRunSaysSo() throws Exception {
        Files.delete(tools.resolve("mvn"));
        for (var tool : List.of("bash", "dirname", "readlink", "sed", "find", "mkdir")) {
            Files.createSymbolicLink(tools.resolve(tool), Path.of("/usr/bin").resolve(tool));
        }
        launch(Map.of("PATH", tools.toString()), home.resolve("zoetrope")).fails(1, "no mvn", "apt install maven");
    }
}
