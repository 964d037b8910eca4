package org.zoetrope.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashSet;
import org.junit.jupiter.api.Test;
import org.zoetrope.diffusion.Betas;
import org.zoetrope.diffusion.NoiseSchedule;
import org.zoetrope.diffusion.TimeSampler;
import org.zoetrope.tensor.Rng;

class NoisingTest {
    /// Which of 20 equal intervals of 0 .. 1, whole timesteps wide, the parts of a step look at.
    private static HashSet<Integer> intervals(Noising noising) {
        var seen = new HashSet<Integer>();
        for (var part = 0; part < 5; part++) {
            for (var moment : noising.draw(new Rng(part), 4, part, 5)) {
                seen.add((int) (moment.timestep() * 20 / 1000));
            }
        }
        return seen;
    }

    @Test
    void everyStepCoversTheTimesEvenly() {
        var schedule = NoiseSchedule.of(new Betas.ScaledLinear(0.00085, 0.012)).zeroTerminalSnr();
        assertThat(intervals(new Noising.Discrete(schedule, 1))).hasSize(20);
        assertThat(intervals(new Noising.Flow(new TimeSampler.Stratified(), 1))).hasSize(20);
    }

    @Test
    void aDiscreteMomentIsALevelOfTheSchedule() {
        var schedule = NoiseSchedule.of(new Betas.ScaledLinear(0.00085, 0.012)).zeroTerminalSnr();
        for (var moment : new Noising.Discrete(schedule, 1).draw(new Rng(1), 16, 0, 1)) {
            assertThat(moment.level()).isEqualTo(schedule.level((int) moment.timestep()));
        }
    }

    /// The share of noise that shift 3 makes of one half is 3 / 4 (arXiv 2403.03206, equation 23).
    @Test
    void aShiftMovesTheTimesTowardsTheNoise() {
        var plain = new Noising.Flow(new TimeSampler.Uniform(), 1).draw(new Rng(3), 64, 0, 1);
        var moved = new Noising.Flow(new TimeSampler.Uniform(), 3).draw(new Rng(3), 64, 0, 1);
        for (var i = 0; i < plain.length; i++) {
            var t = plain[i].level().sigma();
            assertThat(moved[i].level().sigma()).isCloseTo(3 * t / (1 + 2 * t), within(1e-12));
            assertThat(moved[i].timestep()).isEqualTo((float) (1000 * moved[i].level().sigma()));
            assertThat(moved[i].level().alpha()).isCloseTo(1 - moved[i].level().sigma(), within(1e-12));
        }
    }

    @Test
    void logitNormalTimesPreferTheMiddle() {
        var moments = new Noising.Flow(new TimeSampler.LogitNormal(0, 1), 1).draw(new Rng(5), 4000, 0, 1);
        var middle = Arrays.stream(moments).filter(m -> m.level().sigma() > 0.25 && m.level().sigma() < 0.75).count();
        assertThat(middle / 4000.0).isCloseTo(0.728, within(0.03)); // P(|n| < ln 3)
    }
}
