package org.zoetrope.hub;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// What a file's bytes must hash to, in the two forms the hub lists.
public sealed interface Checksum {
    /// The 64 hexadecimal digits of SHA-256, listed for large files.
    record Sha256(String hex) implements Checksum {
        public Sha256 {
            requireHex(hex, 64);
        }
    }

    /// The 40 hexadecimal digits of git's object name, listed for small files: SHA-1 over a header and the bytes.
    record GitBlob(String hex) implements Checksum {
        public GitBlob {
            requireHex(hex, 40);
        }
    }

    String hex();

    /// Whether the file hashes to this.
    default boolean matches(Path file) throws IOException {
        return hash(file).equals(hex());
    }

    /// The hash of a file in this form.
    default String hash(Path file) throws IOException {
        var digest = switch (this) {
            case Sha256 _ -> digest("SHA-256");
            case GitBlob _ -> {
                var blob = digest("SHA-1");
                blob.update(("blob " + Files.size(file) + "\0").getBytes(StandardCharsets.US_ASCII));
                yield blob;
            }
        };
        try (var in = Files.newInputStream(file)) {
            var buffer = new byte[1 << 16];
            for (var n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest digest(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has " + algorithm, e);
        }
    }

    private static void requireHex(String hex, int digits) {
        if (!hex.matches("[0-9a-f]{" + digits + "}")) {
            throw new HubException("the listing gives \"%s\" where %d hexadecimal digits belong", hex, digits);
        }
    }
}
