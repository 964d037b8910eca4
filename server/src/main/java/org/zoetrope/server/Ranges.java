package org.zoetrope.server;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.regex.Pattern;

/// Sends a file, or the one range of it that was asked for (RFC 9110, section 14). Requests for several ranges, and
/// ranges that are not written as they should be, are answered with the whole file, as the standard allows.
final class Ranges {
    private static final Pattern ONE = Pattern.compile("bytes=(\\d{0,18})-(\\d{0,18})");

    private Ranges() {}

    static void send(HttpServletRequest request, HttpServletResponse response, Path file, String mediaType)
            throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
            var size = channel.size();
            response.setContentType(mediaType);
            response.setHeader("Accept-Ranges", "bytes");
            long from = 0, to = size - 1;
            var header = request.getHeader("Range");
            var range = ONE.matcher(header == null ? "" : header.strip());
            if (range.matches() && !(range.group(1).isEmpty() && range.group(2).isEmpty())) {
                if (range.group(1).isEmpty()) {
                    from = Math.max(0, size - Long.parseLong(range.group(2)));
                } else {
                    from = Long.parseLong(range.group(1));
                    to = range.group(2).isEmpty() ? to : Math.min(to, Long.parseLong(range.group(2)));
                }
                var backwards = !range.group(1).isEmpty() && !range.group(2).isEmpty()
                        && Long.parseLong(range.group(2)) < from;
                if (backwards) {
                    from = 0;
                    to = size - 1;
                } else if (from >= size) {
                    response.setStatus(416);
                    response.setHeader("Content-Range", "bytes */" + size);
                    return;
                } else {
                    response.setStatus(206);
                    response.setHeader("Content-Range", "bytes %d-%d/%d".formatted(from, to, size));
                }
            }
            response.setContentLengthLong(to - from + 1);
            if (!request.getMethod().equals("HEAD")) {
                var out = Channels.newChannel(response.getOutputStream());
                for (var at = from; at <= to;) {
                    at += channel.transferTo(at, to - at + 1, out);
                }
            }
        }
    }
}
