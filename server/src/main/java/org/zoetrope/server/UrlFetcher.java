package org.zoetrope.server;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.UnknownHostException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import okhttp3.ConnectionPool;
import okhttp3.Dns;
import okhttp3.OkHttpClient;
import okhttp3.Protocol;
import okhttp3.Request;
import okhttp3.Response;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Fetches what strangers name by its address, so that it cannot be pointed at this machine or its network (SSRF). An
/// address is read by [WebAddress]; its name is resolved once, and refused if any address of it is not public; the
/// connection goes to one of these addresses, checked again by [PublicSockets], while encryption and the request still
/// go by the name. A redirect is a new address, to which all of this applies. Cookies, passwords and proxies are not
/// used, and what comes is bytes of a bounded number in a bounded time, told by nobody what they are.
final class UrlFetcher {
    private static final Logger LOG = LoggerFactory.getLogger(UrlFetcher.class);
    /// By the clock, from the first look-up to the last byte: 64 MiB at 18 megabits a second.
    static final Duration TIME = Duration.ofSeconds(30);

    private static final int AT_ONCE = 2;
    private static final int REDIRECTS = 5;
    private static final Set<Integer> REDIRECTING = Set.of(301, 302, 303, 307, 308);

    /// What of the network is used; tests have a small one of their own, and the same checks.
    ///
    /// @param names addresses of a name
    /// @param route where a checked address is found
    /// @param trust whose certificates count; empty takes Java's
    record Network(Dns names, UnaryOperator<InetSocketAddress> route, Optional<X509TrustManager> trust) {
        static Network real() {
            return new Network(Dns.SYSTEM, UnaryOperator.identity(), Optional.empty());
        }
    }

    /// What an address answers.
    private sealed interface Answer {
        record Content(byte[] bytes) implements Answer {}

        record Elsewhere(String location) implements Answer {}
    }

    private final Network network;
    private final long most;
    private final Duration time;
    private final Duration silence; // as long as a look-up, a connection or the next byte may take
    private final OkHttpClient http;
    private final Semaphore free = new Semaphore(AT_ONCE, true);

    /// @param most bytes of what is fetched
    /// @param time for all of it, redirects included; a third of it for a silence, and half of it before it begins
    UrlFetcher(Network network, long most, Duration time) {
        this.network = network;
        this.most = most;
        this.time = time;
        silence = time.dividedBy(3);
        var client = new OkHttpClient.Builder().dns(this::resolved).socketFactory(new PublicSockets(network.route()))
                .proxy(Proxy.NO_PROXY).followRedirects(false).followSslRedirects(false)
                .protocols(List.of(Protocol.HTTP_1_1)).connectionPool(new ConnectionPool(0, 1, TimeUnit.SECONDS))
                .connectTimeout(silence).readTimeout(silence);
        network.trust().ifPresent(trust -> client.sslSocketFactory(trusting(trust).getSocketFactory(), trust));
        http = client.build();
    }

    private static SSLContext trusting(X509TrustManager trust) {
        try {
            var context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {trust}, null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java platform has TLS", e);
        }
    }

    /// What is at an address, or where that redirects to.
    ///
    /// @throws UrlException if nothing may be or can be fetched from there
    /// @throws ApiException if too much is being fetched
    byte[] get(WebAddress address) {
        try {
            if (!free.tryAcquire(time.toMillis() / 2, TimeUnit.MILLISECONDS)) {
                throw ApiException.busy("other addresses are being fetched from; send this request again in a moment");
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            throw ApiException.unavailable("this server is stopping; try again in a moment");
        }
        try {
            return followed(address, System.nanoTime() + time.toNanos());
        } finally {
            free.release();
        }
    }

    private byte[] followed(WebAddress address, long until) {
        var at = address;
        for (var redirects = 0; redirects <= REDIRECTS; redirects++) {
            switch (answer(at, until)) {
                case Answer.Content(var bytes) -> {
                    return bytes;
                }
                case Answer.Elsewhere(var location) -> at = at.redirected(location);
            }
        }
        throw UrlException.failed("%s redirects more than %d times".formatted(address.host(), REDIRECTS));
    }

    private Answer answer(WebAddress at, long until) {
        // Without this header the client would ask for compressed content, and unpack a bomb.
        var call = http.newCall(new Request.Builder().url(at.url()).header("Accept-Encoding", "identity")
                .header("User-Agent", "zoetrope").header("Connection", "close").build());
        call.timeout().timeout(Math.max(1, until - System.nanoTime()), TimeUnit.NANOSECONDS);
        var started = System.nanoTime();
        try (var response = call.execute()) {
            var answer = read(at, response);
            LOG.info("fetched from {}: status {} in {} ms", at.host(), response.code(),
                    (System.nanoTime() - started) / 1_000_000);
            return answer;
        } catch (UnknownHostException _) {
            throw UrlException.refused(at.host());
        } catch (InterruptedIOException _) {
            throw UrlException.failed("%s did not send everything in time; %s seconds may pass, and %s of silence"
                    .formatted(at.host(), seconds(time), seconds(silence)));
        } catch (SSLException e) {
            LOG.info("could not fetch from {}: {}", at.host(), e.getMessage());
            throw UrlException.failed("%s does not prove to be that host, or does not encrypt as it should".formatted(
                    at.host()));
        } catch (IOException e) {
            LOG.info("could not fetch from {}: {}", at.host(), e.getMessage());
            throw UrlException.failed("%s cannot be connected to, or broke off".formatted(at.host()));
        }
    }

    private Answer read(WebAddress at, Response response) throws IOException {
        if (REDIRECTING.contains(response.code())) {
            return new Answer.Elsewhere(Optional.ofNullable(response.header("Location")).orElseThrow(
                    () -> UrlException.failed("%s redirects to nowhere".formatted(at.host()))));
        }
        if (response.code() != 200) {
            throw UrlException.failed("%s answers with the status %d".formatted(at.host(), response.code()));
        }
        var body = response.body();
        if (body.contentLength() <= most) { // also where it is not stated
            var bytes = body.byteStream().readNBytes(Math.toIntExact(most + 1));
            if (bytes.length <= most) {
                return new Answer.Content(bytes);
            }
        }
        throw UrlException.failed("what %s sends has more than the %d bytes that are read".formatted(at.host(), most));
    }

    private static String seconds(Duration duration) {
        return Admission.trimmed(duration.toMillis() / 1000.0);
    }

    /// The addresses of a name, if all are public. Numbers are not looked up; their sockets check them.
    private List<InetAddress> resolved(String name) throws UnknownHostException {
        // Whoever answers for a name can take long, and nothing ends a look-up: its thread is left behind.
        var looking = new FutureTask<>(() -> network.names().lookup(name));
        Thread.ofVirtual().name("lookup").start(looking);
        try {
            var found = looking.get(silence.toMillis(), TimeUnit.MILLISECONDS);
            if (!found.isEmpty() && found.stream().allMatch(PublicAddresses::include)) {
                return found;
            }
        } catch (ExecutionException | TimeoutException e) {
            LOG.info("could not look up {}: {}", name, e.getMessage());
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
        throw new UnknownHostException(name);
    }
}
