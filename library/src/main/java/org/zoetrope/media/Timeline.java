package org.zoetrope.media;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/// When the frames of a file are shown, and which of them a constant rate shows.
///
/// @param fps      frames per second: the constant rate, or the average of a variable one
/// @param variable whether no constant rate explains the times to within one tick of the container's clock
/// @param duration seconds
/// @param shown    for each output frame the index of the stored frame it shows
record Timeline(double fps, boolean variable, double duration, List<Integer> shown) {
    private static final double FALLBACK_FPS = 25; // one frame without any timing
    private static final int MOST_HELD = 10; // repeats per stored frame; beyond it the times are called variable
    private static final double NTSC = 1000.0 / 1001;

    /// Finds the rate behind a list of times.
    ///
    /// A container's clock rounds: at 8 fps a GIF, which counts hundredths, alternates between 12 and 13. A rate is
    /// therefore accepted when every time lies within one tick of its place. The declared rate is tried first, then
    /// the nearest whole number and the nearest NTSC rate, then the plain average.
    ///
    /// @param times    start times in presentation order, seconds
    /// @param tick     resolution of the container's clock, seconds
    /// @param declared the rate the container states, 0 if none
    /// @param last     how long the last frame is shown, 0 if unknown
    static Timeline of(double[] times, double tick, double declared, double last) {
        var n = times.length;
        if (n == 1) {
            var fps = declared > 0 ? declared : last > 0 ? 1 / last : FALLBACK_FPS;
            return new Timeline(fps, false, 1 / fps, List.of(0));
        }
        var span = times[n - 1] - times[0];
        if (span > 0) {
            var average = (n - 1) / span;
            var whole = Math.rint(average);
            var ntsc = Math.rint(average / NTSC) * NTSC;
            for (var fps : new double[] {declared, whole, ntsc, average}) {
                if (fps > 0 && explains(fps, times, tick)) {
                    return new Timeline(fps, false, n / fps, IntStream.range(0, n).boxed().toList());
                }
            }
        }
        var end = span + (last > 0 ? last : span / (n - 1));
        var step = shortest(times, last);
        var grid = step > 0 ? Math.rint(1 / step) : 0;
        if (grid > 0 && end * grid <= MOST_HELD * n && onGrid(grid, times, end, tick)) {
            return new Timeline(grid, false, end, held(times, grid, (int) Math.rint(end * grid)));
        }
        var fps = end > 0 ? n / end : FALLBACK_FPS;
        return new Timeline(fps, true, n / fps, held(times, fps, n));
    }

    private static double shortest(double[] times, double last) {
        return IntStream.range(1, times.length).mapToDouble(i -> times[i] - times[i - 1])
                .reduce(last > 0 ? last : Double.MAX_VALUE, Math::min);
    }

    private static boolean onGrid(double fps, double[] times, double end, double tick) {
        return IntStream.rangeClosed(1, times.length)
                .mapToDouble(i -> i < times.length ? times[i] - times[0] : end)
                .allMatch(t -> Math.abs(t - Math.rint(t * fps) / fps) <= 1.01 * tick);
    }

    private static boolean explains(double fps, double[] times, double tick) {
        return IntStream.range(0, times.length)
                .allMatch(i -> Math.abs(times[i] - times[0] - i / fps) <= 1.01 * tick);
    }

    /// The frame on screen in the middle of each output frame's time.
    private static List<Integer> held(double[] times, double fps, int count) {
        var shown = new ArrayList<Integer>(count);
        for (int i = 0, at = 0; i < count; i++) {
            while (at + 1 < times.length && times[at + 1] - times[0] <= (i + 0.5) / fps) {
                at++;
            }
            shown.add(at);
        }
        return shown;
    }
}
