package org.zoetrope.server;

/// What an address names cannot be fetched, with a code for programs.
final class UrlException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String code;

    private UrlException(String code, String message) {
        super(message);
        this.code = code;
    }

    /// The address is not of a kind that is fetched.
    static UrlException invalid(String message) {
        return new UrlException("invalid_url", message);
    }

    /// There is nothing public at the address: one answer, whether a name is unknown or leads inside.
    static UrlException refused(String host) {
        return new UrlException("url_refused", "nothing is fetched from %s: it is unknown, or leads to an address that "
                .formatted(host) + "is not public");
    }

    /// Whoever is at the address did not send what was asked for.
    static UrlException failed(String message) {
        return new UrlException("url_failed", message);
    }

    String code() {
        return code;
    }
}
