package org.zoetrope.hub;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;

/// A small server of the hub's protocol on the loopback interface, with the faults a test asks for.
final class LocalHub implements AutoCloseable {
    static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    private record Stored(byte[] bytes, boolean large) {}

    /// Every request: method, path and the headers that matter.
    final List<String> requests = new CopyOnWriteArrayList<>();

    private final Map<String, Stored> files = new LinkedHashMap<>();
    private final Map<String, Long> breakAfter = new LinkedHashMap<>();
    private final Map<String, byte[]> sent = new LinkedHashMap<>();
    private final HttpServer server;
    private final String name;

    private Optional<String> token = Optional.empty();
    private Optional<URI> mirror = Optional.empty();
    private int pageSize = Integer.MAX_VALUE;
    private boolean ranges = true;

    LocalHub(String name) throws IOException {
        this.name = name;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.start();
    }

    URI address() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    @Override
    public void close() {
        server.stop(0);
    }

    /// A file kept as such, listed with git's object name.
    LocalHub small(String path, String text) {
        files.put(path, new Stored(text.getBytes(StandardCharsets.UTF_8), false));
        return this;
    }

    /// A file in large-file storage, listed with its SHA-256.
    LocalHub large(String path, byte[] bytes) {
        files.put(path, new Stored(bytes, true));
        return this;
    }

    /// Closes the connection once, after so many bytes of this file.
    LocalHub breaking(String path, long after) {
        breakAfter.put(path, after);
        return this;
    }

    /// Sends other bytes than those that are listed.
    LocalHub sending(String path, byte[] bytes) {
        sent.put(path, bytes);
        return this;
    }

    LocalHub requiring(String secret) {
        token = Optional.of(secret);
        return this;
    }

    LocalHub redirectingTo(URI other) {
        mirror = Optional.of(other);
        return this;
    }

    LocalHub listingPagesOf(int size) {
        pageSize = size;
        return this;
    }

    LocalHub withoutRanges() {
        ranges = false;
        return this;
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            var uri = exchange.getRequestURI();
            var given = Optional.ofNullable(exchange.getRequestHeaders().getFirst("Authorization"));
            var range = Optional.ofNullable(exchange.getRequestHeaders().getFirst("Range"));
            requests.add("%s%s%s".formatted(uri.getPath(), given.map(g -> " " + g).orElse(""),
                    range.map(r -> " " + r).orElse("")));
            if (token.isPresent() && !given.equals(token.map(secret -> "Bearer " + secret))) {
                status(exchange, 401, "GatedRepo");
            } else if (uri.getPath().equals("/api/models/%s/revision/main".formatted(name))) {
                body(exchange, 200, "{\"sha\":\"%s\"}".formatted(COMMIT).getBytes(StandardCharsets.UTF_8));
            } else if (uri.getPath().startsWith("/api/models/%s/revision/".formatted(name))) {
                status(exchange, 404, "RevisionNotFound");
            } else if (uri.getPath().equals("/api/models/%s/tree/%s".formatted(name, COMMIT))) {
                list(exchange);
            } else if (uri.getPath().startsWith("/%s/resolve/%s/".formatted(name, COMMIT))) {
                send(exchange, uri.getPath().split("/", 6)[5], range);
            } else {
                status(exchange, 404, "RepoNotFound");
            }
        }
    }

    private void list(HttpExchange exchange) throws IOException {
        var query = exchange.getRequestURI().getQuery();
        var from = query.contains("cursor=") ? Integer.parseInt(query.replaceAll(".*cursor=", "")) : 0;
        var mapper = new ObjectMapper();
        var list = mapper.createArrayNode();
        list.addObject().put("type", "directory").put("path", "folder").put("oid", "0".repeat(40)).put("size", 0);
        var all = new ArrayList<>(files.entrySet());
        var to = Math.min(all.size(), from + Math.min(pageSize, all.size()));
        for (var stored : all.subList(from, to)) {
            var file = stored.getValue();
            var entry = list.addObject().put("type", "file").put("path", stored.getKey())
                    .put("size", file.bytes().length)
                    .put("oid", hash("SHA-1", ("blob " + file.bytes().length + "\0").getBytes(StandardCharsets.UTF_8),
                            file.bytes()));
            if (file.large()) {
                entry.putObject("lfs").put("oid", hash("SHA-256", file.bytes())).put("size", file.bytes().length)
                        .put("pointerSize", 134);
            }
        }
        if (to < all.size()) {
            exchange.getResponseHeaders().set("Link", "<%s%s?recursive=true&cursor=%d>; rel=\"next\"".formatted(
                    address(), exchange.getRequestURI().getPath(), to));
        }
        body(exchange, 200, mapper.writeValueAsBytes(list));
    }

    private void send(HttpExchange exchange, String path, Optional<String> range) throws IOException {
        var stored = files.get(path);
        if (stored == null) {
            status(exchange, 404, "EntryNotFound");
            return;
        }
        if (mirror.isPresent()) {
            exchange.getResponseHeaders().set("Location", mirror.get() + exchange.getRequestURI().getRawPath());
            exchange.sendResponseHeaders(302, -1);
            return;
        }
        var bytes = sent.getOrDefault(path, stored.bytes());
        var from = ranges ? range.map(r -> Integer.parseInt(r.replaceAll("bytes=(\\d+)-", "$1"))).orElse(0) : 0;
        if (from > 0) {
            exchange.getResponseHeaders().set("Content-Range",
                    "bytes %d-%d/%d".formatted(from, bytes.length - 1, bytes.length));
        }
        var rest = Arrays.copyOfRange(bytes, from, bytes.length);
        var stop = breakAfter.remove(path);
        if (stop != null) {
            exchange.sendResponseHeaders(from > 0 ? 206 : 200, rest.length);
            exchange.getResponseBody().write(rest, 0, stop.intValue());
            exchange.getResponseBody().flush();
            throw new IOException("the connection breaks here");
        }
        body(exchange, from > 0 ? 206 : 200, rest);
    }

    private static void status(HttpExchange exchange, int status, String code) throws IOException {
        exchange.getResponseHeaders().set("X-Error-Code", code);
        exchange.sendResponseHeaders(status, -1);
    }

    private static void body(HttpExchange exchange, int status, byte[] bytes) throws IOException {
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        if (bytes.length > 0) {
            exchange.getResponseBody().write(bytes);
        }
    }

    private static String hash(String algorithm, byte[]... parts) {
        try {
            var digest = MessageDigest.getInstance(algorithm);
            for (var part : parts) {
                digest.update(part);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
