package org.zoetrope.pipeline;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.zoetrope.diffusion.Betas;
import org.zoetrope.diffusion.Clip;
import org.zoetrope.diffusion.CogVideoXDpm;
import org.zoetrope.diffusion.Ddim;
import org.zoetrope.diffusion.DdimInverse;
import org.zoetrope.diffusion.Ddpm;
import org.zoetrope.diffusion.DpmSolver;
import org.zoetrope.diffusion.Euler;
import org.zoetrope.diffusion.EulerAncestral;
import org.zoetrope.diffusion.FlowMatchEuler;
import org.zoetrope.diffusion.Grid;
import org.zoetrope.diffusion.Heun;
import org.zoetrope.diffusion.Lcm;
import org.zoetrope.diffusion.NoiseSchedule;
import org.zoetrope.diffusion.Pndm;
import org.zoetrope.diffusion.Precision;
import org.zoetrope.diffusion.Prediction;
import org.zoetrope.diffusion.Sampler;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.diffusion.SigmaSpacing;
import org.zoetrope.diffusion.Spacing;
import org.zoetrope.diffusion.UniPc;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigMap;

/// Turns a published `scheduler_config.json` into a [Sampler].
///
/// Every key is read, and an absent one takes the default of its published class. What a class cannot do is refused by
/// name, with every other problem of the file in the same message. Three kinds of keys are accepted without an effect,
/// because their published classes do the same: those that releases leave over from a sibling class
/// (`skip_prk_steps`, `set_alpha_to_one` and `variance_type` where the class has none), the limits of a clipping that
/// is off, and the clipping keys of the CogVideoX classes, which never clip.
public final class SchedulerConfig {
    private static final Map<String, Prediction> PREDICTIONS = Map.of("epsilon", Prediction.epsilon(),
            "sample", Prediction.sample(), "v_prediction", Prediction.v());
    private static final Map<String, Spacing> SPACINGS = Map.of("linspace", Spacing.LINSPACE, "leading",
            Spacing.LEADING, "trailing", Spacing.TRAILING);
    private static final Map<String, Grid.Final> FINALS = Map.of("zero", Grid.Final.ZERO, "sigma_min",
            Grid.Final.SIGMA_MIN);
    /// Multistep solvers take each other's names for a solver type, as the published classes do.
    private static final Map<String, DpmSolver.SolverType> DPM_SOLVERS = Map.of(
            "midpoint", DpmSolver.SolverType.MIDPOINT, "heun", DpmSolver.SolverType.HEUN,
            "logrho", DpmSolver.SolverType.MIDPOINT, "bh1", DpmSolver.SolverType.MIDPOINT,
            "bh2", DpmSolver.SolverType.MIDPOINT);

    private final ConfigMap config;
    private final List<String> problems = new ArrayList<>();

    private SchedulerConfig(ConfigMap config) {
        this.config = config;
    }

    /// The sampler of a scheduler folder, or of its `scheduler_config.json`.
    ///
    /// @throws ConfigException if the file cannot be read, names an unknown class, or asks for what its class cannot do
    public static Sampler read(Path folder) {
        return of(ConfigMap.read(Files.isDirectory(folder) ? folder.resolve("scheduler_config.json") : folder));
    }

    /// The sampler that these settings describe.
    ///
    /// @throws ConfigException as [#read]
    public static Sampler of(ConfigMap config) {
        return new SchedulerConfig(config).sampler();
    }

