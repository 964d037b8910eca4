package org.zoetrope.hub;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;

/// Speaks the protocol of the Hugging Face hub: resolve a revision, list a tree, fetch files with redirects and ranges.
///
/// The access token goes to the endpoint alone: where a redirect leads to another server, it stays behind.
final class HubClient implements AutoCloseable {
    private static final int HOPS = 10;
    private static final int PAGES = 1_000;
    private static final int LISTING_BYTES = 64 << 20;
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Pattern NEXT = Pattern.compile("<([^>]+)>\\s*;\\s*rel=\"next\"");
    private static final Pattern RANGE = Pattern.compile("bytes (\\d+)-\\d+/(\\d+|\\*)");

    /// Worth another try: the network or the server faltered.
    static final class Interrupted extends IOException {
        private static final long serialVersionUID = 1L;

        Interrupted(String message) {
            super(message);
        }
    }

    private final HttpClient http = HttpClient.newBuilder()
            .followRedirects(HttpClient.Redirect.NEVER).connectTimeout(Duration.ofSeconds(20)).build();
    private final URI endpoint;
    private final Optional<String> token;

    HubClient(URI endpoint, Optional<String> token) {
        this.endpoint = endpoint;
        this.token = token;
    }

    @Override
    public void close() {
        http.shutdownNow();
    }

    /// The files of a repository, at the commit its revision names now.
    Snapshot snapshot(HubRepository repository) throws IOException {
        var commit = json(repository.revisionAddress(), repository).path("sha").asText();
        if (!commit.matches("[0-9a-f]{7,64}")) {
            throw new HubException("%s did not name the commit of %s; is this a hub?", repository.revisionAddress(),
                    repository.name());
        }
        var files = new ArrayList<HubFile>();
        var address = Optional.of(repository.at(commit).treeAddress());
        for (var page = 0; address.isPresent() && page < PAGES; page++) {
            try (var body = get(address.get(), repository, 0)) {
                files.addAll(Snapshot.files(parse(body)));
                address = next(body.response(), address.get());
            }
        }
        return new Snapshot(repository.name(), commit, files);
    }

    /// Continues a partial file to its full size.
    ///
    /// @param progress hears the bytes that are on disk
    /// @throws Interrupted  if the connection broke or the server faltered; what arrived stays in the partial file
    /// @throws HubException if the server refuses, or sends something else than was listed
    void fetch(HubRepository repository, HubFile file, Path part, LongConsumer progress) throws IOException {
        var have = Files.exists(part) ? Files.size(part) : 0;
        if (have == file.size() && Files.exists(part)) {
            return;
        }
        if (have > file.size()) {
            Files.delete(part);
            have = 0;
        }
        try (var body = get(repository.fileAddress(file), repository, have)) {
            var at = offset(body.response());
            if (at != 0 && at != have) {
                throw new HubException("%s: asked for bytes from %d, the server sent them from %d",
                        repository.fileAddress(file), have, at);
            }
            copy(body.stream(), part, at, file, progress);
        }
    }

    private static void copy(InputStream in, Path part, long at, HubFile file, LongConsumer progress)
            throws IOException {
        var done = at;
        try (var stall = new Stall(in);
                var out = Files.newOutputStream(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                        at > 0 ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING)) {
            var buffer = new byte[1 << 16];
            for (var n = read(in, buffer); n >= 0; n = read(in, buffer)) {
                done += n;
                if (done > file.size()) {
                    throw new HubException("%s: the server sends more than the %d bytes it listed", file.path(),
                            file.size());
                }
                out.write(buffer, 0, n);
                stall.moved();
                progress.accept(done);
            }
        }
        if (done < file.size()) {
            throw new Interrupted("the connection ended after %d of %d bytes".formatted(done, file.size()));
        }
    }

    /// Reading the network may fail and be tried again; writing the disk may not, so the two are told apart here.
    private static int read(InputStream in, byte[] buffer) throws Interrupted {
        try {
            return in.read(buffer);
        } catch (IOException e) {
            throw new Interrupted("the connection broke: " + e.getMessage());
        }
    }

    /// Closes a stream on which nothing arrives any more; a read that waits for it then fails.
    private static final class Stall implements AutoCloseable {
        private final Thread watch;
        private volatile long last = System.nanoTime();

        Stall(InputStream in) {
            watch = Thread.startVirtualThread(() -> {
                try {
                    while (System.nanoTime() - last < PATIENCE.toNanos()) {
                        Thread.sleep(PATIENCE.dividedBy(20));
                    }
                    in.close();
                } catch (InterruptedException | IOException _) {
                    // The copy came to its own end, which is the usual one.
                }
            });
        }

