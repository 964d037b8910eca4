package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.zoetrope.server.SmallInternet.ADDRESS;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What is fetched from an internet that means no good, and what is not.
class UrlFetcherTest {
    private static final int MOST = 1000; // bytes
    private static final Duration TIME = Duration.ofSeconds(3), AMPLE = Duration.ofSeconds(30);
    private static final byte[] PICTURE = "a picture".getBytes(StandardCharsets.UTF_8);

    private final SmallInternet internet = new SmallInternet();

    UrlFetcherTest() throws IOException {
        internet.page("/a.png", PICTURE);
    }

    @AfterEach
    void close() {
        internet.close();
    }

    private byte[] get(String url) {
        return new UrlFetcher(internet.network(), MOST, AMPLE).get(WebAddress.parse(url));
    }

    private UrlException refused(String url, Duration time) {
        var fetcher = new UrlFetcher(internet.network(), MOST, time);
        var address = WebAddress.parse(url);
        var e = catchThrowableOfType(UrlException.class, () -> fetcher.get(address));
        assertThat(e).as(url).isNotNull();
        return e;
    }

    private UrlException refused(String url) {
        return refused(url, AMPLE);
    }

    // ---------------------------------------------------------------- where to

    /// The name means another machine as soon as it was looked up.
    @Test
    void aNameIsLookedUpOnceAndItsCheckedAddressConnectedTo() {
        internet.name("pictures.example", List.of(ADDRESS), List.of("127.0.0.1"));
        assertThat(get("http://pictures.example/a.png")).isEqualTo(PICTURE);
        assertThat(internet.lookedUp).containsExactly("pictures.example");
        assertThat(internet.connected).containsExactly(ADDRESS + ":80");
        var asked = internet.asked.getFirst();
        assertThat(asked.header("Host")).contains("pictures.example");
        assertThat(asked.header("Accept-encoding")).contains("identity");
        assertThat(asked.headers()).doesNotContainKeys("Cookie", "Authorization", "Referer");
    }

