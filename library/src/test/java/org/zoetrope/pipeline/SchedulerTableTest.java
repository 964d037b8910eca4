package org.zoetrope.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.zoetrope.diffusion.Level;
import org.zoetrope.diffusion.Noise;
import org.zoetrope.diffusion.Plan;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigMap;

/// The published samplers on one number: latent 1, raw network output `0.5 x - 0.2`, ten steps. The numbers were made
/// with diffusers 0.40.0.dev0 and carry six digits.
class SchedulerTableTest {
    private static final String SD = "'beta_schedule':'scaled_linear','beta_start':0.00085,'beta_end':0.012,";
    private static final String OFFSET = "'timestep_spacing':'leading','steps_offset':1,";
    private static final String V = "'prediction_type':'v_prediction','timestep_spacing':'trailing',";
    private static final String WAN = "'prediction_type':'flow_prediction','use_flow_sigmas':true,'flow_shift':";
    private static final String VIDEO_DIFFUSION = SD + OFFSET + "'prediction_type':'v_prediction',"
            + "'use_karras_sigmas':true,'sigma_min':0.002,'sigma_max':700,'timestep_type':'continuous'";

    private static final Map<String, String> OPTIONS = Map.ofEntries(
            Map.entry("class defaults", "'_note':''"),
            Map.entry("SD", SD + "'timestep_spacing':'linspace'"),
            Map.entry("SD offset", SD + OFFSET + "'_note':''"),
            Map.entry("SD unclipped", SD + OFFSET + "'set_alpha_to_one':false,'clip_sample':false"),
            Map.entry("SD karras", SD + "'use_karras_sigmas':true"),
            Map.entry("SD v", SD + V + "'_note':''"),
            Map.entry("SD v zero SNR", SD + V + "'rescale_betas_zero_snr':true,'clip_sample':false"),
            Map.entry("linear offset", OFFSET + "'clip_sample':false"),
            Map.entry("CogVideoX 1", V + "'rescale_betas_zero_snr':true,'snr_shift_scale':1"),
            Map.entry("CogVideoX 3", V + "'rescale_betas_zero_snr':true,'snr_shift_scale':3"),
            Map.entry("video diffusion", VIDEO_DIFFUSION),
            Map.entry("Wan 3", WAN + 3), Map.entry("Wan 5", WAN + 5),
            Map.entry("shift 3", "'shift':3"), Map.entry("shift 5", "'shift':5"));

    @ParameterizedTest(name = "{0}, {1}")
    @CsvSource(delimiter = '|', textBlock = """
            DDIM                   | SD unclipped    | 901       | 1.42866 | 1.87590 | 3.00088 | 3.02526
            DDIM                   | linear offset   | 901       | 1.95485 | 3.29175 | 8.98518 | 10.3192
            DDIM                   | SD v zero SNR   | 999       | .981960 | .955924 | .835747 | .576689
            CogVideoXDDIM          | CogVideoX 1     | 999       | .981960 | .955924 | .835747 | .576689
            CogVideoXDDIM          | CogVideoX 3     | 999       | .990178 | .975820 | .900836 | .518554
            DPMSolverMultistep     | SD              | 999       | 1.52524 | 2.04061 | 3.48376 | 3.69106
            DPMSolverMultistep     | SD karras       | 999       | 1.41906 | 1.92878 | 3.83578 | 3.44332
            DPMSolverMultistep     | SD v            | 999       | .983215 | .960799 | .863239 | .644582
            UniPCMultistep         | SD              | 999       | 1.52524 | 1.98496 | 3.41087 | 3.65465
            EulerDiscrete          | SD offset       | 901       | 7.47319 | 6.55425 | 4.61466 | 2.98805
            EulerDiscrete          | SD              | 999       | 12.5901 | 10.6630 | 6.89322 | 4.17661
            HeunDiscrete           | SD              | 999       | 12.5901 | 11.5818 | 8.01685 | 3.51123
            EulerDiscrete          | video diffusion | 1.6377701 | 352.845 | 165.033 | 8.41839 | .422419
            EDMEuler               | class defaults  | 1.0955067 | 42.4904 | 21.2247 | 1.70077 | .598746
            EDMDPMSolverMultistep  | class defaults  | 1.0955067 | 42.4904 | 21.2255 | 1.71825 | .919264
            UniPCMultistep         | Wan 3           | 999       | .989297 | .977267 | .929536 | .761395
            UniPCMultistep         | Wan 5           | 999       | .993486 | .985853 | .952064 | .757504
            FlowMatchEulerDiscrete | shift 3         | 1000      | .988039 | .974284 | .917096 | .756404
            FlowMatchEulerDiscrete | shift 5         | 1000      | .992723 | .983989 | .942785 | .753509
            DDIMInverse            | SD unclipped    | 1         | 1.00321 | 1.03571 | .872361 | .196670
            """)
    void aRunOnOneNumberFollowsTheTable(String name, String options, double firstTimestep, double first, double second,
            double fifth, double end) {
        Scope.run(() -> {
            var sampler = SchedulerConfig.of(config(name + "Scheduler", Objects.requireNonNull(OPTIONS.get(options))));
            var plan = sampler.plan(10);
            assertEquals(firstTimestep, plan.timesteps().getFirst(), 1e-6);

            var values = new ArrayList<Double>();
            sampler.sample(plan, plan.fromNoise(Tensor.of(new float[] {1}, 1, 1)),
                    (x, _) -> x.times(0.5).minus(0.2), Noise.none(), (_, x) -> values.add(x.item()));
            assertClose(List.of(first, second, fifth, end),
                    List.of(values.get(0), values.get(1), values.get(4), values.getLast()));
        });
    }

