package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.stream.IntStream;

/// Which of the T training timesteps a run of n steps visits (arXiv 2305.08891, table 2). Lists run from noise to data.
public enum Spacing {
    /// Evenly from T-1 to 0, both included.
    LINSPACE,
    /// Multiples of the whole number T / n, plus an offset; the last training timestep is left out.
    LEADING,
    /// T, T - T/n, ..., each less one; the last training timestep comes first.
    TRAILING;

    /// The whole timesteps of a run, as DDPM and DDIM take them.
    ///
    /// @throws SamplingException if n is not within 1 .. T, or the offset leads out of the schedule
    public int[] timesteps(int trainSteps, int n, int offset) {
        return within(trainSteps, n, offset, switch (this) {
            case LINSPACE -> reversed(line(0, trainSteps - 1, n));
            case LEADING -> leading(trainSteps / checked(n, trainSteps), n, offset);
            case TRAILING -> trailing(trainSteps, trainSteps, n);
        });
    }

    /// The timesteps of a run as the Karras family takes them: linspace is not rounded.
    public double[] fractionalTimesteps(int trainSteps, int n, int offset) {
        if (this != LINSPACE) {
            return IntStream.of(timesteps(trainSteps, n, offset)).asDoubleStream().toArray();
        }
        checked(n, trainSteps);
        var line = line(0, trainSteps - 1, n);
        var timesteps = new double[n];
        for (var i = 0; i < n; i++) {
            timesteps[i] = (float) line[n - 1 - i]; // float32, as the networks are told
        }
        return timesteps;
    }

    /// The timesteps of a run as multistep solvers take them: n + 1 points of which the cleanest is left out.
    ///
    /// @param last how many of the training timesteps may be used
    public int[] solverTimesteps(int trainSteps, int last, int n, int offset) {
        checked(n, trainSteps);
        return within(trainSteps, n, offset, switch (this) {
            case LINSPACE -> IntStream.of(reversed(line(0, last - 1, n + 1))).limit(n).toArray();
            case LEADING -> IntStream.of(leading(last / (n + 1), n + 1, offset)).limit(n).toArray();
            case TRAILING -> trailing(trainSteps, last, n);
        });
    }

    private static int[] leading(int ratio, int n, int offset) {
        return IntStream.range(0, n).map(i -> (n - 1 - i) * ratio + offset).toArray();
    }

    private static int[] trailing(int trainSteps, int last, int n) {
        // The increment is formed by adding and subtracting, as the reference does: it decides which way a half rounds.
        var increment = last - (double) trainSteps / checked(n, trainSteps) - last;
        var count = last == trainSteps ? n : (int) Math.ceil(-last / increment);
        return IntStream.range(0, count).map(i -> (int) Math.rint(last + i * increment) - 1).toArray();
    }

    private static int[] reversed(double[] line) {
        return IntStream.range(0, line.length).map(i -> (int) Math.rint(line[line.length - 1 - i])).toArray();
    }

    /// n points from start to end, both included.
    static double[] line(double start, double end, int n) {
        var step = (end - start) / Math.max(n - 1, 1);
        var line = new double[n];
        for (var i = 0; i < n; i++) {
            line[i] = i * step + start;
        }
        if (n > 1) {
            line[n - 1] = end;
        }
        return line;
    }

    private static int checked(int n, int trainSteps) {
        require(n >= 1 && n <= trainSteps, "%d steps; this schedule takes 1 to %d", n, trainSteps);
        return n;
    }

    private static int[] within(int trainSteps, int n, int offset, int[] timesteps) {
        for (var t : timesteps) {
            require(t >= 0 && t < trainSteps, "%d steps with offset %d reach timestep %d, outside 0 .. %d; take fewer "
                    + "steps, a smaller steps_offset or trailing spacing", n, offset, t, trainSteps - 1);
        }
        return timesteps;
    }
}
