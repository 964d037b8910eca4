package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

/// Perfect networks know how well words describe a clip.
@InScope
class PromptFitTest {
    private static Tensor mean(long seed) {
        return new Rng(seed).normal(1, 3, 2, 4, 4);
    }

    /// Without words, clips lie anywhere; with words, near their mean.
    private static EditTask task(Tensor source, Tensor described) {
        var words = new Gaussian(described, 0.1);
        return EditTask.of(source, Gaussian.plan(10), words, words, new Gaussian(described.times(0), 1.1), Draws.of(7));
    }

    @Test
    void trueWordsLowerTheErrorAndFalseOnesRaiseIt() {
        var source = mean(1).plus(mean(2).times(Math.sqrt(0.1)));
        assertThat(PromptFit.defaults().ratio(task(source, mean(1)))).isLessThan(0.6);
        assertThat(PromptFit.defaults().ratio(task(source, mean(3)))).isGreaterThan(1.4);
    }

    @Test
    void wordsThatSayNothingMakeNoDifference() {
        var task = task(mean(1), mean(1));
        var nothing = EditTask.of(task.source(), task.plan(), task.unprompted(), task.to(), task.unprompted(), task.draws());
        assertThat(PromptFit.defaults().ratio(nothing)).isEqualTo(1);
        assertThat(nothing.counter().forwards()).isEqualTo(PromptFit.defaults().evaluations(1));
    }

    @Test
    void aRatioIsSaidInWords() {
        assertThat(PromptFit.said(0.8)).contains("describes the clip").contains("20 % less");
        assertThat(PromptFit.said(1.01)).contains("says nothing about the clip");
        assertThat(PromptFit.said(1.3)).contains("does not describe the clip").contains("30 % more");
    }

    @Test
    void aLongClipIsTriedInWindows() {
        var task = EditTask.of(mean(1), Gaussian.plan(10), Nonlinear.of(1, 5, 2), Nonlinear.of(1, 6, 2), Nonlinear.of(1, 99, 2),
                Draws.of(7)).withWindows(new Windows(3, 2, 1));
        assertThat(PromptFit.defaults().ratio(task)).isFinite().isPositive();
        assertThat(task.counter().forwards()).isEqualTo(PromptFit.defaults().evaluations(2)).isEqualTo(12);
    }
}
