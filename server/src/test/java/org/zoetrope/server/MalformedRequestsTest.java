package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Requests that are almost right: a few bytes of good ones are changed, left out, doubled or moved. Whatever arrives is
/// answered, and never with the server's own failure. `-Dmalformed.requests=10000` sends more of them.
class MalformedRequestsTest {
    private static final int COUNT = Integer.getInteger("malformed.requests", 500);
    private static final List<String> BODIES = List.of(
            "application/json\n{\"prompt\": \"a boat\", \"size\": \"64x64\", \"num_frames\": 5, \"steps\": 2, \"seed\": 7}",
            "application/json\n{\"prompt\": \"a boat\", \"seconds\": \"4\", \"model\": \"sora-2\", \"fps\": 8.0}",
            "application/json\n{\"prompt\": \"a boat\", \"input_reference\": {\"image_url\": \"data:image/png;base64,iVBO\"}}",
            "application/x-www-form-urlencoded\nprompt=a+boat&steps=2&guidance_scale=6.0&negative_prompt=%20",
            "multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na boat\r\n--b\r\n"
                    + "Content-Disposition: form-data; name=\"input_reference\"; filename=\"a.png\"\r\nContent-Type: image/png"
                    + "\r\n\r\n\u0089PNG\r\n--b--\r\n",
            "application/json\n{\"prompt\": \"a boat\", \"characters\": [{\"id\": \"char_0123456789abcdef0123456789abcdef\"}]}",
            "multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAda\r\n--b\r\n"
                    + "Content-Disposition: form-data; name=\"video\"; filename=\"a.mp4\"\r\n\r\nGIF89a@\0@\0\0\0\0,\r\n"
                    + "--b--\r\n",
            "multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na boat\r\n"
                    + "--b\r\nContent-Disposition: form-data; name=\"source_prompt\"\r\n\r\na car\r\n--b\r\n"
                    + "Content-Disposition: form-data; name=\"video\"; filename=\"a.mp4\"\r\n\r\nGIF89a@\0@\0\0\0\0,"
                    + "\r\n--b--\r\n");
    private static final List<String> LOOKS = List.of("/v1/videos?limit=20&order=asc&after=video_%s&search=boat",
            "/v1/videos/video_%s", "/v1/videos/video_%s/content?variant=thumbnail", "/v1/videos/video_%s/events",
            "/v1/models", "/metrics", "/v1/videos/characters/char_%s", "/studio/studio.js");
    private static final String ID = "0123456789abcdef0123456789abcdef";

    @TempDir Path folder;

    private final Random random = new Random(7);

    @Test
    void nothingMakesTheServerFail() throws IOException {
        var answers = new TreeMap<String, Integer>();
        try (var served = Served.start(folder, settings -> settings.workers(0).queueLength(Integer.MAX_VALUE))) {
            var before = 0L;
            for (var i = 0; i < COUNT; i++) {
                if (i == COUNT / 5) {
                    before = Metrics.residentBytes(); // what a server grows to
                }
                var request = changed(random.nextInt(3) == 0 ? look() : post());
                var answer = send(served, request);
                var status = answer.isEmpty() ? "closed" : answer.substring(9, 12);
                assertThat(answer).as(new String(request, StandardCharsets.ISO_8859_1)).doesNotStartWith("HTTP/1.1 500")
                        .doesNotStartWith("HTTP/1.1 503");
                answers.merge(status, 1, Integer::sum);
            }
            assertThat(served.get("/ready").statusCode()).isEqualTo(200);
            assertThat(Metrics.residentBytes() - before).as("memory taken for good").isLessThan(256L << 20);
        }
        assertThat(answers).as("some of everything").containsKeys("200", "400", "404");
    }

    private byte[] look() {
        var path = LOOKS.get(random.nextInt(LOOKS.size())).formatted(ID);
        return ("GET %s HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-99\r\nAuthorization: Bearer none\r\n"
                + "Accept: */*\r\nConnection: close\r\n\r\n").formatted(path).getBytes(StandardCharsets.ISO_8859_1);
    }

    private byte[] post() {
        var body = BODIES.get(random.nextInt(BODIES.size())).split("\n", 2);
        var operation = List.of("", "/video_%s/remix".formatted(ID), "/edits", "/extensions", "/characters").get(
                random.nextInt(3) == 0 ? random.nextInt(5) : 0);
        return ("POST /v1/videos%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
                + "Idempotency-Key: %d\r\nConnection: close\r\n\r\n%s").formatted(operation, body[0], body[1].length(),
                        random.nextInt(1000), body[1]).getBytes(StandardCharsets.ISO_8859_1);
    }

    private byte[] changed(byte[] good) {
        var bytes = good;
        for (var changes = random.nextInt(1, 5); changes > 0; changes--) {
            var at = random.nextInt(bytes.length);
            var length = Math.min(bytes.length - at, 1 + random.nextInt(8));
            var out = new ByteArrayOutputStream();
            out.write(bytes, 0, at);
            switch (random.nextInt(5)) {
                case 0 -> random.ints(length, 0, 256).forEach(out::write);
                case 1 -> {
                    // Left out.
                }
                case 2 -> {
                    out.write(bytes, at, length);
                    out.write(bytes, at, length);
                }
                case 3 -> out.writeBytes(List.of("\0", "\r\n", "%00", "../", "\"", "-1", "9".repeat(30), "{[", "\u00ff\u00fe",
                        "NaN").get(random.nextInt(10)).getBytes(StandardCharsets.ISO_8859_1));
                default -> out.write(bytes, random.nextInt(bytes.length - length + 1), length);
            }
            out.write(bytes, at + length, bytes.length - at - length);
            bytes = out.toByteArray();
        }
        return bytes;
    }

    private static String send(Served served, byte[] request) throws IOException {
        var address = URI.create(served.address());
        try (var socket = new Socket(address.getHost(), address.getPort())) {
            socket.setSoTimeout(60_000);
            socket.getOutputStream().write(request);
            socket.shutdownOutput();
            return new String(socket.getInputStream().readNBytes(1 << 16), StandardCharsets.ISO_8859_1);
        } catch (SocketException _) {
            return ""; // closed in the middle of what it no longer wanted to read
        }
    }
}
