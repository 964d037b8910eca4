package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.zoetrope.Golden;
import org.zoetrope.diffusion.FlowForm;
import org.zoetrope.media.Frames;
import org.zoetrope.nn.Pass;
import org.zoetrope.pipeline.NetworkCall;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

/// Editing with the tiny Wan of the pipeline's fixture: its network, its autoencoder and its scheduler.
@InScope
class PublishedEditTest {
    private static final int STEPS = 5;

    static VideoModel model;

    private Tensor from;
    private Tensor to;
    private Tensor negative;
    private Tensor source;

    @BeforeAll
    static void openModel() {
        model = VideoModel.open(Golden.resource("golden/pipelines/wan-t2v-unipc"));
    }

    @AfterAll
    static void closeModel() {
        model.close();
    }

    @BeforeEach
    void open() {
        var golden = Golden.open("pipelines/wan-t2v-unipc");
        from = golden.in("prompt_embeds");
        to = new Rng(5).normal(from.shape());
        negative = golden.in("negative_prompt_embeds");
        source = model.latents(Frames.paint(32, 32, 16, 9, (f, x, y) -> f * 20 << 16 | x * 7 << 8 | y * 7),
                ProgressListener.none());
    }

    private EditTask task(NetworkCall network, Tensor source, Tensor from, Tensor to) {
        var form = FlowForm.of(model.sampler(), STEPS);
        return EditTask.of(source, form.plan(), branch(form, network, from), branch(form, network, to),
                branch(form, network, negative), Draws.of(7));
    }

    private static Branch branch(FlowForm form, NetworkCall network, Tensor features) {
        return new VideoEditor.Prompted(form, network, features);
    }

    private Tensor edited(Editor editor, Tensor from, Tensor to) {
        return model.withNetwork(ProgressListener.none(),
                network -> editor.edit(task(network, source, from, to)));
    }

    private static double distance(Tensor a, Tensor b) {
        return a.minus(b).abs().max().item();
    }

    /// The levels of a run of five steps at shift 3, by their definition: equally spaced from 1, then shifted.
    @Test
    void theLevelsAreTheSchedulersOwn() {
        var steps = FlowForm.of(model.sampler(), STEPS).plan().steps();
        assertThat(steps).hasSize(STEPS);
        for (var i = 0; i < STEPS; i++) {
            var u = 1 - (i * (1 - 0.001)) / STEPS;
            assertThat(steps.get(i).from().sigma()).isCloseTo(3 * u / (1 + 2 * u), within(2e-3));
        }
        assertThat(steps.getLast().to().sigma()).isZero();
    }

    /// Algorithm 1 of FlowEdit as it is printed, with Z and not with the change of the source, straight on the network.
    @Test
    void flowEditIsThePrintedAlgorithm() {
        var edited = edited(new FlowEdit(0.8, 0, 2, 2, 6), from, to);
        var printed = model.withNetwork(ProgressListener.none(), network -> {
            var draws = Draws.of(7);
            var z = source;
            for (var step : model.sampler().plan(STEPS).steps().subList(1, STEPS)) {
                var sigma = step.from().noiseShare();
                var velocity = source.times(0);
                for (var draw = 0; draw < 2; draw++) {
                    var noise = draws.noise(step.index(), draw, source);
                    var zs = source.times(1 - sigma).plus(noise.times(sigma));
                    var zt = z.plus(zs).minus(source);
                    var vs = network.predict(zs, step, from, Pass.plain());
                    var vt = network.predict(zt, step, to, Pass.plain());
                    var us = network.predict(zs, step, negative, Pass.plain());
                    var ut = network.predict(zt, step, negative, Pass.plain());
                    velocity = velocity.plus(ut.plus(vt.minus(ut).times(6)).minus(us.plus(vs.minus(us).times(2))));
                }
                z = z.plus(velocity.times((step.to().noiseShare() - sigma) / 2));
            }
            return z;
        });
        assertThat(distance(edited, source)).isGreaterThan(0.1);
        // Z + z_s - X is z_s + delta but for rounding.
        assertThat(distance(edited, printed)).isLessThan(1e-4);
    }

    /// V-40 on a published network.
    @Test
    void equalWordsAtEqualScalesReturnTheSourceBitForBit() {
        assertThat(edited(new FlowEdit(1, 0, 1, 4, 4), from, from).toFloats()).isEqualTo(source.toFloats());
        assertThat(edited(FlowDirectorV2.defaults().scales(4, 4), from, from).toFloats())
                .isEqualTo(source.toFloats());
        assertThat(distance(edited(new FlowEdit(1, 0, 1, 2, 6), from, from), source)).isPositive();
    }

    /// V-02: the video that was given leaves no trace.
    @Test
    void aRandomStartDoesNotSeeTheSource() {
        var once = edited(new RandomStart(6), from, to);
        source = source.times(-1);
        assertThat(edited(new RandomStart(6), from, to).toFloats()).isEqualTo(once.toFloats());
    }
}
