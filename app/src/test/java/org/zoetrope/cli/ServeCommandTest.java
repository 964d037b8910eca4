package org.zoetrope.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.zoetrope.cli.Typed.type;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServeCommandTest {
    @TempDir Path folder;

    @Test
    void aKeyIsShownOnceAndKeptAsAHash() throws IOException {
        var key = type("serve", "--data", folder, "--new-key", "ada").succeeds().out().strip();
        assertThat(key).matches("zk_[0-9a-f]{64}");
        assertThat(Files.readString(folder.resolve("keys"))).startsWith("ada ").doesNotContain(key);
        type("serve", "--data", folder, "--new-key", "ada").fails(1, "there is a key \"ada\" already");
        type("serve", "--data", folder, "--new-key", "a b").fails(1, "up to 64 letters");
    }

    @Test
    void othersAreNotServedWithoutAKey() {
        type("serve", "--data", folder, "--host", "0.0.0.0", "--port", "0").fails(1, "0.0.0.0 is open to others",
                "serve --new-key NAME");
    }

    @Test
    void mistakesAreSaidBeforeAnythingStarts() {
        type("serve", "--data", folder, "--workers", "65").fails(2, "65 workers; give 0 to 64");
        type("serve", "--data", folder, "--queue-length", "0").fails(2, "a queue of 0 jobs; give 1 to 1000000");
        type("serve", "--data", folder, "--queue-length", "1000001").fails(2, "a queue of 1000001 jobs");
        type("serve", "--data", folder, "--characters", "0").fails(2, "0 characters; give 1 to 1000000");
        type("serve", "--data", folder, "--port", "70000").fails(2, "port 70000");
        type("serve", "--data", folder, "--model", "maxi").fails(2, "maxi");
        type("serve", "--data", folder, "--database", "jdbc:mysql://x").fails(1, "no address of a PostgreSQL");
        assertThat(folder).isEmptyDirectory();
    }
}
