package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.lang.foreign.Linker;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class AllocatorTest {
    /// The values are such as glibc takes; an allocator without this function, and a user who says otherwise, are left alone.
    @Test
    void glibcKeepsFreedMemory() {
        var canBeAdvised = Linker.nativeLinker().defaultLookup().find("mallopt").isPresent();
        assertThat(Allocator.keepFreedMemory()).isEqualTo(canBeAdvised && !Allocator.isSetByUser());
    }

    /// What was in use at once is resident until it is given back.
    @Test
    void freeMemoryCanBeGivenBack() {
        Scope.run(() -> {
            for (var i = 0; i < 50; i++) {
                Tensor.ones(1 << 20);
            }
        });
        assumeThat(Allocator.keepFreedMemory()).isTrue();
        var kept = Torch.residentBytes();
        Torch.giveBackMemory();
        assertThat(kept - Torch.residentBytes()).isGreaterThan(100L << 20);
    }

    /// Pages of four kilobytes would be 16,384, each of which the system fills with zeros on its own.
    @Test
    void largeTensorsHaveHugePages() throws IOException {
        assumeThat(Path.of("/sys/kernel/mm/transparent_hugepage/enabled")).exists();
        assumeThat(Torch.whySmallPages()).isEmpty();
        Tensor.ones(1).close();
        var fewest = Long.MAX_VALUE;
        for (var i = 0; i < 5; i++) {
            var before = faults();
            Tensor.ones(16 << 20).close();
            fewest = Math.min(fewest, faults() - before);
        }
        assertThat(fewest).isLessThan(8_000);
    }

    @Test
    void smallPagesHaveAReason() {
        assertThat(Allocator.whySmallPages(null, "always [madvise] never")).isEmpty();
        assertThat(Allocator.whySmallPages("1", "[always] madvise never")).isEmpty();
        assertThat(Allocator.whySmallPages(null, "")).isEmpty();
        assertThat(Allocator.whySmallPages("0", "always [madvise] never")).contains("THP_MEM_ALLOC_ENABLE is \"0\"");
        assertThat(Allocator.whySmallPages("1", "always madvise [never]"))
                .contains("/sys/kernel/mm/transparent_hugepage/enabled says never");
    }

    private static long faults() throws IOException {
        var stat = Files.readString(Path.of("/proc/self/stat"));
        return Long.parseLong(stat.substring(stat.lastIndexOf(')')).split(" ")[8]);
    }
}
