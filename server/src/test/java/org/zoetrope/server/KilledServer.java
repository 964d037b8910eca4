package org.zoetrope.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.zoetrope.server.ServerSettings.Installed;

/// A server in a process of its own, to be killed.
final class KilledServer {
    private KilledServer() {}

    public static void main(String[] arguments) throws IOException {
        var settings = ServerSettings.of(Path.of(arguments[0]), List.of(new Installed("mini", Served.bundled())))
                .address("127.0.0.1", 0);
        var server = Server.start(settings);
        Files.writeString(Path.of(arguments[1]), server.address());
    }

    /// @param port file that will hold the address
    static Process start(Path data, Path port) throws IOException {
        var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        var command = new ArrayList<>(List.of(java, "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow", "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                "-Dorg.bytedeco.javacpp.maxBytes=0", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
                System.getProperty("java.class.path"), KilledServer.class.getName(), data.toString(),
                port.toString()));
        return new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    }
}
