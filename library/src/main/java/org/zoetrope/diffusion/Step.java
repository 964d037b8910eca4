package org.zoetrope.diffusion;

/// One call of the network and the move that follows it.
///
/// The state shown to the network stands at the level `at`; the move leads from `from` to `to`. The first two differ
/// only where a method calls the network twice for one move (Heun, Pndm).
///
/// @param index    place in the whole run, from 0
/// @param total    steps of the whole run; a run that starts in the middle keeps the count
/// @param timestep what the network is told: an index below T, or a function of the level (EDM)
public record Step(int index, int total, double timestep, Level at, Level from, Level to) {
    /// Whether the run ends with this step.
    public boolean isLast() {
        return index == total - 1;
    }
}
