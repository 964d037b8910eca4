package org.zoetrope.server;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.concurrent.atomic.AtomicInteger;

/// A line to a server that breaks once: the first request arrives, its answer does not.
final class BrokenLine implements AutoCloseable {
    private final ServerSocket door = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final URI target;
    private final AtomicInteger broken = new AtomicInteger();

    BrokenLine(String address) throws IOException {
        target = URI.create(address);
        Thread.ofVirtual().start(this::listen);
    }

    /// With the name the server knows itself by.
    String address() {
        return "http://127.0.0.1:" + door.getLocalPort();
    }

    int broken() {
        return broken.get();
    }

    private void listen() {
        while (!door.isClosed()) {
            try {
                var near = door.accept();
                var far = new Socket(target.getHost(), target.getPort());
                Thread.ofVirtual().start(() -> pass(near, far, false));
                Thread.ofVirtual().start(() -> pass(far, near, true));
            } catch (IOException e) {
                if (!door.isClosed()) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    private void pass(Socket from, Socket to, boolean answers) {
        try (from; to) {
            var buffer = new byte[8192];
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (var n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                if (answers && broken.compareAndSet(0, 1)) {
                    return;
                }
                out.write(buffer, 0, n);
                out.flush();
            }
        } catch (IOException _) {
            // One side has hung up.
        }
    }

    @Override
    public void close() throws IOException {
        door.close();
    }
}
