package org.zoetrope.pipeline;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// Speeds that were measured once, in a file of the user's cache. A machine has a file of its own, so that homes which
/// several machines share serve all of them. What cannot be read counts as not measured, and where nothing can be
/// written the numbers live as long as the process.
///
/// @param path    of the file
/// @param machine what the numbers depend on, see [Machine#identity()]
record SpeedFile(Path path, String machine) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String FOLDER = "zoetrope.cache"; // system property that names the folder

    /// In `-Dzoetrope.cache`, or `zoetrope` in `$XDG_CACHE_HOME` or in `~/.cache`.
    static SpeedFile ofUser(String machine) {
        var folder = Optional.ofNullable(System.getProperty(FOLDER)).filter(path -> !path.isBlank()).map(Path::of)
                .orElseGet(() -> Optional.ofNullable(System.getenv("XDG_CACHE_HOME")).filter(path -> path.startsWith("/"))
                        .map(Path::of).orElse(Path.of(System.getProperty("user.home"), ".cache")).resolve("zoetrope"));
        return in(folder, machine);
    }

    static SpeedFile in(Path folder, String machine) {
        return new SpeedFile(folder.resolve("speeds-%s.json".formatted(digest(machine))), machine);
    }

    private static String digest(String text) {
        try {
            var bytes = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(bytes, 0, 6);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /// Operations a second by name; empty if there is no file, or it is broken or of another machine.
    Map<String, Double> read() {
        try {
            var root = JSON.readTree(Files.readString(path));
            if (!root.path("machine").asText().equals(machine)) {
                return Map.of();
            }
            var speeds = new LinkedHashMap<String, Double>();
            root.path("flops_per_second").properties().stream().filter(entry -> isSpeed(entry.getValue()))
                    .forEach(entry -> speeds.put(entry.getKey(), entry.getValue().doubleValue()));
            return speeds;
        } catch (JacksonException _) {
            return Map.of(); // broken: measured anew, and written over
        } catch (IOException _) {
            return Map.of();
        }
    }

    private static boolean isSpeed(JsonNode value) {
        return value.isNumber() && Double.isFinite(value.doubleValue()) && value.doubleValue() > 0;
    }

    /// Replaces the file in one move, so that nobody reads half of it.
    void write(Map<String, Double> speeds) {
        try {
            var folder = path.toAbsolutePath().getParent();
            Files.createDirectories(folder);
            var fresh = Files.createTempFile(folder, "speeds", ".new");
            try {
                Files.writeString(fresh, JSON.writerWithDefaultPrettyPrinter()
                        .writeValueAsString(Map.of("machine", machine, "flops_per_second", speeds)));
                moved(fresh);
            } finally {
                Files.deleteIfExists(fresh);
            }
        } catch (IOException | UnsupportedOperationException _) {
            // A folder that cannot be written, or a full disk: the numbers stay in memory.
        }
    }

    private void moved(Path fresh) throws IOException {
        try {
            Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException _) {
            Files.move(fresh, path, StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
