package org.zoetrope.server;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.UnknownHostException;
import java.util.function.UnaryOperator;
import javax.net.SocketFactory;

/// Sockets that reach public addresses alone. The check is made with the address that is connected to, in the moment of
/// connecting: whoever found that address, and whatever a name has come to mean since, nothing comes after it. No proxy
/// is used, whatever the system properties say, since it would resolve names itself, behind the check.
final class PublicSockets extends SocketFactory {
    private final UnaryOperator<InetSocketAddress> route;

    /// @param route where a checked address is found; in tests, on this machine
    PublicSockets(UnaryOperator<InetSocketAddress> route) {
        this.route = route;
    }

    @Override
    public Socket createSocket() {
        return new Checked(route);
    }

    @Override
    public Socket createSocket(String host, int port) {
        throw unconnected();
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress near, int nearPort) {
        throw unconnected();
    }

    @Override
    public Socket createSocket(InetAddress address, int port) {
        throw unconnected();
    }

    @Override
    public Socket createSocket(InetAddress address, int port, InetAddress near, int nearPort) {
        throw unconnected();
    }

    private static UnsupportedOperationException unconnected() {
        return new UnsupportedOperationException("these sockets are connected after they were made");
    }

    private static final class Checked extends Socket {
        private final UnaryOperator<InetSocketAddress> route;

        Checked(UnaryOperator<InetSocketAddress> route) {
            super(Proxy.NO_PROXY);
            this.route = route;
        }

        @Override
        public void connect(SocketAddress to) throws IOException {
            connect(to, 0);
        }

        @Override
        public void connect(SocketAddress to, int timeout) throws IOException {
            if (!(to instanceof InetSocketAddress at) || at.isUnresolved()
                    || !PublicAddresses.include(at.getAddress())) {
                throw new UnknownHostException("this address is not public");
            }
            super.connect(route.apply(at), timeout);
        }
    }
}