    private Sampler sampler() {
        var name = config.className().orElseThrow(() -> new ConfigException(
                "a scheduler_config.json names its class in \"_class_name\", and this one does not"));
        Sampler sampler;
        try {
            sampler = switch (name) {
                case "DDPMScheduler" -> ddpm();
                case "DDIMScheduler" -> ddim();
                case "DDIMInverseScheduler" -> ddimInverse();
                case "CogVideoXDDIMScheduler" -> cogVideoXDdim();
                case "CogVideoXDPMScheduler" -> cogVideoXDpm();
                case "PNDMScheduler" -> pndm();
                case "LCMScheduler" -> lcm();
                case "EulerDiscreteScheduler" -> euler();
                case "EulerAncestralDiscreteScheduler" -> eulerAncestral();
                case "HeunDiscreteScheduler" -> heun();
                case "DPMSolverMultistepScheduler" -> dpmSolver();
                case "UniPCMultistepScheduler" -> uniPc();
                case "EDMEulerScheduler" -> edmEuler();
                case "EDMDPMSolverMultistepScheduler" -> edmDpmSolver();
                case "FlowMatchEulerDiscreteScheduler" -> flowMatchEuler();
                default -> throw new ConfigException("no sampler is called " + name + "; there are those of DDPM, "
                        + "DDIM, DDIMInverse, CogVideoXDDIM, CogVideoXDPM, PNDM, LCM, EulerDiscrete, "
                        + "EulerAncestralDiscrete, HeunDiscrete, DPMSolverMultistep, UniPCMultistep, EDMEuler, "
                        + "EDMDPMSolverMultistep and FlowMatchEulerDiscrete");
            };
        } catch (SamplingException e) {
            throw new ConfigException(name + ": " + e.getMessage(), e);
        }
        config.finish();
        if (!problems.isEmpty()) {
            throw new ConfigException(name, problems);
        }
        return sampler;
    }

    // ---------------------------------------------------------------- one method a class

    private Sampler ddpm() {
        var schedule = discrete("linear", 1e-4, 0.02, Precision.SINGLE, true);
        leftovers("skip_prk_steps", "set_alpha_to_one");
        return new Ddpm(schedule, prediction(), spacing("leading"), config.integer("steps_offset", 0), clip(true),
                choice("variance_type", "fixed_small", Map.of(
                        "fixed_small", Ddpm.Variance.FIXED_SMALL, "fixed_small_log", Ddpm.Variance.FIXED_SMALL_LOG,
                        "fixed_large", Ddpm.Variance.FIXED_LARGE, "fixed_large_log", Ddpm.Variance.FIXED_LARGE_LOG,
                        "learned", Ddpm.Variance.LEARNED, "learned_range", Ddpm.Variance.LEARNED_RANGE)));
    }

    private Sampler ddim() {
        var schedule = discrete("linear", 1e-4, 0.02, Precision.SINGLE, true);
        leftovers("skip_prk_steps", "variance_type");
        return new Ddim(schedule, prediction(), spacing("leading"), config.integer("steps_offset", 0), clip(true),
                config.bool("set_alpha_to_one", true), 0, Ddim.Previous.WHOLE_STRIDE);
    }

    private Sampler ddimInverse() {
        var schedule = discrete("linear", 1e-4, 0.02, Precision.SINGLE, true);
        leftovers("skip_prk_steps", "variance_type");
        off("thresholding", "the inverse of DDIM clips with clip_sample only");
        leftovers("dynamic_thresholding_ratio", "sample_max_value");
        return new DdimInverse(schedule, prediction(), spacing("leading"), config.integer("steps_offset", 0),
                clipRange(true), config.bool("set_alpha_to_one", true));
    }

    private Sampler cogVideoXDdim() {
        var schedule = cogVideoXSchedule();
        return new Ddim(schedule, prediction(), spacing("leading"), config.integer("steps_offset", 0), new Clip.Off(),
                config.bool("set_alpha_to_one", true), 0, Ddim.Previous.WHOLE_STRIDE);
    }

    private Sampler cogVideoXDpm() {
        var schedule = cogVideoXSchedule();
        return new CogVideoXDpm(schedule, prediction(), spacing("leading"), config.integer("steps_offset", 0),
                config.bool("set_alpha_to_one", true));
    }

    private NoiseSchedule cogVideoXSchedule() {
        leftovers("clip_sample", "clip_sample_range", "sample_max_value", "skip_prk_steps", "variance_type");
        off("thresholding", "the CogVideoX samplers do not clip");
        var betas = betas("scaled_linear", 0.00085, 0.012, Precision.DOUBLE);
        var shifted = betas.shiftSnr(config.number("snr_shift_scale", 3));
        return config.bool("rescale_betas_zero_snr", false) ? shifted.zeroTerminalSnr() : shifted;
    }

    private Sampler pndm() {
        var schedule = discrete("linear", 1e-4, 0.02, Precision.SINGLE, false);
        withoutClip("PNDM");
        leftovers("variance_type");
        return new Pndm(schedule, prediction(), spacing("leading"), config.integer("steps_offset", 0),
                config.bool("set_alpha_to_one", false), !config.bool("skip_prk_steps", false));
    }