        void moved() {
            last = System.nanoTime();
        }

        @Override
        public void close() {
            watch.interrupt();
        }
    }

    private record Body(HttpResponse<InputStream> response, InputStream stream) implements AutoCloseable {
        @Override
        public void close() throws IOException {
            stream.close();
        }
    }

    private JsonNode json(URI address, HubRepository repository) throws IOException {
        try (var body = get(address, repository, 0)) {
            return parse(body);
        }
    }

    private static JsonNode parse(Body body) throws IOException {
        var bytes = body.stream().readNBytes(LISTING_BYTES + 1);
        if (bytes.length > LISTING_BYTES) {
            throw new HubException("%s: the listing is longer than %d MB", body.response().uri(), LISTING_BYTES >> 20);
        }
        try {
            return new ObjectMapper().readTree(bytes);
        } catch (JsonProcessingException _) {
            throw new HubException("%s did not answer in JSON; is this a hub?", body.response().uri());
        }
    }

    private Body get(URI start, HubRepository repository, long from) throws IOException {
        var address = start;
        for (var hop = 0; hop < HOPS; hop++) {
            var response = send(address, from);
            if (response.statusCode() / 100 == 3) {
                response.body().close();
                address = redirected(response, address);
            } else if (response.statusCode() == 200 || response.statusCode() == 206) {
                return new Body(response, response.body());
            } else {
                response.body().close();
                throw refused(response, repository);
            }
        }
        throw new HubException("%s: more than %d redirects", start, HOPS);
    }

    private HttpResponse<InputStream> send(URI address, long from) throws IOException {
        var request = HttpRequest.newBuilder(address).timeout(PATIENCE).header("User-Agent", "zoetrope");
        if (sameServer(address)) {
            token.ifPresent(secret -> request.header("Authorization", "Bearer " + secret));
        }
        if (from > 0) {
            request.header("Range", "bytes=" + from + "-");
        }
        try {
            return http.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new HubException(e, "%s: stopped while waiting for an answer", address);
        } catch (IOException e) {
            var reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
            throw new Interrupted("cannot reach %s: %s".formatted(address, reason));
        }
    }

    private boolean sameServer(URI address) {
        return address.getScheme().equals(endpoint.getScheme()) && address.getHost().equals(endpoint.getHost())
                && address.getPort() == endpoint.getPort();
    }

    private static URI redirected(HttpResponse<?> response, URI from) {
        var to = response.headers().firstValue("Location").map(from::resolve)
                .orElseThrow(() -> new HubException("%s redirects to nowhere", from));
        if (!String.valueOf(to.getScheme()).matches("https?") || to.getHost() == null
                || (from.getScheme().equals("https") && !to.getScheme().equals("https"))) {
            throw new HubException("%s redirects to %s, which is not followed", from, to);
        }
        return to;
    }

    /// Turns a status into words, or into an invitation to try again.
    private IOException refused(HttpResponse<?> response, HubRepository repository) {
        var status = response.statusCode();
        var code = response.headers().firstValue("X-Error-Code").orElse("");
        if (status == 429 || status >= 500) {
            return new Interrupted("%s answered %d".formatted(response.uri(), status));
        }
        throw switch (status) {
            case 401, 403 -> new HubException("%s may not be read (%d %s)%n  fix    set HF_TOKEN to a token of an "
                    + "account that may read it%s", repository.name(), status, code,
                    token.isPresent()
                            ? "; the token that is set was not accepted"
                            : " (none is set), or check the name");
            case 404 -> code.equals("RevisionNotFound")
                    ? new HubException("%s has no revision \"%s\"", repository.name(), repository.revision())
                    : new HubException("nothing at %s (404 %s)%n  fix    check the name; a private repository needs "
                            + "HF_TOKEN", response.uri(), code);
            case 416 -> new HubException("%s: the server refuses to continue the partial file; delete *.part and "
                    + "pull again", response.uri());
            default -> new HubException("%s answered %d", response.uri(), status);
        };
    }

    private static long offset(HttpResponse<?> response) {
        if (response.statusCode() != 206) {
            return 0;
        }
        var match = RANGE.matcher(response.headers().firstValue("Content-Range").orElse(""));
        if (!match.matches()) {
            throw new HubException("%s sends a part without saying which", response.uri());
        }
        return Long.parseLong(match.group(1));
    }

    private static Optional<URI> next(HttpResponse<?> response, URI address) {
        return response.headers().firstValue("Link").map(NEXT::matcher).filter(match -> match.find())
                .map(match -> address.resolve(match.group(1)));
    }
}
