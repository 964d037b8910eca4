package org.zoetrope.media;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Pattern;

/// The names of a clip stored as numbered PNG pictures.
///
/// `out/frame.png` stands for `out/frame-0000.png`, `out/frame-0001.png`, ...; a name with a counter of its own, such
/// as `out/frame-%05d.png`, is taken as it is. Counting starts at 0.
record PngSequence(Path folder, String prefix, int digits, String suffix) {
    private static final Pattern COUNTER = Pattern.compile("(.*)%0?(\\d*)d(.*)");
    private static final int DIGITS = 4;

    static PngSequence of(Path file) {
        var name = String.valueOf(file.getFileName());
        var counter = COUNTER.matcher(name);
        if (counter.matches()) {
            var digits = counter.group(2).isEmpty() ? 1 : Integer.parseInt(counter.group(2));
            return new PngSequence(FileDoor.folder(file), counter.group(1), digits, counter.group(3));
        }
        var stem = name.substring(0, name.length() - FileDoor.extension(file).length() - 1);
        return new PngSequence(FileDoor.folder(file), stem + "-", DIGITS, "." + FileDoor.extension(file));
    }

    static boolean hasCounter(Path file) {
        return COUNTER.matcher(String.valueOf(file.getFileName())).matches();
    }

    Path file(int index) {
        return folder.resolve(prefix + ("%0" + digits + "d").formatted(index) + suffix);
    }

    /// The pictures that are there, by number.
    List<Path> files() {
        var name = Pattern.compile(Pattern.quote(prefix) + "(\\d{" + digits + ",})" + Pattern.quote(suffix));
        var found = new TreeMap<Long, Path>();
        if (Files.isDirectory(folder)) {
            try (var entries = Files.newDirectoryStream(folder)) {
                for (var entry : entries) {
                    var match = name.matcher(entry.getFileName().toString());
                    if (match.matches() && match.group(1).length() < 10) {
                        found.put(Long.parseLong(match.group(1)), entry);
                    }
                }
            } catch (IOException e) {
                throw new MediaException("cannot list the folder %s: %s".formatted(folder, e.getMessage()), e);
            }
        }
        return List.copyOf(found.values());
    }

    /// Writes every frame, then renames them one after the other. Each picture carries the rate and the comment.
    ///
    /// @throws MediaException if pictures of a longer clip of this name are already there: mixed with the new ones they
    ///                        would read as one clip
    List<Path> write(Frames frames, Map<String, String> texts) {
        var targets = new ArrayList<Path>();
        for (var i = 0; i < frames.count(); i++) {
            targets.add(file(i));
        }
        var left = files().stream().filter(f -> !targets.contains(f)).toList();
        if (!left.isEmpty()) {
            throw new MediaException(("%s holds %d pictures of another clip of this name, from %s on"
                    + "%n  fix    remove them or choose another name").formatted(
                    folder, left.size(), left.getFirst().getFileName()));
        }
        var part = SafeFile.folder(targets.getFirst()).resolve("." + UUID.randomUUID() + ".part");
        var parts = new ArrayList<Path>();
        try {
            Files.createDirectory(part);
            for (var i = 0; i < frames.count(); i++) {
                FileDoor.notInterrupted("writing", file(i));
                parts.add(part.resolve(file(i).getFileName()));
                VideoWriter.writePng(frames.slice(i, i + 1), texts, parts.get(i));
            }
            for (var i = 0; i < frames.count(); i++) {
                SafeFile.move(parts.get(i), file(i));
            }
            return targets;
        } catch (MediaException | IOException e) {
            throw SafeFile.failed(targets.getFirst(), e);
        } finally {
            delete(parts, part);
        }
    }

    private static void delete(List<Path> parts, Path folder) {
        try {
            for (var part : parts) {
                Files.deleteIfExists(part);
            }
            Files.deleteIfExists(folder);
        } catch (IOException e) {
            // The folder itself went away; what stopped the writing is already on its way to the caller.
        }
    }
}
