package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Linker;
import org.junit.jupiter.api.Test;

class AllocatorTest {
    /// The values are such as glibc takes; an allocator without this function, and a user who says otherwise, are left alone.
    @Test
    void glibcKeepsFreedMemory() {
        var canBeAdvised = Linker.nativeLinker().defaultLookup().find("mallopt").isPresent();
        assertThat(Allocator.keepFreedMemory()).isEqualTo(canBeAdvised && !Allocator.isSetByUser());
    }
}
