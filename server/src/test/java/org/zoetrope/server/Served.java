package org.zoetrope.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/// A server on the bundled model, whatever that shows, and clients of it.
final class Served implements AutoCloseable {
    private static final JsonMapper JSON = new JsonMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private final Server server;

    private Served(Server server) {
        this.server = server;
    }

    static Served start(Path data, UnaryOperator<ServerSettings> settings) {
        return new Served(Server.start(settings.apply(settings(data))));
    }

    static Served start(Path data, UnaryOperator<ServerSettings> settings, UrlFetcher.Network network) {
        return new Served(Server.start(settings.apply(settings(data)), network));
    }

    static ServerSettings settings(Path data) {
        return ServerSettings.of(data, List.of(new ServerSettings.Installed("mini", bundled())))
                .address("127.0.0.1", 0);
    }

    static Path bundled() {
        return Stream.iterate(Path.of("").toAbsolutePath(), folder -> folder != null, Path::getParent)
                .map(folder -> folder.resolve("models/mini")).filter(Files::isDirectory).findFirst().orElseThrow();
    }

    String address() {
        return server.address();
    }

    OpenAIClient client(boolean validates) {
        return OpenAIOkHttpClient.builder().apiKey("none").baseUrl(address() + "/v1").responseValidation(validates)
                .maxRetries(2).build();
    }

    static HttpResponse<String> post(String address, String path, String json) {
        return send(HttpRequest.newBuilder(URI.create(address + path)).timeout(PATIENCE)
                .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(json)).build());
    }

    HttpResponse<String> send(String method, String path, String body, String... headers) {
        var request = HttpRequest.newBuilder(URI.create(address() + path)).timeout(PATIENCE).method(method,
                body.isEmpty() ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        if (headers.length > 0) {
            request.headers(headers);
        }
        return send(request.build());
    }

    HttpResponse<byte[]> bytes(String path, String... headers) {
        try {
            return HTTP.send(HttpRequest.newBuilder(URI.create(address() + path)).timeout(PATIENCE).headers(headers)
                    .build(), HttpResponse.BodyHandlers.ofByteArray());
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    HttpResponse<String> get(String path, String... headers) {
        return send("GET", path, "", headers);
    }

    HttpResponse<String> post(String path, String json) {
        return send("POST", path, json, "Content-Type", "application/json");
    }

    JsonNode json(String path) {
        return json(get(path));
    }

    /// Asks for a video.
    ///
    /// @return its id
    String ask(String path, String json) {
        return json(post(path, json)).path("id").asText();
    }

    /// The video when it has ended, well or not.
    JsonNode ended(String id) {
        return eventually(() -> json("/v1/videos/" + id), video -> !video.path("completed_at").isNull());
    }

    static JsonNode json(HttpResponse<String> answer) {
        try {
            return JSON.readTree(answer.body());
        } catch (IOException e) {
            throw new IllegalStateException(answer.body(), e);
        }
    }

    private static HttpResponse<String> send(HttpRequest request) {
        try {
            return HTTP.send(request, HttpResponse.BodyHandlers.ofString());
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /// Waits until a file or folder is gone: a worker removes what it must behind the record of the end.
    static void gone(Path path) {
        eventually(() -> Files.exists(path) ? path + " exists" : "", String::isEmpty);
    }

    /// Asks again until the answer is as hoped.
    static <T> T eventually(Supplier<T> look, Predicate<T> hoped) {
        var until = System.nanoTime() + PATIENCE.toNanos();
        var seen = look.get();
        while (!hoped.test(seen)) {
            if (System.nanoTime() > until) {
                throw new AssertionError("still " + seen + " after " + PATIENCE);
            }
            try {
                Thread.sleep(50);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            seen = look.get();
        }
        return seen;
    }

    @Override
    public void close() {
        server.close();
    }
}
