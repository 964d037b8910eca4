package org.zoetrope.server;

import java.util.Base64;
import java.util.regex.Pattern;

/// Content inside an address, such as `data:image/png;base64,...`. Addresses of other kinds are refused: this server
/// fetches nothing.
final class DataUrl {
    private static final Pattern PICTURE = Pattern.compile("data:image/(?:png|jpeg);base64,(.*)", Pattern.DOTALL);
    private static final Pattern VIDEO = Pattern.compile(
            "data:(?:video/[\\w.+-]{1,60}|image/(?:gif|webp));base64,(.*)", Pattern.DOTALL);

    private DataUrl() {}

    /// @throws ApiException if this holds no PNG or JPEG
    static byte[] picture(String field, String url) {
        return content(field, url, PICTURE, "the picture", "this is no data URL of a PNG or JPEG");
    }

    /// @throws ApiException if this holds no video
    static byte[] video(String field, String url) {
        return content(field, url, VIDEO, "the video",
                "this is neither the id of a video nor a data URL of one; send the video as a file");
    }

    private static byte[] content(String field, String url, Pattern form, String what, String otherwise) {
        var data = form.matcher(url);
        if (!data.matches()) {
            throw ApiException.invalid("invalid_value", field, url.startsWith("http")
                    ? "this server fetches nothing from elsewhere; send %s itself, or a data URL of it".formatted(what)
                    : otherwise);
        }
        try {
            return Base64.getDecoder().decode(data.group(1));
        } catch (IllegalArgumentException _) {
            throw ApiException.invalid("invalid_value", field, "the data URL is damaged");
        }
    }
}
