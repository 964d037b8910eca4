package org.zoetrope.diffusion;

import static org.zoetrope.diffusion.SamplingException.require;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/// The levels a solver visits in a run of n steps, and what the network is told at each.
///
/// Solvers step between levels and do not care where they come from; the published schedulers are pairs of a grid and a
/// solver. Sigmas are rounded to float32 as published: near 1 the rounding moves `1 - sigma` by a percent.
public sealed interface Grid {
    /// The steps of a run.
    Plan plan(int steps);

    /// The level of a timestep of training.
    Level level(double timestep);

    /// This grid for samples of so many latent tokens; only [Flow] may depend on them.
    default Grid forTokens(int tokens) {
        return this;
    }

    /// Where the last step of a run leads.
    enum Final {
        /// To the clean sample.
        ZERO,
        /// To the smallest sigma of training.
        SIGMA_MIN
    }

    /// Variance-exploding levels, `z = x + sigma eps`, at sigmas of a discrete schedule: the grid of the Euler and Heun
    /// samplers.
    ///
    /// @param sigmaMin   smallest sigma to place, instead of that of the last timestep
    /// @param sigmaMax   largest sigma to place, instead of that of the first timestep
    /// @param logLinear  sigmas between timesteps are even in the logarithm over the whole schedule; the run then ends
    ///                   at the smallest sigma
    /// @param continuous the network is told `ln(sigma) / 4` (Stable Video Diffusion) instead of a timestep
    record Exploding(NoiseSchedule schedule, Spacing spacing, int offset, SigmaSpacing sigmas, OptionalDouble sigmaMin,
            OptionalDouble sigmaMax, Final end, boolean logLinear, boolean continuous) implements Grid {
        /// The sigmas of the timesteps themselves, ending at the clean sample.
        public static Exploding of(NoiseSchedule schedule, Spacing spacing, int offset) {
            return new Exploding(schedule, spacing, offset, SigmaSpacing.TRAINED, OptionalDouble.empty(),
                    OptionalDouble.empty(), Final.ZERO, false, false);
        }

        @Override
        public Plan plan(int steps) {
            var trainSteps = schedule.trainSteps();
            var timesteps = spacing.fractionalTimesteps(trainSteps, steps, offset);
            var placed = logLinear
                    ? SigmaSpacing.exponential(schedule.sigma(trainSteps - 1), schedule.sigma(0), steps + 1)
                    : Arrays.stream(timesteps).map(schedule::sigma).toArray();
            if (sigmas != SigmaSpacing.TRAINED) {
                placed = sigmas.between(sigmaMax.orElse(placed[0]), sigmaMin.orElse(placed[placed.length - 1]), steps);
                timesteps = Arrays.stream(placed).map(schedule::timestep).toArray();
            }
            // A log-linear list is one longer than the run and its own end.
            var all = Arrays.copyOf(placed, steps + 1);
            if (placed.length == steps) {
                all[steps] = end == Final.ZERO ? 0 : schedule.sigma(0);
            }
            for (var i = 0; i < steps; i++) {
                timesteps[i] = (float) (continuous ? Prediction.Edm.condition((float) all[i]) : timesteps[i]);
            }
            var largest = (float) Arrays.stream(all).max().orElseThrow();
            return Plan.through(timesteps, levels(all, schedule.precision(), Level::varianceExploding),
                    spacing == Spacing.LEADING ? Level.varianceExploding(largest, schedule.precision()).norm().value()
                            : largest);
        }

        @Override
        public Level level(double timestep) {
            return Level.varianceExploding(continuous ? Math.exp(4 * timestep) : schedule.sigma(timestep));
        }
    }

