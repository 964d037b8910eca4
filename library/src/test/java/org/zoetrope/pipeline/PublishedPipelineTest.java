package org.zoetrope.pipeline;

import java.util.ArrayList;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.zoetrope.Golden;
import org.zoetrope.diffusion.Guidance;
import org.zoetrope.pipeline.OpenOptions.Branches;
import org.zoetrope.pipeline.OpenOptions.Residency;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

/// Whole model folders, run from given text features and noise, against what the reference pipelines made of them.
@InScope
class PublishedPipelineTest {
    private static Request request(Golden golden) {
        var a = golden.arguments();
        var scale = a.number("guidance_scale");
        return Request.of("").size(a.integer("width"), a.integer("height")).frames(a.integer("num_frames"))
                .steps(a.integer("num_inference_steps"))
                .guidance(a.bool("use_dynamic_cfg", false) ? new Guidance.Dynamic(scale, Guidance.Clock.TIMESTEP)
                        : new Guidance.ClassifierFree(scale));
    }

    private static Given given(Golden golden) {
        return Given.nothing().prompt(golden.in("prompt_embeds")).negativePrompt(golden.in("negative_prompt_embeds"))
                .noise(ordered(golden, golden.in("latents")));
    }

    /// References of Wan hold latents as [B, C, T, H, W], ours and those of CogVideoX are [B, T, C, H, W].
    private static Tensor ordered(Golden golden, Tensor latents) {
        return golden.about().string("class").startsWith("Wan") ? latents.transpose(1, 2) : latents;
    }

    private static Tensor pixels(VideoModel model, Latents latents) {
        var chunks = new ArrayList<float[]>();
        var shapes = new ArrayList<long[]>();
        model.pixels(latents, ProgressListener.none(), chunk -> {
            chunks.add(chunk.toFloats());
            shapes.add(chunk.shape());
        });
        return Tensor.cat(
                IntStream.range(0, chunks.size()).mapToObj(i -> Tensor.of(chunks.get(i), shapes.get(i))).toList(), 2);
    }

    @ParameterizedTest
    @CsvSource({"cogvideox-2b-ddim, TOGETHER, TOGETHER", "cogvideox-2b-ddim, APART, ONE_AT_A_TIME",
            "cogvideox-5b-rope-dynamic-cfg, TOGETHER, ONE_AT_A_TIME", "cogvideox-5b-rope-dynamic-cfg, APART, TOGETHER",
            "wan-t2v-unipc, TOGETHER, ONE_AT_A_TIME", "wan-t2v-unipc, APART, TOGETHER",
            "cogvideox-2b-ddim, SIDE_BY_SIDE, TOGETHER", "cogvideox-5b-rope-dynamic-cfg, SIDE_BY_SIDE, ONE_AT_A_TIME",
            "wan-t2v-unipc, SIDE_BY_SIDE, TOGETHER"})
    void theLatentsOfEveryStepAndTheFramesMatchTheReference(String name, Branches branches, Residency residency) {
        var golden = Golden.open("pipelines/" + name);
        try (var model = VideoModel.open(golden.folder(),
                OpenOptions.defaults().branches(branches).residency(residency))) {
            var steps = new ArrayList<float[]>();
            var latents = model.denoise(request(golden), given(golden), progress -> {
                if (progress instanceof Progress.Denoising(var done, _, var x) && done > 0) {
                    steps.add(x.toFloats());
                }
            });
            var shape = latents.values().shape();
            golden.assertClose(Tensor.stack(
                    steps.stream().map(x -> ordered(golden, Tensor.of(x, shape))).toList(), 0), "latents");
            golden.assertClose(pixels(model, latents).permute(0, 2, 1, 3, 4).times(0.5).plus(0.5).clamp(0, 1),
                    "frames");
        }
    }
}
