package org.zoetrope.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.zoetrope.server.ServerSettings.Installed;

/// A server in a process of its own, to be killed.
final class KilledServer {
    private KilledServer() {}

    /// @param arguments folder of the data, file for the address, workers, and an address of a database or nothing
    public static void main(String[] arguments) throws IOException {
        var settings = ServerSettings.of(Path.of(arguments[0]), List.of(new Installed("mini", Served.bundled())))
                .address("127.0.0.1", 0).workers(Integer.parseInt(arguments[2]))
                .database(Optional.of(arguments[3]).filter(url -> !url.isEmpty()));
        var server = Server.start(settings);
        Runtime.getRuntime().addShutdownHook(new Thread(server::close));
        var port = Path.of(arguments[1]);
        var written = Files.writeString(port.resolveSibling(port.getFileName() + ".new"), server.address());
        Files.move(written, port, StandardCopyOption.ATOMIC_MOVE);
    }

    /// @param port file that will hold the address
    static Process start(Path data, Path port) throws IOException {
        return start(data, port, 1, "", ProcessBuilder.Redirect.DISCARD);
    }

    /// @param port     file that will hold the address
    /// @param database address of a PostgreSQL; empty for the embedded database
    /// @param log      takes what the server prints
    static Process start(Path data, Path port, int workers, String database, ProcessBuilder.Redirect log)
            throws IOException {
        var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        var command = new ArrayList<>(List.of(java, "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow", "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                "-Dorg.bytedeco.javacpp.maxBytes=0", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
                System.getProperty("java.class.path"), KilledServer.class.getName(), data.toString(),
                port.toString(), Integer.toString(workers), database));
        return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log).start();
    }
}
