package org.zoetrope.server;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/// The addresses that mean the same machine to everybody on the internet. All others may be somebody's inside: this
/// machine, its network, the services of its cloud. The ranges are those that the special-purpose registries of IANA
/// (RFC 6890 and what has been added since) do not call globally reachable; where a registry has exceptions within a
/// range, the range counts.
final class PublicAddresses {
    private static final List<Range> RESERVED_IPV4 = ranges(
            "0.0.0.0/8", // this network; 0.0.0.0 reaches this machine
            "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // private, RFC 1918
            "100.64.0.0/10", // behind the translators of providers, RFC 6598
            "127.0.0.0/8", // loopback
            "169.254.0.0/16", // link-local, where clouds keep their credentials
            "168.63.129.16/32", // public by its number, and on every machine of Azure the platform's own service
            "192.0.0.0/24", // protocols of the IETF
            "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", // documentation
            "192.88.99.0/24", // relays of 6to4, given up with RFC 7526
            "198.18.0.0/15", // benchmarks of network devices
            "224.0.0.0/4", // multicast
            "240.0.0.0/4"); // reserved, broadcast among them
    /// What is outside is loopback, unspecified, link-local, unique-local (fc00::/7), multicast, an IPv4 address in
    /// another dress, or not given out yet.
    private static final Range GIVEN_OUT_IPV6 = Range.parse("2000::/3");
    private static final List<Range> RESERVED_IPV6 = ranges(
            "2001::/23", // protocols of the IETF: Teredo, which embeds addresses of IPv4, ORCHID, benchmarks
            "2001:db8::/32", "3fff::/20", // documentation
            "2002::/16"); // 6to4, which embeds addresses of IPv4
    /// Where a network has IPv6 alone, its resolver writes the IPv4 address of a name into the last four bytes.
    private static final Range NAT64 = Range.parse("64:ff9b::/96");

    private PublicAddresses() {}

    static boolean include(InetAddress address) {
        return switch (address) {
            case Inet4Address v4 -> isPublic(v4.getAddress());
            case Inet6Address v6 when NAT64.holds(v6.getAddress()) -> isPublic(Arrays.copyOfRange(v6.getAddress(), 12,
                    16));
            case Inet6Address v6 -> GIVEN_OUT_IPV6.holds(v6.getAddress())
                    && RESERVED_IPV6.stream().noneMatch(range -> range.holds(v6.getAddress()));
            default -> false;
        };
    }

    private static boolean isPublic(byte[] v4) {
        return RESERVED_IPV4.stream().noneMatch(range -> range.holds(v4));
    }

    private static List<Range> ranges(String... texts) {
        return Stream.of(texts).map(Range::parse).toList();
    }

    /// The addresses that begin with the first bits of this one.
    private record Range(InetAddress first, int bits) {
        static Range parse(String text) {
            var slash = text.indexOf('/');
            return new Range(InetAddress.ofLiteral(text.substring(0, slash)), Integer.parseInt(text.substring(slash
                    + 1)));
        }

        boolean holds(byte[] address) {
            var begin = first.getAddress();
            for (var bit = 0; bit < bits; bit++) {
                if (((begin[bit / 8] ^ address[bit / 8]) & 0x80 >> bit % 8) != 0) {
                    return false;
                }
            }
            return true;
        }
    }
}