    private Sampler lcm() {
        var schedule = discrete("scaled_linear", 0.00085, 0.012, Precision.SINGLE, true);
        // A run picks among the timesteps of the distillation, so these say nothing, in the published class too.
        leftovers("set_alpha_to_one", "steps_offset", "timestep_spacing", "skip_prk_steps", "variance_type");
        return new Lcm(schedule, prediction(), config.integer("original_inference_steps", 50),
                config.number("timestep_scaling", 10), clip(false));
    }

    private Sampler euler() {
        var floored = discrete("linear", 1e-4, 0.02, Precision.SINGLE, true, true);
        withoutClip("Euler");
        leftovers("skip_prk_steps", "set_alpha_to_one", "variance_type");
        var prediction = prediction();
        var continuous = choice("timestep_type", "discrete", Map.of("discrete", false, "continuous", true));
        return new Euler(new Grid.Exploding(floored, spacing("linspace"), config.integer("steps_offset", 0),
                sigmas(false), optional("sigma_min"), optional("sigma_max"), end(),
                choice("interpolation_type", "linear", Map.of("linear", false, "log_linear", true)),
                // The published class tells ln(sigma) / 4 to v-prediction networks only.
                continuous && prediction.equals(Prediction.v())), prediction);
    }

    private Sampler eulerAncestral() {
        var floored = discrete("linear", 1e-4, 0.02, Precision.SINGLE, true, true);
        withoutClip("the ancestral Euler");
        leftovers("skip_prk_steps", "set_alpha_to_one", "variance_type");
        return new EulerAncestral(Grid.Exploding.of(floored, spacing("linspace"), config.integer("steps_offset", 0)),
                prediction());
    }

    private Sampler heun() {
        var schedule = discrete("linear", 0.00085, 0.012, Precision.SINGLE, false);
        leftovers("skip_prk_steps", "set_alpha_to_one", "variance_type");
        off("thresholding", "the Heun sampler clips with clip_sample only");
        leftovers("dynamic_thresholding_ratio", "sample_max_value");
        return new Heun(new Grid.Exploding(schedule, spacing("linspace"), config.integer("steps_offset", 0),
                sigmas(false), OptionalDouble.empty(), OptionalDouble.empty(), Grid.Final.ZERO, false, false),
                prediction(), clipRange(false));
    }

    private Sampler dpmSolver() {
        var algorithm = choice("algorithm_type", "dpmsolver++", Map.of(
                "dpmsolver", DpmSolver.Algorithm.DPM_SOLVER, "dpmsolver++", DpmSolver.Algorithm.DPM_SOLVER_PLUS_PLUS,
                "sde-dpmsolver", DpmSolver.Algorithm.SDE_DPM_SOLVER,
                "sde-dpmsolver++", DpmSolver.Algorithm.SDE_DPM_SOLVER_PLUS_PLUS,
                "deis", DpmSolver.Algorithm.DPM_SOLVER_PLUS_PLUS));
        var end = end();
        if (end == Grid.Final.ZERO && (algorithm == DpmSolver.Algorithm.DPM_SOLVER
                || algorithm == DpmSolver.Algorithm.SDE_DPM_SOLVER)) {
            problems.add("an algorithm_type that integrates the noise has no step to sigma 0; set final_sigmas_type "
                    + "\"sigma_min\" or take dpmsolver++");
        }
        leftovers("skip_prk_steps", "set_alpha_to_one", "clip_sample_range");
        off("clip_sample", "DPM-Solver clips with thresholding only");
        // A learned variance comes in channels of its own, which the solver leaves out whatever they are called.
        config.optionalString("variance_type").filter(v -> !v.equals("learned") && !v.equals("learned_range"))
                .ifPresent(v -> problems.add("variance_type \"%s\" is none of learned and learned_range".formatted(v)));

        var schedule = discrete("linear", 1e-4, 0.02, Precision.SINGLE, true, true);
        var cosine = config.string("beta_schedule", "linear").equals("squaredcos_cap_v2");
        var spacing = spacing("linspace");
        var offset = config.integer("steps_offset", 0);
        var sigmas = sigmas(true);
        var lambdaMin = config.number("lambda_min_clipped", Double.NEGATIVE_INFINITY);
        var flow = flow(Grid.Flow.Base.BELOW_ONE, end);
        if (flow.on && sigmas != SigmaSpacing.TRAINED) {
            problems.add("use_flow_sigmas places the sigmas itself; switch use_karras_sigmas, use_exponential_sigmas, "
                    + "use_beta_sigmas and use_lu_lambdas off");
        }
        if (flow.on && end == Grid.Final.SIGMA_MIN) {
            problems.add("final_sigmas_type \"sigma_min\" means the smallest sigma of the beta schedule, which "
                    + "use_flow_sigmas does not use; set it to \"zero\"");
        }
        var grid = flow.on ? flow.grid
                : new Grid.Preserving(schedule, spacing, offset, sigmas, OptionalDouble.empty(),
                        OptionalDouble.empty(), end, lambdaMin, !cosine);
        return new DpmSolver(grid, prediction(flow.on), config.integer("solver_order", 2), algorithm,
                choice("solver_type", "midpoint", DPM_SOLVERS), config.bool("lower_order_final", true),
                config.bool("euler_at_final", false), thresholding());
    }

