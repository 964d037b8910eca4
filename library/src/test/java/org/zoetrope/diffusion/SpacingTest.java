package org.zoetrope.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SpacingTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 10, 25, 50, 999, 1000})
    void timestepsStandWhereTheirFormulaSays(int n) {
        assertArrayEquals(IntStream.range(0, n).map(i -> (n - 1 - i) * (1000 / n)).toArray(),
                Spacing.LEADING.timesteps(1000, n, 0));
        assertArrayEquals(IntStream.range(0, n).map(i -> (int) Math.rint(1000 - i * (1000.0 / n)) - 1).toArray(),
                Spacing.TRAILING.timesteps(1000, n, 0));
        assertArrayEquals(IntStream.range(0, n)
                .map(i -> n == 1 ? 0 : (int) Math.rint((n - 1 - i) * (999.0 / (n - 1)))).toArray(),
                Spacing.LINSPACE.timesteps(1000, n, 0));
        assertArrayEquals(IntStream.range(0, n).map(i -> (int) Math.rint((n - i) * (999.0 / n))).toArray(),
                Spacing.LINSPACE.solverTimesteps(1000, 1000, n, 0));
    }

    @Test
    void tenStepsAreThoseOfTheTable() {
        assertArrayEquals(new int[] {999, 888, 777, 666, 555, 444, 333, 222, 111, 0},
                Spacing.LINSPACE.timesteps(1000, 10, 0));
        assertArrayEquals(new int[] {999, 899, 799, 699, 599, 500, 400, 300, 200, 100},
                Spacing.LINSPACE.solverTimesteps(1000, 1000, 10, 0));
        assertArrayEquals(new int[] {901, 801, 701, 601, 501, 401, 301, 201, 101, 1},
                Spacing.LEADING.timesteps(1000, 10, 1));
        assertArrayEquals(new int[] {999, 899, 799, 699, 599, 499, 399, 299, 199, 99},
                Spacing.TRAILING.timesteps(1000, 10, 0));
        assertEquals(981, Spacing.LEADING.timesteps(1000, 50, 1)[0]);
        assertEquals(19, Spacing.TRAILING.timesteps(1000, 50, 0)[49]);
    }

    /// Entries 24 steps from the end stand at halves, and the reference's sums decide which way they round.
    @Test
    void halvesRoundAsInTheReference() {
        var timesteps = Spacing.TRAILING.timesteps(1000, 48, 0);
        assertArrayEquals(new int[] {999, 978, 957, 936}, IntStream.of(timesteps).limit(4).toArray());
    }

    @ParameterizedTest
    @EnumSource(Spacing.class)
    void everyListFallsWithinTheSchedule(Spacing spacing) {
        for (var n = 1; n <= 1000; n += 7) {
            var timesteps = spacing.timesteps(1000, n, 0);
            assertEquals(n, timesteps.length);
            for (var i = 1; i < n; i++) {
                assertTrue(timesteps[i] < timesteps[i - 1], "%s of %d falls at %d".formatted(spacing, n, i));
            }
        }
    }

    @Test
    void anOffsetOutOfTheScheduleIsRefused() {
        var error = assertThrows(SamplingException.class, () -> Spacing.LEADING.timesteps(1000, 1000, 1));
        assertThat(error).hasMessageStartingWith("1000 steps with offset 1 reach timestep 1000, outside 0 .. 999");
        assertEquals("1001 steps; this schedule takes 1 to 1000",
                assertThrows(SamplingException.class, () -> Spacing.TRAILING.timesteps(1000, 1001, 0)).getMessage());
        assertThrows(SamplingException.class, () -> Spacing.LEADING.timesteps(1000, 0, 0));
    }
}
