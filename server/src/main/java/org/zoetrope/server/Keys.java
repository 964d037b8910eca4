package org.zoetrope.server;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// The keys that requests are signed with, of which only hashes are kept: lines `name sha256` in the file `keys` of the
/// data folder. Keys are long and random, so that one round of SHA-256 is enough.
public final class Keys {
    /// Who asks where no keys are needed.
    static final String ANYONE = "local";

    private final Map<String, byte[]> hashes;

    private Keys(Map<String, byte[]> hashes) {
        this.hashes = hashes;
    }

    /// @throws ServerException if the file is not what it should be
    static Keys read(Path data) {
        var file = data.resolve("keys");
        var hashes = new LinkedHashMap<String, byte[]>();
        if (Files.isRegularFile(file)) {
            try {
                for (var line : Files.readAllLines(file)) {
                    var words = line.strip().split("\\s+");
                    if (!line.isBlank()) {
                        hashes.put(words[0], HexFormat.of().parseHex(words[1]));
                    }
                }
            } catch (IOException | RuntimeException e) {
                throw new ServerException("%s must have lines of a name and a hash; make keys with zoetrope serve "
                        .formatted(file) + "--new-key NAME", e);
            }
        }
        return new Keys(hashes);
    }

    /// Makes a key and keeps its hash.
    ///
    /// @return the key, which nobody can read again
    /// @throws ServerException if the name is taken or the file cannot be written
    public static String add(Path data, String name) {
        if (!name.matches("[A-Za-z0-9._-]{1,64}") || name.equals(ANYONE)) {
            throw new ServerException("a key is named with up to 64 letters, digits, dots and dashes, found \"%s\""
                    .formatted(name));
        }
        if (read(data).hashes.containsKey(name)) {
            throw new ServerException("there is a key \"%s\" already; delete its line in %s to replace it".formatted(
                    name, data.resolve("keys")));
        }
        var random = new byte[32];
        new SecureRandom().nextBytes(random);
        var key = "zk_" + HexFormat.of().formatHex(random);
        try {
            Files.createDirectories(data);
            Files.writeString(data.resolve("keys"), "%s %s\n".formatted(name, HexFormat.of().formatHex(hash(key))),
                    StandardOpenOption.CREATE, StandardOpenOption.APPEND, StandardOpenOption.SYNC);
        } catch (IOException e) {
            throw new ServerException("cannot write %s: %s".formatted(data.resolve("keys"), e.getMessage()), e);
        }
        return key;
    }

    boolean isEmpty() {
        return hashes.isEmpty();
    }

    /// The name of a key. Every hash is compared in full, so that time tells nothing.
    Optional<String> owner(String key) {
        var asked = hash(key);
        var found = Optional.<String>empty();
        for (var entry : hashes.entrySet()) {
            if (MessageDigest.isEqual(entry.getValue(), asked)) {
                found = Optional.of(entry.getKey());
            }
        }
        return found;
    }

    private static byte[] hash(String key) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