    private Sampler uniPc() {
        leftovers("skip_prk_steps", "set_alpha_to_one", "clip_sample_range", "variance_type");
        off("clip_sample", "UniPC clips with thresholding only");
        absent("solver_p", "a predictor of its own is a program, not a setting");
        var schedule = discrete("linear", 1e-4, 0.02, Precision.SINGLE, true, true);
        var end = end();
        var spacing = spacing("linspace");
        var offset = config.integer("steps_offset", 0);
        var sigmas = sigmas(false);
        var sigmaMin = optional("sigma_min");
        var sigmaMax = optional("sigma_max");
        var flow = flow(Grid.Flow.Base.UNI_PC, end);
        Grid grid;
        if (flow.on && sigmas == SigmaSpacing.KARRAS) {
            grid = new Grid.KarrasFlow(schedule.trainSteps(), sigmaMin.orElse(schedule.sigma(0)),
                    sigmaMax.orElse(schedule.sigma(schedule.trainSteps() - 1)), end);
        } else if (flow.on) {
            if (sigmas != SigmaSpacing.TRAINED) {
                problems.add("use_flow_sigmas goes with use_karras_sigmas or alone, not with %s".formatted(
                        sigmas == SigmaSpacing.BETA ? "use_beta_sigmas" : "use_exponential_sigmas"));
            }
            grid = flow.grid;
        } else {
            grid = new Grid.Preserving(schedule, spacing, offset, sigmas, sigmaMin, sigmaMax, end,
                    Double.NEGATIVE_INFINITY, true);
        }
        return new UniPc(grid, prediction(flow.on), config.integer("solver_order", 2),
                choice("solver_type", "bh2", Map.of("bh1", false, "bh2", true, "midpoint", true, "heun", true,
                        "logrho", true)),
                config.bool("predict_x0", true), config.bool("lower_order_final", true),
                new HashSet<>(config.integers("disable_corrector").orElse(List.of())), thresholding());
    }

    private Sampler edmEuler() {
        return new Euler(edmGrid(Precision.DOUBLE), edmPrediction());
    }

    private Sampler edmDpmSolver() {
        return new DpmSolver(edmGrid(Precision.SINGLE), edmPrediction(), config.integer("solver_order", 2),
                choice("algorithm_type", "dpmsolver++", Map.of(
                        "dpmsolver++", DpmSolver.Algorithm.DPM_SOLVER_PLUS_PLUS,
                        "sde-dpmsolver++", DpmSolver.Algorithm.SDE_DPM_SOLVER_PLUS_PLUS,
                        "deis", DpmSolver.Algorithm.DPM_SOLVER_PLUS_PLUS)),
                choice("solver_type", "midpoint", DPM_SOLVERS), config.bool("lower_order_final", true),
                config.bool("euler_at_final", false), thresholding());
    }

