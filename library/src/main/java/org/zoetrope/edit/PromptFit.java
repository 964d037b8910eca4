package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Scope;

/// Whether the source prompt describes the clip, as far as the model can tell: noise is added to the clip, and the error of
/// the velocity under the prompt is compared with that under the negative prompt, for the same noise. Words that are true
/// of a clip help to find it again; words that are not lead away (diffusion classifiers, arXiv 2303.16203, section 3.2).
///
/// The residual of an inversion does not tell: run backwards exactly, the sampler comes back under any words.
///
/// @param sigmas levels to look at; each is taken at the nearest step of the run
/// @param draws  draws of noise at each level
public record PromptFit(List<Double> sigmas, int draws) {
    /// Draws far from those of any method and of masks.
    private static final int FIRST_DRAW = 1 << 21;
    private static final double SAME = 0.02; // the bundled model's own captions of what it draws badly stay within 0.01 of 1

    public PromptFit {
        sigmas = List.copyOf(sigmas);
        require(!sigmas.isEmpty() && draws >= 1, "a prompt is tried at one level and with one draw at least; found %s and %d",
                sigmas, draws);
    }

    /// One draw at each of three noisy levels: with less noise the clip itself says what words could.
    public static PromptFit defaults() {
        return new PromptFit(List.of(0.9, 0.8, 0.7), 1);
    }

    /// Evaluations of [#ratio].
    public long evaluations(int windows) {
        return 2L * sigmas.size() * draws * windows;
    }

    /// The error under the source prompt over that under the negative prompt: below 1 where the prompt helps.
    public double ratio(EditTask task) {
        return Scope.run(() -> error(task, task.from()) / Math.max(1e-12, error(task, task.unprompted())));
    }

    /// What a ratio says, for the user.
    public static String said(double ratio) {
        var percent = 100 * Math.abs(1 - ratio);
        var what = ratio < 1 - SAME ? "the source prompt describes the clip: with it the model errs %.0f %% less about the clip than without"
                : ratio > 1 + SAME ? "the source prompt does not describe the clip as this model sees it: with it the model errs %.0f %% more "
                        + "about the clip than without; say what the clip shows, in words the model knows"
                : "the source prompt says nothing about the clip that this model knows: with it the model errs as without";
        return String.format(Locale.ROOT, what, percent);
    }

    private double error(EditTask task, Branch branch) {
        return sigmas.stream().map(task::nearest).mapToDouble(step -> IntStream.range(0, draws)
                .mapToDouble(draw -> error(task, branch, step, FIRST_DRAW + draw)).sum()).sum();
    }

    private static double error(EditTask task, Branch branch, Step step, int draw) {
        return Scope.run(() -> {
            var noise = task.noise(step, draw);
            var velocity = task.velocity(branch, step.at().noisy(task.source(), noise), step, Pass.plain());
            return velocity.minus(noise.minus(task.source())).square().mean().item();
        });
    }
}