    @Test
    void theVideoDiffusionScheduleFallsFrom700() {
        var plan = SchedulerConfig.of(config("EulerDiscreteScheduler", VIDEO_DIFFUSION)).plan(25);
        assertClose(List.of(700.0, 545.729248, 421.569122, 322.453674), sigmas(plan).subList(0, 4));
        assertClose(List.of(0.024803, 0.007882, 0.002, 0.0), sigmas(plan).subList(22, 26));
        assertClose(List.of(1.637770, 1.575531, -1.553652), List.of(
                plan.timesteps().get(0), plan.timesteps().get(1), plan.timesteps().get(24)));
        assertEquals(700.0007, plan.initialNoiseScale(), 1e-4);
    }

    @ParameterizedTest
    @CsvSource({
            "3, .9999990, .9932501, .9863154, .9791884, .1629586, .1135759, .0604054, 999, 993, 162, 60",
            "5, .9999990, .9959391, .9917441, .9874082, .2449830, .1759692, .0967784, 999, 995, 244, 96"})
    void theWanScheduleIsShiftedOnce(int shift, double s0, double s1, double s2, double s3, double s47, double s48,
            double s49, double t0, double t1, double t47, double t49) {
        var plan = SchedulerConfig.of(config("UniPCMultistepScheduler", WAN + shift)).plan(50);
        assertClose(List.of(s0, s1, s2, s3), flow(plan).subList(0, 4));
        assertClose(List.of(s47, s48, s49, 0.0), flow(plan).subList(47, 51));
        assertEquals(List.of(t0, t1, t47, t49), List.of(plan.timesteps().get(0), plan.timesteps().get(1),
                plan.timesteps().get(47), plan.timesteps().get(49)));
    }

    @Test
    void thePublishedFlowMatchEulerShiftsItsLowEndTwice() {
        var plan = SchedulerConfig.of(config("FlowMatchEulerDiscreteScheduler", "'shift':3")).plan(50);
        assertClose(List.of(1.0, .9931244, .9860570, .9787898), flow(plan).subList(0, 4));
        assertClose(List.of(.1205327, .0669002, .0089286, 0.0), flow(plan).subList(47, 51));
    }

    private static ConfigMap config(String name, String options) {
        return ConfigMap.parse(name, "{'_class_name':'%s',%s}".formatted(name, options).replace('\'', '"'));
    }

    private static List<Double> sigmas(Plan plan) {
        return levels(plan).stream().map(Level::ratio).toList();
    }

    private static List<Double> flow(Plan plan) {
        return levels(plan).stream().map(Level::sigma).toList();
    }

    private static List<Level> levels(Plan plan) {
        var levels = new ArrayList<>(plan.steps().stream().map(s -> s.from()).toList());
        levels.add(plan.steps().getLast().to());
        return levels;
    }

    /// Six digits, as the table has.
    private static void assertClose(List<Double> expected, List<Double> ours) {
        for (var i = 0; i < expected.size(); i++) {
            assertEquals(expected.get(i), ours.get(i), 1e-5 * Math.max(1, expected.get(i)),
                    "value %d of %s".formatted(i, ours));
        }
    }
}