    private Grid edmGrid(Precision placement) {
        leftovers("num_train_timesteps"); // the network is told the level itself
        return new Grid.Edm(config.number("sigma_min", 0.002), config.number("sigma_max", 80), config.number("rho", 7),
                choice("sigma_schedule", "karras",
                        Map.of("karras", SigmaSpacing.KARRAS, "exponential", SigmaSpacing.EXPONENTIAL)),
                end(),
                placement);
    }

    private Prediction edmPrediction() {
        return new Prediction.Edm(config.number("sigma_data", 0.5),
                choice("prediction_type", "epsilon", Map.of("epsilon", false, "v_prediction", true)));
    }

    private Sampler flowMatchEuler() {
        var trainSteps = config.integer("num_train_timesteps", 1000);
        var dynamic = config.bool("use_dynamic_shifting", false);
        var constant = config.number("shift", 1);
        var byTokens = byTokens();
        var grid = new Grid.Flow(trainSteps, dynamic ? Grid.Flow.Base.PER_STEP : Grid.Flow.Base.TWICE_SHIFTED,
                dynamic ? byTokens : new Grid.Flow.Shift.By(constant), optional("shift_terminal"), sigmas(false),
                OptionalDouble.empty(), OptionalDouble.empty(), Grid.Final.ZERO, Precision.SINGLE);
        return new FlowMatchEuler(grid, config.bool("stochastic_sampling", false), config.bool("invert_sigmas", false));
    }

    // ---------------------------------------------------------------- what classes share

    private NoiseSchedule discrete(String kind, double start, double end, Precision precision, boolean rescales) {
        return discrete(kind, start, end, precision, rescales, false);
    }

    /// @param rescales whether the class can rescale to zero terminal SNR
    /// @param floors   whether it then keeps a little signal, because it divides by it
    private NoiseSchedule discrete(String kind, double start, double end, Precision precision, boolean rescales,
            boolean floors) {
        var schedule = betas(kind, start, end, precision);
        if (!rescales) {
            off("rescale_betas_zero_snr", "this class divides by the signal at every level");
            return schedule;
        }
        if (!config.bool("rescale_betas_zero_snr", false)) {
            return schedule;
        }
        return floors ? schedule.zeroTerminalSnr().floored() : schedule.zeroTerminalSnr();
    }

    private NoiseSchedule betas(String kind, double start, double end, Precision precision) {
        var low = config.number("beta_start", start);
        var high = config.number("beta_end", end);
        var kinds = new LinkedHashMap<String, Betas>();
        kinds.put("linear", new Betas.Linear(low, high));
        kinds.put("scaled_linear", new Betas.ScaledLinear(low, high));
        kinds.put("squaredcos_cap_v2", new Betas.SquaredCosine());
        kinds.put("sigmoid", new Betas.Sigmoid(low, high));
        kinds.put("exp", new Betas.Exponential());
        kinds.put("laplace", new Betas.Laplace());
        var named = choice("beta_schedule", kind, kinds);
        var trainSteps = config.integer("num_train_timesteps", 1000);
        var trained = config.numbers("trained_betas");
        return NoiseSchedule.of(trained.<Betas>map(Betas.Trained::new).orElse(named),
                trained.map(List::size).orElse(trainSteps), precision);
    }

    private Prediction prediction() {
        return choice("prediction_type", "epsilon", PREDICTIONS);
    }

    /// The prediction of a solver that knows both kinds of levels.
    private Prediction prediction(boolean flow) {
        var all = new LinkedHashMap<>(PREDICTIONS);
        all.put("flow_prediction", Prediction.flow());
        var prediction = choice("prediction_type", "epsilon", all);
        if (prediction.equals(Prediction.flow()) && !flow) {
            problems.add("prediction_type \"flow_prediction\" needs use_flow_sigmas: a velocity of the straight path "
                    + "says nothing on a beta schedule");
        }
        if (prediction.equals(Prediction.v()) && flow) {
            problems.add("prediction_type \"v_prediction\" is an angle's velocity and does not fit use_flow_sigmas; "
                    + "the straight path has flow_prediction");
        }
        return prediction;
    }

    private Spacing spacing(String otherwise) {
        return choice("timestep_spacing", otherwise, SPACINGS);
    }

    private Grid.Final end() {
        return choice("final_sigmas_type", "zero", FINALS);
    }

