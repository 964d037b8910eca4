package org.zoetrope.parity;

import java.nio.file.Path;
import java.util.List;

/// What came of one fixture.
public sealed interface ParityResult {
    Path folder();

    /// The published class that was tried.
    String className();

    /// Everything was computed; the comparisons say how well.
    record Compared(Path folder, String className, List<Comparison> comparisons) implements ParityResult {
        public Compared {
            comparisons = List.copyOf(comparisons);
        }

        public boolean isWithin() {
            return comparisons.stream().allMatch(Comparison::isWithin);
        }
    }

    /// There is no implementation of this class.
    record Unsupported(Path folder, String className, String reason) implements ParityResult {}

    /// Something stopped the computation.
    record Failed(Path folder, String className, RuntimeException cause) implements ParityResult {}
}
