package org.zoetrope.server;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/// An internet whose names and addresses are real ones to whoever uses it, and whose every host is one server on this
/// machine. It remembers what was looked up, which addresses were connected to, and what was asked for.
final class SmallInternet implements AutoCloseable {
    /// A host that everything is at, and the one that has a certificate.
    static final String HOST = "pictures.example";
    static final String ADDRESS = "93.184.215.14";

    private static final int ENCRYPTED = 443;
    private static final char[] PASSWORD = "changeit".toCharArray();

    final List<String> lookedUp = new CopyOnWriteArrayList<>();
    final List<String> connected = new CopyOnWriteArrayList<>();
    final List<Asked> asked = new CopyOnWriteArrayList<>();

    private final Map<String, Queue<List<InetAddress>>> names = new ConcurrentHashMap<>();
    private final Map<String, HttpHandler> pages = new ConcurrentHashMap<>();
    private final HttpServer server = HttpServer.create(loopback(), 0);
    private Optional<HttpsServer> encrypted = Optional.empty();
    private Optional<X509TrustManager> trust = Optional.empty();

    /// A request as a server saw it.
    record Asked(String path, Map<String, List<String>> headers) {
        Optional<String> header(String name) {
            return Optional.ofNullable(headers.get(name)).map(values -> String.join(", ", values));
        }
    }

    SmallInternet() throws IOException {
        serve(server);
        name(HOST, ADDRESS);
    }

    private static InetSocketAddress loopback() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    }

    private void serve(HttpServer by) {
        by.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        by.createContext("/", this::answer);
        by.start();
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            var path = exchange.getRequestURI().getPath();
            asked.add(new Asked(path, Map.copyOf(exchange.getRequestHeaders())));
            pages.getOrDefault(path, _ -> exchange.sendResponseHeaders(404, -1)).handle(exchange);
        }
    }

    /// With a certificate of [#HOST], which the network of this internet trusts.
    void encrypt(Path folder) throws IOException, GeneralSecurityException, InterruptedException {
        var file = folder.resolve("keys.p12");
        var made = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair", "-alias", "host", "-keyalg", "EC", "-dname", "CN=" + HOST, "-ext", "SAN=dns:" + HOST,
                "-validity", "2", "-storetype", "PKCS12", "-keystore", file.toString(), "-storepass",
                new String(PASSWORD)).redirectErrorStream(true).start();
        var said = new String(made.getInputStream().readAllBytes());
        if (made.waitFor() != 0) {
            throw new IllegalStateException(said);
        }
        var store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(file)) {
            store.load(in, PASSWORD);
        }
        var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, PASSWORD);
        var trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("host", store.getCertificate("host"));
        var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(trusted);
        trust = Stream.of(factory.getTrustManagers()).map(X509TrustManager.class::cast).findFirst();
        var context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        var made443 = HttpsServer.create(loopback(), 0);
        made443.setHttpsConfigurator(new HttpsConfigurator(context));
        serve(made443);
        encrypted = Optional.of(made443);
    }

    /// What a name leads to from now on: the addresses of its first look-up, of its second, ...; the last ones remain.
    @SafeVarargs
    final void name(String host, List<String>... lookups) {
        names.put(host, new ArrayDeque<>(Stream.of(lookups).map(addresses -> addresses.stream().map(
                InetAddress::ofLiteral).toList()).toList()));
    }

    void name(String host, String... addresses) {
        name(host, Arrays.asList(addresses));
    }

    void page(String path, HttpHandler handler) {
        pages.put(path, handler);
    }

    void page(String path, byte[] content) {
        page(path, exchange -> {
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content);
        });
    }

    void redirect(String path, String location) {
        page(path, exchange -> {
            exchange.getResponseHeaders().add("Location", location);
            exchange.getResponseHeaders().add("Set-Cookie", "crumb=1; Path=/");
            exchange.sendResponseHeaders(302, -1);
        });
    }

    /// This internet, as a fetcher uses it.
    UrlFetcher.Network network() {
        return new UrlFetcher.Network(this::addresses, this::route, trust);
    }

    private List<InetAddress> addresses(String host) throws UnknownHostException {
        lookedUp.add(host);
        var answers = names.get(host);
        if (answers == null) {
            throw new UnknownHostException(host);
        }
        return answers.size() > 1 ? answers.remove() : answers.element();
    }

    private InetSocketAddress route(InetSocketAddress at) {
        connected.add("%s:%d".formatted(at.getAddress().getHostAddress(), at.getPort()));
        return at.getPort() == ENCRYPTED ? encrypted.orElseThrow().getAddress() : server.getAddress();
    }

    @Override
    public void close() {
        server.stop(0);
        encrypted.ifPresent(one -> one.stop(0));
    }
}
