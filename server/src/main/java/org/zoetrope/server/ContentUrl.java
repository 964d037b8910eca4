package org.zoetrope.server;

import java.util.Base64;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/// Content that a request names by a URL: it stands within (`data:image/png;base64,...`), or at an address of the web,
/// which is fetched where the operator allows it.
///
/// A URL is read at once and gives something to be asked for its content: what is cheap to check about a request is
/// checked before that, since fetching takes time. A job keeps the content alone.
final class ContentUrl {
    private static final Pattern PICTURE = Pattern.compile("data:image/(?:png|jpeg);base64,(.*)", Pattern.DOTALL);
    private static final Pattern VIDEO = Pattern.compile(
            "data:(?:video/[\\w.+-]{1,60}|image/(?:gif|webp));base64,(.*)", Pattern.DOTALL);

    private final Optional<UrlFetcher> fetcher;

    /// @param fetcher empty fetches nothing
    ContentUrl(Optional<UrlFetcher> fetcher) {
        this.fetcher = fetcher;
    }

    /// @throws ApiException if this holds no PNG or JPEG and is no address that may be fetched
    Supplier<byte[]> picture(String field, String url) {
        return content(field, url, PICTURE, "the picture", "this is no data URL of a PNG or JPEG");
    }

    /// @throws ApiException if this holds no video and is no address that may be fetched
    Supplier<byte[]> video(String field, String url) {
        return content(field, url, VIDEO, "the video",
                "this is neither the id of a video nor a data URL of one; send the video as a file");
    }

    private Supplier<byte[]> content(String field, String url, Pattern form, String what, String otherwise) {
        var data = form.matcher(url);
        if (data.matches()) {
            var content = decoded(field, data.group(1));
            return () -> content;
        }
        if (!url.regionMatches(true, 0, "http", 0, 4)) {
            throw ApiException.invalid("invalid_value", field, otherwise);
        }
        var fetching = fetcher.orElseThrow(() -> ApiException.invalid("invalid_value", field,
                "this server fetches nothing from elsewhere; send %s itself, or a data URL of it (its operator could "
                        .formatted(what) + "allow addresses: zoetrope serve --fetch-urls)"));
        var address = saying(field, () -> WebAddress.parse(url));
        return () -> saying(field, () -> fetching.get(address));
    }

    private static byte[] decoded(String field, String base64) {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException _) {
            throw ApiException.invalid("invalid_value", field, "the data URL is damaged");
        }
    }

    private static <T> T saying(String field, Supplier<T> step) {
        try {
            return step.get();
        } catch (UrlException e) {
            throw ApiException.invalid(e.code(), field, "\"%s\": %s".formatted(field, e.getMessage()));
        }
    }
}
