package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CoresTest {
    @TempDir
    Path folder;

    private void processors(String... siblings) throws IOException {
        for (var i = 0; i < siblings.length; i++) {
            var topology = Files.createDirectories(folder.resolve("cpu" + i).resolve("topology"));
            Files.writeString(topology.resolve("thread_siblings_list"), siblings[i] + "\n");
        }
        Files.createDirectories(folder.resolve("cpufreq"));
        Files.createDirectories(folder.resolve("cpu99")); // switched off
    }

    @Test
    void processorsOfOneCoreCountOnce() throws IOException {
        processors("0,2", "1,3", "0,2", "1,3");
        assertThat(Cores.threads(Map.of(), folder, 4)).hasValue(2);
    }

    @Test
    void thereAreNoMoreThanAContainerMayUse() throws IOException {
        processors("0", "1", "2", "3");
        assertThat(Cores.threads(Map.of(), folder, 64)).hasValue(4);
        assertThat(Cores.threads(Map.of(), folder, 3)).hasValue(3);
    }

    @Test
    void whatTheUserSaysHolds() throws IOException {
        processors("0", "1");
        assertThat(Cores.threads(Map.of("OMP_NUM_THREADS", "1"), folder, 2)).isEmpty();
        assertThat(Cores.threads(Map.of("MKL_NUM_THREADS", "1"), folder, 2)).isEmpty();
    }

    @Test
    void aSystemThatDoesNotSayItIsLeftToLibtorch() {
        assertThat(Cores.threads(Map.of(), folder.resolve("none"), 2)).isEmpty();
        assertThat(Cores.threads(Map.of(), folder, 2)).isEmpty();
    }
}
