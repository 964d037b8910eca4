package org.zoetrope.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// A folder that holds whole files alone: each is written under a hidden name, brought to the disk and renamed.
record DurableFolder(Path path) {
    private static final Duration LONGEST_REQUEST = Duration.ofHours(1); // with all that it decodes, and more

    /// The folders within one to which nothing was added for so long that whoever began them is gone. In younger ones
    /// other nodes may be at work.
    static List<DurableFolder> leftBehind(Path within) {
        if (!Files.isDirectory(within)) {
            return List.of();
        }
        var since = Instant.now().minus(LONGEST_REQUEST);
        try (var all = Files.list(within)) {
            var left = new ArrayList<DurableFolder>();
            for (var path : all.toList()) {
                if (Files.isDirectory(path) && Files.getLastModifiedTime(path).toInstant().isBefore(since)) {
                    left.add(new DurableFolder(path));
                }
            }
            return left;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void write(String name, byte[] content) {
        try {
            Files.createDirectories(path);
            var part = path.resolve(".%s.part".formatted(UUID.randomUUID()));
            try {
                try (var channel = FileChannel.open(part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                    var bytes = ByteBuffer.wrap(content);
                    while (bytes.hasRemaining()) {
                        channel.write(bytes);
                    }
                    channel.force(true);
                }
                Files.move(part, path.resolve(name), StandardCopyOption.ATOMIC_MOVE,
                        StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(part);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    boolean holds(String name) {
        return Files.isRegularFile(path.resolve(name));
    }

    void remove(String name) {
        try {
            Files.deleteIfExists(path.resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Deletes it with all that is in it; another may be at that too.
    void delete() {
        try {
            Files.walkFileTree(path, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
                    if (e instanceof NoSuchFileException) {
                        return FileVisitResult.CONTINUE;
                    }
                    throw e;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException e) throws IOException {
                    if (e != null) {
                        throw e;
                    }
                    Files.deleteIfExists(directory);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
