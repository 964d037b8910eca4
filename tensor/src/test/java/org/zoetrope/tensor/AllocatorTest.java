package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.lang.foreign.Linker;
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
}