    /// What it says is what it says of a name that nobody has: whether there is such a machine stays unknown.
    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "10.0.0.5", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200",
            "0.0.0.0", "255.255.255.255", "224.0.0.1", "::1", "::", "fe80::1", "fd00::1", "::ffff:10.0.0.5",
            "::10.0.0.5", "64:ff9b::10.0.0.5", "2002:a00:5::1", "2001:0:a00:5::1"})
    void aNameThatLeadsInsideIsAnsweredLikeAnUnknownOne(String inside) {
        var unknown = refused("http://inside.example/a.png");
        internet.name("inside.example", inside);
        var known = refused("http://inside.example/a.png");
        assertThat(known.code()).isEqualTo("url_refused").isEqualTo(unknown.code());
        assertThat(known.getMessage()).isEqualTo(unknown.getMessage());
        internet.name("inside.example", ADDRESS, inside);
        assertThat(refused("http://inside.example/a.png").getMessage()).as("one among public ones")
                .isEqualTo(unknown.getMessage());
        assertThat(internet.connected).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "10.0.0.5", "169.254.169.254", "[::1]", "[::]", "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[fe80::1]", "[fd00:ec2::254]", "[2002:7f00:1::]"})
    void numbersAreCheckedAsNamesAre(String host) {
        for (var url : List.of("http://%s/a.png", "https://%s/a.png", "http://%s:443/")) {
            assertThat(refused(url.formatted(host)).code()).isEqualTo("url_refused");
        }
        assertThat(internet.connected).isEmpty();
        assertThat(internet.lookedUp).isEmpty();
    }

    @Test
    void publicNumbersAreFetchedFrom() {
        assertThat(get("http://%s/a.png".formatted(ADDRESS))).isEqualTo(PICTURE);
        assertThat(get("http://[2606:2800:21f::8b2c]/a.png")).isEqualTo(PICTURE);
        assertThat(internet.connected).containsExactly(ADDRESS + ":80", "2606:2800:21f:0:0:0:0:8b2c:80");
    }

    @Test
    void aNameWithoutAnAnswerIsUnknown() {
        var silent = new UrlFetcher.Network(_ -> {
            try {
                Thread.sleep(AMPLE);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return List.of();
        }, at -> at, Optional.empty());
        var fetcher = new UrlFetcher(silent, MOST, TIME);
        var address = WebAddress.parse("http://inside.example/");
        assertThat(catchThrowableOfType(UrlException.class, () -> fetcher.get(address)).getMessage()).isEqualTo(
                refused("http://inside.example/").getMessage());
    }

    /// A proxy would look names up itself.
    @Test
    void noProxyIsUsed() {
        var proxies = Map.of("http.proxyHost", "127.0.0.1", "http.proxyPort", "1", "socksProxyHost", "127.0.0.1",
                "socksProxyPort", "1", "socksNonProxyHosts", "");
        proxies.forEach(System::setProperty);
        try {
            assertThat(get("http://pictures.example/a.png")).isEqualTo(PICTURE);
        } finally {
            proxies.keySet().forEach(System::clearProperty);
        }
    }

    // ---------------------------------------------------------------- redirects

    @Test
    void fiveRedirectsAreFollowedWithoutCookies() {
        internet.redirect("/1", "/2");
        internet.redirect("/2", "3");
        internet.redirect("/3", "http://other.example/4");
        internet.redirect("/4", "//pictures.example/5");
        internet.redirect("/5", "http://pictures.example:80/a.png");
        internet.name("other.example", "1.1.1.1");
        assertThat(get("http://pictures.example/1")).isEqualTo(PICTURE);
        assertThat(internet.connected).contains("1.1.1.1:80");
        assertThat(internet.asked).hasSize(6).allSatisfy(asked -> assertThat(asked.header("Cookie")).isEmpty());
        internet.redirect("/0", "/1");
        assertThat(refused("http://pictures.example/0")).hasMessageContaining("redirects more than 5 times");
    }

    @Test
    void aLoopEnds() {
        internet.redirect("/loop", "/loop");
        assertThat(refused("http://pictures.example/loop").code()).isEqualTo("url_failed");
        assertThat(internet.asked).hasSize(6);
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://127.0.0.1/a.png", "http://[::1]/a.png", "http://inside.example/a.png",
            "//inside.example/a.png", "https://inside.example/", "http://2130706433/a.png", "http://0177.0.0.1/a.png",
            "http://localhost/a.png", "http://pictures.example:8188/a.png", "http://me@pictures.example/a.png",
            "ftp://pictures.example/a.png", "file:///etc/passwd", "javascript:alert(1)", "http://pictures.example\\/"})
    void aRedirectIsCheckedLikeAnAddress(String location) {
        internet.name("inside.example", "10.0.0.5");
        internet.redirect("/redirect", location);
        assertThat(refused("http://pictures.example/redirect").code()).startsWith("url_");
        assertThat(internet.connected).containsExactly(ADDRESS + ":80");
        assertThat(internet.asked).hasSize(1);
    }

    @Test
    void aRedirectSaysWhereTo() {
        internet.page("/redirect", exchange -> exchange.sendResponseHeaders(302, -1));
        assertThat(refused("http://pictures.example/redirect")).hasMessageContaining("redirects to nowhere");
    }

    // ---------------------------------------------------------------- encryption

    @Test
    void encryptionGoesByTheNameAndIsNotGivenUp(@TempDir Path folder) throws IOException, GeneralSecurityException,
            InterruptedException {
        var untrusted = internet.network();
        internet.encrypt(folder);
        assertThat(get("https://pictures.example/a.png")).isEqualTo(PICTURE);
        assertThat(internet.connected).containsExactly(ADDRESS + ":443");
        internet.name("other.example", ADDRESS);
        assertThat(refused("https://other.example/a.png")).hasMessageContaining("does not prove to be that host");
        assertThat(refused("https://%s/a.png".formatted(ADDRESS))).hasMessageContaining("does not prove to be");
        var address = WebAddress.parse("https://pictures.example/a.png");
        assertThat(catchThrowableOfType(UrlException.class, () -> new UrlFetcher(untrusted, MOST, AMPLE).get(address)))
                .as("a certificate that nobody has signed").hasMessageContaining("does not prove to be");
        internet.redirect("/up", "https://pictures.example/a.png");
        assertThat(get("http://pictures.example/up")).isEqualTo(PICTURE);
        internet.redirect("/down", "http://pictures.example/a.png");
        assertThat(refused("https://pictures.example/down")).hasMessageContaining("from https to http");
    }

    // ---------------------------------------------------------------- what comes

    @ParameterizedTest
    @ValueSource(ints = {201, 204, 206, 300, 304, 400, 401, 403, 404, 410, 418, 500, 502})
    void onlyAPlainAnswerIsTaken(int status) {
        internet.page("/odd", exchange -> exchange.sendResponseHeaders(status, -1));
        var e = refused("http://pictures.example/odd");
        assertThat(e.code()).isEqualTo("url_failed");
        assertThat(e).hasMessageContaining("the status %d".formatted(status));
    }

    @Test
    void whatIsTooLargeIsNotRead() {
        internet.page("/most", new byte[MOST]);
        assertThat(get("http://pictures.example/most")).hasSize(MOST);
        internet.page("/stated", new byte[MOST + 1]);
        internet.page("/endless", exchange -> {
            exchange.sendResponseHeaders(200, 0); // in chunks
            while (true) {
                exchange.getResponseBody().write(new byte[MOST]);
            }
        });
        for (var page : List.of("stated", "endless")) {
            assertThat(refused("http://pictures.example/" + page)).hasMessageContaining("more than the 1000 bytes");
        }
    }

    /// What a client unpacks can be any times larger than what it reads.
    @Test
    void nothingIsUnpacked() {
        internet.page("/packed", exchange -> {
            exchange.getResponseHeaders().add("Content-Encoding", "gzip");
            exchange.sendResponseHeaders(200, PICTURE.length);
            exchange.getResponseBody().write(PICTURE);
        });
        assertThat(get("http://pictures.example/packed")).isEqualTo(PICTURE);
    }

    @Test
    void whatIsCutShortIsNotTaken() {
        internet.page("/short", exchange -> {
            exchange.sendResponseHeaders(200, MOST);
            exchange.getResponseBody().write(PICTURE);
        });
        assertThat(refused("http://pictures.example/short")).hasMessageContaining("broke off");
    }

    private static void slowly(HttpExchange exchange) throws IOException {
        exchange.sendResponseHeaders(200, MOST);
        while (true) {
            exchange.getResponseBody().write(0);
            exchange.getResponseBody().flush();
            pause(50);
        }
    }

    /// Silence, a byte now and then, and redirects that each take a moment.
    @Test
    void whatTakesTooLongIsGivenUp() {
        internet.page("/slowly", UrlFetcherTest::slowly);
        internet.page("/silent", _ -> pause(AMPLE.toMillis()));
        for (var i = 0; i < 5; i++) {
            var next = i < 4 ? "/late%d".formatted(i + 1) : "/a.png";
            internet.page("/late%d".formatted(i), exchange -> {
                pause(TIME.toMillis() / 4);
                exchange.getResponseHeaders().add("Location", next);
                exchange.sendResponseHeaders(307, -1);
            });
        }
        for (var page : List.of("slowly", "silent", "late0")) {
            var started = System.nanoTime();
            assertThat(refused("http://pictures.example/" + page, TIME)).hasMessageContaining("in time; 3 seconds");
            assertThat(Duration.ofNanos(System.nanoTime() - started)).as(page).isBetween(TIME.dividedBy(3).minusMillis(
                    50), AMPLE);
        }
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void twoAreFetchedAtOnce() throws Exception {
        var fetcher = new UrlFetcher(internet.network(), MOST, TIME);
        var both = new CountDownLatch(2);
        internet.page("/slowly", exchange -> {
            both.countDown();
            slowly(exchange);
        });
        try (var others = Executors.newVirtualThreadPerTaskExecutor()) {
            var address = WebAddress.parse("http://pictures.example/slowly");
            for (var i = 0; i < 2; i++) {
                others.submit(() -> fetcher.get(address));
            }
            both.await();
            var picture = WebAddress.parse("http://pictures.example/a.png");
            var busy = catchThrowableOfType(ApiException.class, () -> fetcher.get(picture));
            assertThat(busy.status()).isEqualTo(429);
            assertThat(busy.code()).isEqualTo("busy");
            Served.eventually(() -> catchThrowableOfType(ApiException.class, () -> fetcher.get(picture)),
                    again -> again == null);
        }
    }
}