    /// Variance-preserving levels at sigmas of a discrete schedule: the grid of the multistep solvers.
    ///
    /// @param lambdaMin    timesteps with a half log-SNR below this are not used; cosine schedules need it
    /// @param roundToIndex the timestep of a placed sigma is rounded; otherwise it is truncated
    record Preserving(NoiseSchedule schedule, Spacing spacing, int offset, SigmaSpacing sigmas, OptionalDouble sigmaMin,
            OptionalDouble sigmaMax, Final end, double lambdaMin, boolean roundToIndex) implements Grid {
        /// The sigmas of the timesteps themselves, ending at the clean sample.
        public static Preserving of(NoiseSchedule schedule, Spacing spacing, int offset) {
            return new Preserving(schedule, spacing, offset, SigmaSpacing.TRAINED, OptionalDouble.empty(),
                    OptionalDouble.empty(), Final.ZERO, Double.NEGATIVE_INFINITY, true);
        }

        @Override
        public Plan plan(int steps) {
            var trainSteps = schedule.trainSteps();
            var usable = schedule.timestepsAbove(lambdaMin);
            var timesteps = Arrays.stream(spacing.solverTimesteps(trainSteps, usable, steps, offset))
                    .asDoubleStream().toArray();
            var placed = Arrays.stream(timesteps).map(schedule::sigma).toArray();
            if (sigmas != SigmaSpacing.TRAINED) {
                placed = sigmas.between(sigmaMax.orElse(schedule.sigma(trainSteps - 1)),
                        sigmaMin.orElse(schedule.sigma(0)), steps);
                var rounds = roundToIndex && (sigmas == SigmaSpacing.KARRAS || sigmas == SigmaSpacing.LU);
                timesteps = Arrays.stream(placed).map(schedule::timestep)
                        .map(t -> rounds ? Math.rint(t) : Math.floor(t)).toArray();
            }
            var all = Arrays.copyOf(placed, placed.length + 1);
            all[placed.length] = end == Final.ZERO ? 0
                    : sigmas == SigmaSpacing.TRAINED ? schedule.sigma(0) : placed[placed.length - 1];
            return Plan.through(timesteps, levels(all, schedule.precision(),
                    (s, p) -> Level.varianceExploding(s, p).variancePreserving()), 1);
        }

        @Override
        public Level level(double timestep) {
            return Level.varianceExploding(schedule.sigma(timestep)).variancePreserving();
        }
    }

    /// The levels of the EDM samplers (arXiv 2206.00364): variance exploding, and the network is told `ln(sigma) / 4`.
    ///
    /// @param sigmas    Karras or exponential
    /// @param rho       the exponent of the Karras spacing
    /// @param placement how the sigmas are rounded while they are placed; the published Euler places in double, the
    ///                  published DPM-Solver in single
    record Edm(double sigmaMin, double sigmaMax, double rho, SigmaSpacing sigmas, Final end, Precision placement)
            implements Grid {
        public Edm {
            require(0 < sigmaMin && sigmaMin < sigmaMax, "sigma_min %s and sigma_max %s must be positive and rising",
                    sigmaMin, sigmaMax);
            require(sigmas == SigmaSpacing.KARRAS || sigmas == SigmaSpacing.EXPONENTIAL,
                    "the EDM samplers place sigmas by karras or exponential, found %s", sigmas);
        }

        @Override
        public Plan plan(int steps) {
            require(steps >= 1, "a run needs at least one step, found %d", steps);
            var placed = sigmas == SigmaSpacing.KARRAS ? SigmaSpacing.karras(sigmaMax, sigmaMin, steps, rho, placement)
                    : SigmaSpacing.exponential(sigmaMax, sigmaMin, steps);
            var timesteps = Arrays.stream(placed).map(s -> (float) Prediction.Edm.condition((float) s)).toArray();
            var all = Arrays.copyOf(placed, steps + 1);
            all[steps] = end == Final.ZERO ? 0 : sigmaMin;
            return Plan.through(timesteps, levels(all, Precision.SINGLE, Level::varianceExploding),
                    Math.hypot(sigmaMax, 1));
        }

        @Override
        public Level level(double timestep) {
            return Level.varianceExploding(Math.exp(4 * timestep));
        }
    }

    /// Levels of rounded sigmas.
    private static List<Level> levels(double[] sigmas, Precision precision, Family family) {
        return Arrays.stream(sigmas).mapToObj(s -> family.level(precision.round(s), precision)).toList();
    }

    /// A family of levels.
    @FunctionalInterface
    interface Family {
        Level level(double sigma, Precision precision);
    }

