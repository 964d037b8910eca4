package org.zoetrope.pipeline;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.Golden;
import org.zoetrope.diffusion.Denoiser;
import org.zoetrope.diffusion.FlowMatchEuler;
import org.zoetrope.diffusion.Level;
import org.zoetrope.diffusion.Noise;
import org.zoetrope.diffusion.Prediction;
import org.zoetrope.diffusion.Sampler;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Every published scheduler follows its reference from its `scheduler_config.json`, over a network that depends on the
/// state and on the timestep in a way no error cancels in.
class SchedulerGoldenTest {
    static Stream<String> references() throws IOException {
        try (var folders = Files.list(Golden.resource("golden/schedulers"))) {
            return folders.map(f -> f.getFileName().toString()).sorted().toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("references")
    void aRunFollowsTheReference(String name) {
        Scope.run(() -> {
            var golden = Golden.open("schedulers/" + name);
            var sampler = sampler(golden, name);
            var plan = sampler.plan(golden.about().integer("num_inference_steps"));
            Denoiser standIn = (x, step) -> x.times(3).sin().times(0.7).plus(x.times(0.3 * step.timestep() / 1000));

            golden.assertClose(Tensor.of(floats(plan.timesteps()), plan.timesteps().size()), "timesteps");
            if (golden.has("out.sigmas")) {
                var levels = new ArrayList<>(plan.steps().stream().map(s -> s.at()).toList());
                levels.add(plan.steps().getLast().to());
                // On the straight path the reference lists the share of noise, elsewhere noise over signal.
                var isFlow = sampler.prediction().equals(Prediction.flow());
                var sigmas = levels.stream().map(isFlow ? Level::sigma : Level::ratio);
                golden.assertClose(Tensor.of(floats(sigmas.toList()), levels.size()), "sigmas");
            }

            var start = plan.fromNoise(golden.in("sample"));
            var states = new ArrayList<>(List.of(start.toFloats()));
            var noises = golden.has("in.noises") ? golden.in("noises").unbind(0) : List.<Tensor>of();
            var draws = noises.iterator();
            sampler.sample(plan, start, standIn, from(draws), (_, x) -> states.add(x.toFloats()));
            var trajectory = states.stream().map(x -> Tensor.of(x, start.shape())).toList();
            golden.assertClose(Tensor.stack(trajectory, 0), "trajectory");
            assertFalse(draws.hasNext(), "the reference drew more noise");

            if (golden.has("out.add_noise")) {
                var level = plan.at(golden.in("add_noise_timestep").item()).at();
                golden.assertClose(level.noisy(start, golden.in("add_noise")), "add_noise");
            }
        });
    }

    /// The reference of the resolution-dependent shift was called with mu = 0.8.
    private static Sampler sampler(Golden golden, String name) {
        var sampler = SchedulerConfig.read(golden.folder());
        return name.equals("flow-euler-dynamic") && sampler instanceof FlowMatchEuler flow
                ? FlowMatchEuler.of(flow.grid().withMu(0.8))
                : sampler;
    }

    private static Noise from(Iterator<Tensor> draws) {
        return _ -> draws.next();
    }

    private static float[] floats(List<Double> values) {
        var floats = new float[values.size()];
        for (var i = 0; i < floats.length; i++) {
            floats[i] = values.get(i).floatValue();
        }
        return floats;
    }
}