    private SigmaSpacing sigmas(boolean lu) {
        var chosen = new LinkedHashMap<String, SigmaSpacing>();
        chosen.put("use_karras_sigmas", SigmaSpacing.KARRAS);
        chosen.put("use_exponential_sigmas", SigmaSpacing.EXPONENTIAL);
        chosen.put("use_beta_sigmas", SigmaSpacing.BETA);
        if (lu) {
            chosen.put("use_lu_lambdas", SigmaSpacing.LU);
        }
        var on = chosen.keySet().stream().filter(key -> config.bool(key, false)).toList();
        if (on.size() > 1) {
            problems.add("%s exclude one another; switch on one".formatted(String.join(" and ", on)));
        }
        return on.isEmpty() ? SigmaSpacing.TRAINED : chosen.getOrDefault(on.getFirst(), SigmaSpacing.TRAINED);
    }

    /// Whether a solver runs on flow levels, and those levels.
    private record Flow(boolean on, Grid grid) {}

    private Flow flow(Grid.Flow.Base base, Grid.Final end) {
        var on = config.bool("use_flow_sigmas", false);
        var constant = config.number("flow_shift", 1);
        var dynamic = config.bool("use_dynamic_shifting", false);
        var terminal = optional("shift_terminal");
        if (!on && (dynamic || terminal.isPresent())) {
            problems.add("use_dynamic_shifting and shift_terminal shift flow sigmas and need use_flow_sigmas");
        }
        var byTokens = byTokens();
        return new Flow(on, new Grid.Flow(config.integer("num_train_timesteps", 1000), base,
                dynamic ? byTokens : new Grid.Flow.Shift.By(constant), terminal, SigmaSpacing.TRAINED,
                OptionalDouble.empty(), OptionalDouble.empty(), end, Precision.SINGLE));
    }

    private Grid.Flow.Shift byTokens() {
        return new Grid.Flow.Shift.ByTokens(
                choice("time_shift_type", "exponential", Map.of("exponential", true, "linear", false)),
                config.number("base_shift", 0.5), config.number("max_shift", 1.15),
                config.integer("base_image_seq_len", 256), config.integer("max_image_seq_len", 4096));
    }

    private Clip clip(boolean otherwise) {
        var dynamic = thresholding();
        var range = clipRange(otherwise);
        return dynamic instanceof Clip.Off ? range : dynamic;
    }

    private Clip clipRange(boolean otherwise) {
        var on = config.bool("clip_sample", otherwise);
        var limit = config.number("clip_sample_range", 1);
        return on ? new Clip.Range(limit) : new Clip.Off();
    }

    private Clip thresholding() {
        var on = config.bool("thresholding", false);
        var ratio = config.number("dynamic_thresholding_ratio", 0.995);
        var largest = config.number("sample_max_value", 1);
        return on ? new Clip.Dynamic(ratio, largest) : new Clip.Off();
    }

    private void withoutClip(String method) {
        off("clip_sample", "the %s sampler does not clip".formatted(method));
        off("thresholding", "the %s sampler does not clip".formatted(method));
        leftovers("clip_sample_range", "dynamic_thresholding_ratio", "sample_max_value");
    }

    private OptionalDouble optional(String key) {
        return config.optionalNumber(key).map(OptionalDouble::of).orElseGet(OptionalDouble::empty);
    }

    /// The value that a name stands for.
    private <T> T choice(String key, String otherwise, Map<String, T> values) {
        var name = config.string(key, otherwise);
        var value = values.get(name);
        if (value != null) {
            return value;
        }
        problems.add("%s \"%s\" is none of %s".formatted(key, name, values.keySet().stream().sorted().toList()));
        return values.values().iterator().next();
    }

    /// A switch that the class does not have.
    private void off(String key, String reason) {
        if (config.bool(key, false)) {
            problems.add("%s is on, but %s; set it to false".formatted(key, reason));
        }
    }

    /// A value that must not be there.
    private void absent(String key, String reason) {
        if (config.has(key)) {
            problems.add("%s is not supported: %s; set it to null".formatted(key, reason));
        }
        config.ignore(key);
    }

    /// Keys without an effect in this class; the comment on [SchedulerConfig] says which and why.
    private void leftovers(String... keys) {
        config.ignore(keys);
    }
}
