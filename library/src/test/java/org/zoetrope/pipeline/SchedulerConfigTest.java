package org.zoetrope.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.zoetrope.diffusion.Clip;
import org.zoetrope.diffusion.CogVideoXDpm;
import org.zoetrope.diffusion.Ddim;
import org.zoetrope.diffusion.DpmSolver;
import org.zoetrope.diffusion.Euler;
import org.zoetrope.diffusion.Grid;
import org.zoetrope.diffusion.Prediction;
import org.zoetrope.diffusion.Sampler;
import org.zoetrope.diffusion.UniPc;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigMap;

class SchedulerConfigTest {
    private static Sampler read(String name, String options) {
        return SchedulerConfig.of(ConfigMap.parse("scheduler_config.json",
                "{'_class_name':'%s'%s}".formatted(name, options.isEmpty() ? "" : "," + options).replace('\'', '"')));
    }

    private static String refused(String name, String options) {
        return Objects.requireNonNull(assertThrows(ConfigException.class, () -> read(name, options)).getMessage());
    }

    /// Every option of the class is given another value than its default, and all of them arrive.
    @Test
    void optionsArrive() {
        var solver = assertInstanceOf(DpmSolver.class, read("DPMSolverMultistepScheduler",
                "'algorithm_type':'sde-dpmsolver++','solver_order':3,'solver_type':'heun','lower_order_final':false,"
                        + "'euler_at_final':true,'thresholding':true,'dynamic_thresholding_ratio':0.9,"
                        + "'sample_max_value':2,'prediction_type':'v_prediction','use_exponential_sigmas':true,"
                        + "'final_sigmas_type':'sigma_min','lambda_min_clipped':-5.1,'timestep_spacing':'leading',"
                        + "'steps_offset':1,'variance_type':'learned_range','beta_schedule':'squaredcos_cap_v2'"));
        assertEquals(3, solver.order());
        assertEquals(DpmSolver.Algorithm.SDE_DPM_SOLVER_PLUS_PLUS, solver.algorithm());
        assertEquals(DpmSolver.SolverType.HEUN, solver.solver());
        assertEquals(new Clip.Dynamic(0.9, 2), solver.clip());
        assertEquals(Prediction.v(), solver.prediction());
        assertTrue(solver.eulerAtFinal() && !solver.lowerOrderFinal());
        var grid = assertInstanceOf(Grid.Preserving.class, solver.grid());
        assertEquals("LEADING 1 EXPONENTIAL SIGMA_MIN -5.1 false", "%s %s %s %s %s %s".formatted(grid.spacing(),
                grid.offset(), grid.sigmas(), grid.end(), grid.lambdaMin(), grid.roundToIndex()));

        var uniPc = assertInstanceOf(UniPc.class, read("UniPCMultistepScheduler", "'disable_corrector':[0,2],"
                + "'solver_type':'bh1','predict_x0':false,'lower_order_final':false,'solver_order':3"));
        assertEquals(Set.of(0, 2), uniPc.withoutCorrector());
        assertTrue(!uniPc.bh2() && !uniPc.predictsClean() && !uniPc.lowerOrderFinal() && uniPc.order() == 3);
    }

    @Test
    void absentOptionsTakeTheDefaultsOfTheirClass() {
        var ddim = assertInstanceOf(Ddim.class, read("DDIMScheduler", ""));
        assertEquals(new Clip.Range(1), ddim.clip());
        assertTrue(ddim.alphaToOne());
        assertEquals(0.9999, ddim.schedule().abar(0), 1e-7);
        var dpm = assertInstanceOf(CogVideoXDpm.class, read("CogVideoXDPMScheduler", ""));
        assertEquals(0.997454328, dpm.schedule().abar(0), 1e-6);
    }

    /// What releases carry over from sibling classes: the config of Stable Video Diffusion, as published.
    @Test
    void leftoversOfSiblingClassesAreAccepted() {
        var sampler = read("EulerDiscreteScheduler", "'beta_end':0.012,'beta_schedule':'scaled_linear',"
                + "'beta_start':0.00085,'clip_sample':false,'interpolation_type':'linear','num_train_timesteps':1000,"
                + "'prediction_type':'v_prediction','set_alpha_to_one':false,'sigma_max':700.0,'sigma_min':0.002,"
                + "'skip_prk_steps':true,'steps_offset':1,'timestep_spacing':'leading','timestep_type':'continuous',"
                + "'trained_betas':null,'use_karras_sigmas':true");
        assertInstanceOf(Grid.Exploding.class, assertInstanceOf(Euler.class, sampler).grid());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            EulerDiscrete          | 'clip_sample':true             | clip_sample is on, but the Euler sampler
            EulerDiscrete          | 'timestep_type':'curved'       | timestep_type "curved" is none of [continuous
            EulerDiscrete          | 'use_karras_sigmas':true,'use_beta_sigmas':true | use_beta_sigmas exclude
            PNDM                   | 'rescale_betas_zero_snr':true  | rescale_betas_zero_snr is on, but this class
            PNDM                   | 'prediction_type':'sample'     | PNDM is published for epsilon and v
            DDIM                   | 'beta_schedule':'zigzag'       | beta_schedule "zigzag" is none of [exp, laplace,
            DDIM                   | 'beta_begin':0.1               | unknown option "beta_begin"
            DDIMInverse            | 'timestep_spacing':'linspace'  | published with leading and trailing spacing only
            UniPCMultistep         | 'solver_p':'UniPC'             | solver_p is not supported: a predictor of its own
            UniPCMultistep         | 'prediction_type':'flow_prediction' | needs use_flow_sigmas
            UniPCMultistep         | 'predict_x0':false,'thresholding':true | thresholding needs predict_x0
            UniPCMultistep         | 'use_dynamic_shifting':true    | shift flow sigmas and need use_flow_sigmas
            DPMSolverMultistep     | 'algorithm_type':'dpmsolver'   | set final_sigmas_type "sigma_min" or
            DPMSolverMultistep     | 'solver_order':4               | solver_order must be 1, 2 or 3, found 4
            DPMSolverMultistep     | 'use_flow_sigmas':true,'use_karras_sigmas':true | use_flow_sigmas places
            FlowMatchEulerDiscrete | 'shift':0                      | a flow shift must be positive, found 0.0
            EDMEuler               | 'sigma_schedule':'even'        | sigma_schedule "even" is none of [exponential
            LMSDiscrete            | 'beta_start':0.1               | no sampler is called LMSDiscreteScheduler
            """)
    void whatCannotBeDoneIsRefusedByName(String name, String options, String expected) {
        var message = refused(name + "Scheduler", options);
        assertTrue(message.contains(expected), message);
    }

    @Test
    void problemsAreReportedTogether() {
        var message = refused("EulerDiscreteScheduler", "'clip_sample':true,'prediction_type':'colour'");
        assertTrue(message.startsWith("EulerDiscreteScheduler: 2 problems"), message);
        assertTrue(message.contains("clip_sample is on") && message.contains("prediction_type \"colour\""), message);
    }
}