    /// The straight path of flow matching, `z = (1 - sigma) x + sigma eps`, at shifted sigmas.
    ///
    /// @param base       where the sigmas stand before they are shifted
    /// @param shift      how they are shifted
    /// @param terminal   the last sigma before the end, by stretching the list (LTX-Video)
    /// @param sigmas     how they are placed anew between the first and the last
    /// @param sigmaMin   smallest sigma to place, instead of the last
    /// @param sigmaMax   largest sigma to place, instead of the first
    /// @param precision  how its numbers are rounded
    record Flow(int trainSteps, Base base, Shift shift, OptionalDouble terminal, SigmaSpacing sigmas,
            OptionalDouble sigmaMin, OptionalDouble sigmaMax, Final end, Precision precision) implements Grid {
        public Flow {
            require(trainSteps > 0, "a schedule needs at least one training step, found %d", trainSteps);
            require(terminal.isEmpty() || (terminal.getAsDouble() > 0 && terminal.getAsDouble() < 1),
                    "shift_terminal must be between 0 and 1, found %s", terminal);
        }

        /// The sigmas of a release before the shift. They are close to one another and not equal; a result should say
        /// which it used.
        public enum Base {
            /// From 1 to 1 / T, both included. The plain choice.
            WHOLE,
            /// From 1 to the shifted 1 / T: FlowMatchEuler as published, which shifts its low end twice.
            TWICE_SHIFTED,
            /// From 1 to 1 / n, as the pipelines with resolution-dependent shifts ask for.
            PER_STEP,
            /// n + 1 points from 1 to 1 / T without the last, the first lowered by 1e-6: UniPC as published, truncated
            /// timesteps.
            UNI_PC,
            /// n + 1 points from 1 - 1 / T to 0 without the last: DPM-Solver as published and the original Wan release,
            /// truncated timesteps.
            BELOW_ONE;

            private double[] sigmas(int trainSteps, int n, Shift shift) {
                var bottom = 1.0 / trainSteps;
                return switch (this) {
                    case WHOLE -> Spacing.line(1, bottom, n);
                    case TWICE_SHIFTED -> Spacing.line(1, shift.of(Precision.SINGLE.real(bottom)).value(), n);
                    case PER_STEP -> Spacing.line(1, 1.0 / n, n);
                    case UNI_PC -> Arrays.copyOf(Spacing.line(1, bottom, n + 1), n);
                    case BELOW_ONE -> Arrays.copyOf(Spacing.line(1 - bottom, 0, n + 1), n);
                };
            }

            private boolean truncates() {
                return this == UNI_PC || this == BELOW_ONE;
            }
        }

        /// Moves sigmas towards the noise: `s' = k s / (1 + (k - 1) s)`. Ends stay; shifting by k1 and then k2 is
        /// shifting by k1 k2.
        public sealed interface Shift {
            /// By a number.
            record By(double factor) implements Shift {
                public By {
                    require(factor > 0, "a flow shift must be positive, found %s", factor);
                }
            }

            /// The same map written as `k / (k + 1 / s - 1)`, as the resolution-dependent shifts are: the odds of the
            /// data fall by k.
            record Odds(double factor) implements Shift {
                public Odds {
                    require(factor > 0, "a flow shift must be positive, found %s", factor);
                }
            }

            /// By e^mu or mu, with mu on a straight line in the number of latent tokens of a sample. The number must be
            /// given before a run: [Flow#forTokens(int)] or [Flow#withMu(double)].
            record ByTokens(boolean exponential, double baseShift, double maxShift, int baseTokens, int maxTokens)
                    implements Shift {
                /// mu of a sample of this many tokens.
                public double mu(int tokens) {
                    return baseShift + (tokens - baseTokens) * (maxShift - baseShift) / (maxTokens - baseTokens);
                }

                Shift by(double mu) {
                    return new Odds(exponential ? Math.exp(mu) : mu);
                }
            }

            /// The shifted sigma.
            default double of(double sigma) {
                return of(Precision.DOUBLE.real(sigma)).value();
            }

            private Real of(Real sigma) {
                return switch (this) {
                    case By(var k) -> sigma.times(k).div(sigma.times(k - 1).plus(1));
                    case Odds(var k) -> sigma.of(k).div(sigma.inverse().minus(1).plus(k));
                    case ByTokens _ -> throw new SamplingException("this schedule shifts with the size of the sample "
                            + "(use_dynamic_shifting); give forTokens(latent tokens) or withMu(mu) before a run");
                };
            }
        }

        /// How far UniPC's first sigma stays below 1: at 1 its logarithms are infinite.
        private static final double BELOW = 1e-6;

        /// The grid of a release with one constant shift, ending at the clean sample.
        public static Flow of(Base base, double shift) {
            return new Flow(1000, base, new Shift.By(shift), OptionalDouble.empty(), SigmaSpacing.TRAINED,
                    OptionalDouble.empty(), OptionalDouble.empty(), Final.ZERO, Precision.SINGLE);
        }

        /// This grid for samples of so many latent tokens; a grid with a constant shift stays as it is.
        @Override
        public Flow forTokens(int tokens) {
            return shift instanceof Shift.ByTokens by ? withMu(by.mu(tokens)) : this;
        }

        /// This grid with its resolution-dependent shift decided.
        public Flow withMu(double mu) {
            if (!(shift instanceof Shift.ByTokens byTokens)) {
                throw new SamplingException("mu decides a shift that depends on the resolution, and this one is "
                        + shift);
            }
            return withShift(byTokens.by(mu));
        }

        public Flow withShift(Shift shift) {
            return new Flow(trainSteps, base, shift, terminal, sigmas, sigmaMin, sigmaMax, end, precision);
        }

        public Flow withBase(Base base) {
            return new Flow(trainSteps, base, shift, terminal, sigmas, sigmaMin, sigmaMax, end, precision);
        }

        @Override
        public Plan plan(int steps) {
            require(steps >= 1, "a run needs at least one step, found %d", steps);
            var unshifted = base.sigmas(trainSteps, steps, shift);
            return base == Base.PER_STEP ? planThrough(unshifted)
                    : placed(Arrays.stream(unshifted).map(shift::of).toArray());
        }

        /// A run over sigmas of the caller's, before the shift, falling from noise to data.
        public Plan planThrough(double... unshifted) {
            return placed(Arrays.stream(unshifted)
                    .map(s -> shift.of(precision.real(s)).value()).toArray());
        }

        private Plan placed(double[] shifted) {
            var placed = shifted;
            var n = placed.length;
            if (terminal.isPresent()) {
                var stretch = (1 - placed[n - 1]) / (1 - terminal.getAsDouble());
                placed = Arrays.stream(placed).map(s -> 1 - (1 - s) / stretch).toArray();
            }
            if (sigmas != SigmaSpacing.TRAINED) {
                placed = sigmas.between(sigmaMax.orElse(placed[0]), sigmaMin.orElse(placed[n - 1]), n);
            }
            if (base == Base.UNI_PC && Math.abs(placed[0] - 1) < BELOW) {
                placed[0] -= BELOW;
            }
            var timesteps = Arrays.stream(placed).map(s -> base.truncates()
                    ? Math.floor(s * trainSteps)
                    : precision.round(precision.round(s) * trainSteps)).toArray();
            var all = Arrays.copyOf(placed, n + 1);
            all[n] = end == Final.ZERO ? 0 : placed[n - 1];
            return Plan.through(timesteps, levels(all, precision, Level::flow), 1);
        }

        @Override
        public Level level(double timestep) {
            return Level.flow(timestep / trainSteps);
        }
    }

    /// Karras sigmas of a variance-exploding model, brought to the straight path by `sigma / (1 + sigma)` (Cosmos).
    record KarrasFlow(int trainSteps, double sigmaMin, double sigmaMax, Final end) implements Grid {
        @Override
        public Plan plan(int steps) {
            require(steps >= 1, "a run needs at least one step, found %d", steps);
            var placed = Arrays.stream(SigmaSpacing.KARRAS.between(sigmaMax, sigmaMin, steps)).map(s -> s / (s + 1))
                    .toArray();
            var timesteps = Arrays.stream(placed).map(s -> Math.floor(s * trainSteps)).toArray();
            var all = Arrays.copyOf(placed, steps + 1);
            all[steps] = end == Final.ZERO ? 0 : placed[steps - 1];
            return Plan.through(timesteps, levels(all, Precision.SINGLE, Level::flow), 1);
        }

        @Override
        public Level level(double timestep) {
            return Level.flow(timestep / trainSteps);
        }
    }
}
