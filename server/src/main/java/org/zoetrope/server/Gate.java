package org.zoetrope.server;

import io.javalin.http.Context;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// Who may pass. Where there are keys, requests show one; where there are none, the server is for this machine alone:
/// it answers to its loopback names only, so that no page of the web can reach it through a name of its own, and it
/// takes nothing that a page of another origin sends.
final class Gate {
    /// Attribute of a request: the name of its key.
    static final String OWNER = "owner";
    static final String COOKIE = "zoetrope_key";

    private static final String BEARER = "Bearer ";
    private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]", "::1");
    private static final Set<String> SAFE = Set.of("GET", "HEAD", "OPTIONS");

    private final Keys keys;
    private final ServerSettings.RequestLimits limits;

    Gate(Keys keys, ServerSettings settings) {
        this.keys = keys;
        limits = settings.limits();
        if (keys.isEmpty() && !LOOPBACK.contains(settings.host())) {
            throw new ServerException(("%s is open to others, and there is no key to tell who may use it%n"
                    + "  fix    make one: zoetrope serve --new-key NAME, or listen on 127.0.0.1")
                    .formatted(settings.host()));
        }
    }

    /// Every request passes here first.
    ///
    /// @throws ApiException if it may not
    void check(Context ctx) {
        var length = ctx.req().getContentLengthLong();
        if (length > limits.bodyBytes()) {
            throw ApiException.tooLarge("a request of %d bytes; at most %d are read".formatted(length,
                    limits.bodyBytes()));
        }
        if (keys.isEmpty()) {
            var host = Optional.ofNullable(ctx.header("Host")).orElse("");
            if (!LOOPBACK.contains(host.replaceAll(":\\d+$", "").toLowerCase(Locale.ROOT))) {
                throw ApiException.forbidden("this server answers to localhost alone; to open it to others, make a key");
            }
        }
        if (!SAFE.contains(ctx.req().getMethod()) && !isOwnOrigin(ctx)) {
            throw ApiException.forbidden("a page of another origin cannot use this server");
        }
    }

    /// Finds out whose request it is.
    ///
    /// @throws ApiException if its key is missing or unknown
    void admit(Context ctx) {
        if (keys.isEmpty()) {
            ctx.attribute(OWNER, Keys.ANYONE);
            return;
        }
        var header = Optional.ofNullable(ctx.header("Authorization")).filter(h -> h.startsWith(BEARER))
                .map(h -> h.substring(BEARER.length()).strip());
        var key = header.or(() -> Optional.ofNullable(ctx.cookie(COOKIE))).orElseThrow(() -> ApiException.unauthorized(
                "this server wants a key: send the header Authorization: Bearer KEY"));
        ctx.attribute(OWNER, keys.owner(key).orElseThrow(() -> ApiException.unauthorized("this key is unknown here")));
    }

    /// Browsers say where a page that sends something comes from; other programs say nothing.
    private static boolean isOwnOrigin(Context ctx) {
        var origin = ctx.header("Origin");
        if (origin == null) {
            return !"cross-site".equals(ctx.header("Sec-Fetch-Site"));
        }
        try {
            var uri = new URI(origin);
            return String.valueOf(uri.getAuthority()).equalsIgnoreCase(String.valueOf(ctx.header("Host")));
        } catch (URISyntaxException _) {
            return false;
        }
    }
}
