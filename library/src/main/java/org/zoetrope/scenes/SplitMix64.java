package org.zoetrope.scenes;

import java.util.List;

/// The generator SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), written
/// out with its derived draws, so that a seed means the same scene on every JDK. Not safe to share between threads.
public final class SplitMix64 {
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private long state;

    public SplitMix64(long seed) {
        state = seed;
    }

    /// A generator for item `index` of stream `seed`: neighbouring seeds and indices give unrelated draws.
    public static SplitMix64 of(long seed, long index) {
        return new SplitMix64(mix(seed + GOLDEN) ^ mix(~index));
    }

    /// 64 random bits.
    public long nextLong() {
        state += GOLDEN;
        return mix(state);
    }

    /// A double in [0, 1): the high 53 bits of one draw.
    public double nextDouble() {
        return (nextLong() >>> 11) * 0x1.0p-53;
    }

    /// A double in [least, most).
    public double between(double least, double most) {
        return least + (most - least) * nextDouble();
    }

    /// An integer in [0, bound), from one draw.
    public int below(int bound) {
        return (int) (nextDouble() * bound);
    }

    /// True with this probability.
    public boolean chance(double probability) {
        return nextDouble() < probability;
    }

    /// One of the items, each as likely as the others.
    public <T> T pick(List<T> items) {
        return items.get(below(items.size()));
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
