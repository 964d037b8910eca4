package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// The folder Zoetrope is installed in, which holds the bundled models.
record Installation(Path home) {
    /// As the launcher says, or where the working directory is inside one.
    static Installation find() {
        var said = Optional.ofNullable(System.getProperty("zoetrope.home"));
        return new Installation(said.map(Path::of).orElseGet(() -> Stream
                .iterate(Path.of("").toAbsolutePath(), folder -> folder != null, Path::getParent)
                .filter(folder -> Files.isDirectory(folder.resolve("models"))).findFirst().orElse(Path.of(""))));
    }

    /// A model by its folder, or by its name in `models`.
    ///
    /// @throws UsageException if there is neither
    Path model(String nameOrFolder) {
        var folder = Path.of(nameOrFolder);
        var bundled = home.resolve("models").resolve(nameOrFolder);
        if (Files.isDirectory(folder)) {
            return folder;
        }
        if (!nameOrFolder.isBlank() && Files.isDirectory(bundled)) {
            return bundled;
        }
        throw new UsageException("no model \"%s\": there is no folder %s, and %s%n"
                + "  fix    name the folder of a model, or fetch one: zoetrope pull THUDM/CogVideoX-2b", nameOrFolder,
                folder.toAbsolutePath(), models().isEmpty() ? "no model is bundled in " + home.resolve("models")
                        : "the bundled models are " + String.join(", ", models()));
    }

    /// Names of the bundled models.
    List<String> models() {
        try (var folders = Files.list(home.resolve("models"))) {
            return folders.filter(folder -> Files.isRegularFile(folder.resolve("model_index.json")))
                    .map(folder -> String.valueOf(folder.getFileName())).sorted().toList();
        } catch (IOException _) {
            return List.of();
        }
    }
}
