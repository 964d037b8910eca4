package org.zoetrope.bench;

import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Torch;

/// What was done in some time.
///
/// @param work        in the unit of the probe
/// @param coreSeconds processor time of all threads
/// @param fastest     seconds of the fastest run
record Turn(double work, double seconds, double coreSeconds, double fastest) {
    static final double SHORTEST = 0.2; // seconds that say something

    /// Runs a probe once, and again until the time is over.
    static Turn of(Yardstick.Probe probe, double atLeast) {
        var cores = Torch.processorSeconds();
        double work = 0, seconds = 0, fastest = Double.POSITIVE_INFINITY;
        do {
            var start = System.nanoTime();
            Scope.run(probe.run());
            var took = (System.nanoTime() - start) / 1e9;
            seconds += took;
            work += probe.work();
            fastest = Math.min(fastest, took);
        } while (seconds < atLeast);
        return new Turn(work, seconds, Torch.processorSeconds() - cores, fastest);
    }

    Turn and(Turn other) {
        return new Turn(work + other.work, seconds + other.seconds, coreSeconds + other.coreSeconds,
                Math.min(fastest, other.fastest));
    }

    double speed() {
        return work / seconds;
    }

    double coreSpeed() {
        return work / coreSeconds;
    }
}
