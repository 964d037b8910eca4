package org.zoetrope.house;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// The folder of this repository and the Java sources in it.
public record Repository(Path root) {
    /// The modules, in the order they are built.
    public static final List<String> MODULES = List.of("tensor", "library", "server", "app");

    /// The repository that holds the working directory.
    public static Repository find() {
        return Stream.iterate(Path.of("").toAbsolutePath(), folder -> folder != null, Path::getParent)
                .filter(folder -> Files.isRegularFile(folder.resolve("tensor/pom.xml")))
                .findFirst()
                .map(Repository::new)
                .orElseThrow(() -> new IllegalStateException("run the tests from inside the repository"));
    }

    /// The sources below a folder, in a fixed order.
    public List<Path> sources(String folder) {
        try (var files = Files.walk(root.resolve(folder))) {
            return files.filter(file -> file.toString().endsWith(".java")).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The text of a file of the repository.
    public String text(String name) {
        try {
            return Files.readString(root.resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
