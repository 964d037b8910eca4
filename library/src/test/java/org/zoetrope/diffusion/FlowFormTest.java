package org.zoetrope.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

@InScope
class FlowFormTest {
    private static NoiseSchedule zeroTerminalSnr() {
        return NoiseSchedule.of(new Betas.ScaledLinear(0.00085, 0.012)).shiftSnr(3).zeroTerminalSnr();
    }

    static Stream<Sampler> samplers() {
        return Stream.of(Ddim.of(zeroTerminalSnr(), Prediction.v(), Spacing.TRAILING),
                Ddim.of(zeroTerminalSnr(), Prediction.sample(), Spacing.TRAILING));
    }

    /// V-46: one Euler step of the flow form is one deterministic step of the network's own sampler.
    @ParameterizedTest
    @MethodSource("samplers")
    void aFlowStepIsTheSamplersStep(Sampler sampler) {
        var form = FlowForm.of(sampler, 20);
        var rng = new Rng(2);
        Denoiser network = (z, step) -> z.times(0.3).plus(step.timestep() / 1000).tanh();
        for (var step : form.plan().steps()) {
            var own = form.network().steps().get(step.index());
            double from = own.from().alpha() + own.from().sigma(), to = own.to().alpha() + own.to().sigma();
            var z = rng.normal(1, 2, 3, 4);
            var x = z.div(from);
            var moved = x.plus(form.velocity(network).predict(x, step).times(step.to().sigma() - step.from().sigma()));
            var state = sampler.step(form.network(), new State(z, List.of(), step.index()), network.predict(z, own), Noise.none());
            assertThat(moved.times(to).minus(state.x()).abs().max().item()).isLessThan(3e-6);
        }
    }

    /// Zero terminal SNR is sigma 1, and the run ends at sigma 0.
    @Test
    void aLevelWithoutSignalIsNoSingularity() {
        var form = FlowForm.of(Ddim.of(zeroTerminalSnr(), Prediction.v(), Spacing.TRAILING), 10);
        var first = form.plan().steps().getFirst();
        assertThat(first.at().sigma()).isEqualTo(1);
        assertThat(form.plan().steps().getLast().to().sigma()).isZero();
        var velocity = form.velocity((z, _) -> z.times(0.1)).predict(new Rng(1).normal(1, 4), first);
        assertThat(velocity.isFinite()).isTrue();
    }

    @Test
    void aFlowNetworkIsItsOwnFlowForm() {
        var rng = new Rng(3);
        Tensor x = rng.normal(1, 8), v = rng.normal(1, 8);
        var level = Level.flow(0.4);
        var step = new Step(0, 1, 400, level, level, Level.flow(0));
        var form = new FlowForm(new Plan(List.of(step), 1), Prediction.flow());
        var seen = form.velocity((z, s) -> {
            assertThat(z.minus(x).abs().max().item()).isZero();
            assertThat(s.timestep()).isEqualTo(400);
            return v;
        }).predict(x, form.plan().steps().getFirst());
        assertThat(seen.minus(v).abs().max().item()).isZero();
    }

    @Test
    void aRunThatCallsTwiceHasNoFlowForm() {
        var twice = new Step(0, 1, 400, Level.flow(0.4), Level.flow(0.5), Level.flow(0));
        var plan = new Plan(List.of(twice), 1);
        assertThatThrownBy(() -> new FlowForm(plan, Prediction.flow())).isInstanceOf(SamplingException.class)
                .hasMessageContaining("DDIM");
    }
}
