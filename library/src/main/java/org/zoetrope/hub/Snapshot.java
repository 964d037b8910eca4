package org.zoetrope.hub;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What a repository holds at one commit. A pull leaves it in the folder as `.zoetrope-snapshot.json`, so that the
/// folder can be checked again without a network.
public record Snapshot(String repository, String commit, List<HubFile> files) {
    static final String FILE = ".zoetrope-snapshot.json";

    public Snapshot {
        files = List.copyOf(files);
    }

    /// The files of a listing, folders left out.
    static List<HubFile> files(JsonNode listing) {
        var files = new ArrayList<HubFile>();
        for (var entry : listing) {
            if (entry.path("type").asText().equals("file")) {
                files.add(file(entry));
            }
        }
        return files;
    }

    private static HubFile file(JsonNode entry) {
        var lfs = entry.path("lfs");
        return lfs.isObject()
                ? new HubFile(entry.path("path").asText(), lfs.path("size").asLong(-1),
                        new Checksum.Sha256(lfs.path("oid").asText().replaceFirst("^sha256:", "")))
                : new HubFile(entry.path("path").asText(), entry.path("size").asLong(-1),
                        new Checksum.GitBlob(entry.path("oid").asText()));
    }

    static Optional<Snapshot> read(Path folder) {
        var file = folder.resolve(FILE);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            var json = new ObjectMapper().readTree(Files.readAllBytes(file));
            return Optional.of(new Snapshot(json.path("repository").asText(), json.path("commit").asText(),
                    files(json.path("files"))));
        } catch (IOException e) {
            throw new HubException(e, "cannot read %s: %s%n  fix    delete it and pull again", file, e.getMessage());
        }
    }

    void write(Path folder) throws IOException {
        var mapper = new ObjectMapper();
        var json = mapper.createObjectNode().put("repository", repository).put("commit", commit);
        var list = json.putArray("files");
        for (var file : files) {
            var entry = list.addObject().put("type", "file").put("path", file.path()).put("size", file.size());
            switch (file.checksum()) {
                case Checksum.Sha256(var hex) -> entry.putObject("lfs").put("oid", hex).put("size", file.size());
                case Checksum.GitBlob(var hex) -> entry.put("oid", hex);
            }
        }
        var part = folder.resolve(FILE + ".part");
        Files.write(part, mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(json));
        Files.move(part, folder.resolve(FILE), StandardCopyOption.REPLACE_EXISTING);
    }
}
