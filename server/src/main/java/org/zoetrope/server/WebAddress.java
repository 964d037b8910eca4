package org.zoetrope.server;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import okhttp3.HttpUrl;

/// An address of the web that a request or a redirect names. Its text is read here alone, strictly; what is connected
/// to is put together from the parts that were found, so that no second reading finds another host in it.
record WebAddress(HttpUrl url) {
    private static final int LONGEST = 4096, LONGEST_NAME = 253;
    private static final Set<Integer> PORTS = Set.of(-1, 80, 443); // what is elsewhere is seldom meant for strangers
    private static final String LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
    /// With a dot: short names are those of a network's inside. What ends in a number is read as one by some.
    private static final Pattern NAME = Pattern.compile("(?:%s\\.)+(?!\\d+$|0x)%s".formatted(LABEL, LABEL));
    private static final String BYTE = "(?:0|[1-9]\\d{0,2})"; // 010 is ten to some and eight to others
    private static final Pattern IPV4 = Pattern.compile("%s(?:\\.%s){3}".formatted(BYTE, BYTE));
    private static final Pattern IPV6 = Pattern.compile("\\[[0-9a-f:.]+]"); // no zones: they are this machine's own

    /// @throws UrlException if this is no such address
    static WebAddress parse(String text) {
        return of(uri(text));
    }

    /// Where a redirect from here leads.
    ///
    /// @throws UrlException if that is no such address, or not encrypted while this one is
    WebAddress redirected(String location) {
        WebAddress next;
        try {
            next = of(url.uri().resolve(uri(location)));
        } catch (UrlException e) {
            throw UrlException.failed("%s redirects to where nothing is fetched: %s".formatted(host(), e.getMessage()));
        }
        if (url.isHttps() && !next.url.isHttps()) {
            throw UrlException.failed("%s redirects from https to http, which is not followed".formatted(host()));
        }
        return next;
    }

    String host() {
        return url.host();
    }

    private static URI uri(String text) {
        if (text.length() > LONGEST) {
            throw UrlException.invalid("the address has %d characters; at most %d are read".formatted(text.length(),
                    LONGEST));
        }
        try {
            return new URI(text);
        } catch (URISyntaxException _) {
            throw UrlException.invalid("this is no address of the web; does a character in it need encoding?");
        }
    }

    private static WebAddress of(URI uri) {
        var scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
        if (!scheme.equals("http") && !scheme.equals("https")) {
            throw UrlException.invalid("only what begins with http:// or https:// is fetched");
        }
        if (String.valueOf(uri.getRawAuthority()).contains("@")) {
            throw UrlException.invalid("an address with a user or a password is not fetched");
        }
        if (!PORTS.contains(uri.getPort())) {
            throw UrlException.invalid("nothing is fetched from port %d; 80 and 443 are asked alone".formatted(
                    uri.getPort()));
        }
        var host = Optional.ofNullable(uri.getHost()).map(name -> name.toLowerCase(Locale.ROOT))
                .filter(WebAddress::isHost).orElseThrow(WebAddress::noHost);
        try {
            var url = new HttpUrl.Builder().scheme(scheme).host(host).encodedPath(uri.getRawPath().isEmpty() ? "/"
                    : uri.getRawPath());
            Optional.ofNullable(uri.getRawQuery()).ifPresent(url::encodedQuery);
            return new WebAddress((uri.getPort() < 0 ? url : url.port(uri.getPort())).build());
        } catch (IllegalArgumentException _) {
            throw noHost(); // the one part that a builder still refuses
        }
    }

    private static boolean isHost(String host) {
        return host.length() <= LONGEST_NAME && NAME.matcher(host).matches() || IPV4.matcher(host).matches()
                || IPV6.matcher(host).matches();
    }

    private static UrlException noHost() {
        return UrlException.invalid("the address names no host of the web: that is a name such as example.com, four "
                + "decimal numbers, or an IPv6 address in brackets");
    }
}
