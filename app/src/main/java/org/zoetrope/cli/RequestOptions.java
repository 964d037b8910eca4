package org.zoetrope.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.zoetrope.diffusion.Guidance;
import org.zoetrope.diffusion.SkipGuidance;
import org.zoetrope.pipeline.Request;
import picocli.CommandLine.Option;

/// What decides how much work a request is.
final class RequestOptions {
    @Option(names = "--size", paramLabel = "WxH", converter = PictureSize.Converter.class,
            description = "Pixels, such as 720x480 (default: the model's).")
    private Optional<PictureSize> size;
    @Option(names = "--frames", paramLabel = "N",
            description = "Frames (default: the model's).")
    private Optional<Integer> frames;
    @Option(names = "--steps", paramLabel = "N",
            description = "Steps of the sampler (default: the model's).")
    private Optional<Integer> steps;
    @Option(names = "--guidance", paramLabel = "SCALE",
            description = "How strongly the prompt leads; 1 leaves the negative prompt out (default: the model's).")
    private Optional<Double> guidance;
    @Option(names = "--dynamic-guidance",
            description = "Let the guidance rise from 1 to 1 + SCALE with the steps, CogVideoX's dynamic guidance.")
    private boolean dynamic;

    @Option(names = "--skip-guidance", paramLabel = "SCALE",
            description = "Push away from what the network shows without some of its blocks (STG); one more evaluation "
                    + "a step; 1 is the published example (default: 0, none).")
    private Optional<Double> skipGuidance;
    @Option(names = "--skip-blocks", paramLabel = "N", split = ",",
            description = "The blocks that --skip-guidance leaves out, from 0 (default: one at 0.38 of the depth).")
    private List<Integer> skipBlocks = new ArrayList<>();
    @Option(names = "--skip-after",
            description = "Push what guidance has made already, away from the negative prompt's, as the public code "
                    + "does for Wan.")
    private boolean skipAfter;

    Request on(Request start) {
        var request = skipping(start);
        if (size.isPresent()) {
            request = request.size(size.get().width(), size.get().height());
        }
        if (frames.isPresent()) {
            request = request.frames(frames.get());
        }
        if (steps.isPresent()) {
            request = request.steps(steps.get());
        }
        if (dynamic) {
            if (guidance.isEmpty()) {
                throw new UsageException("--dynamic-guidance needs a scale to rise to; add --guidance 6");
            }
            return request.guidance(new Guidance.Dynamic(guidance.get(), Guidance.Clock.STEP_INDEX));
        }
        return guidance.isPresent() ? request.guidance(guidance.get()) : request;
    }

    private Request skipping(Request request) {
        if (skipGuidance.isEmpty()) {
            if (!skipBlocks.isEmpty() || skipAfter) {
                throw new UsageException("--skip-blocks and --skip-after say how to push; add --skip-guidance 1");
            }
            return request;
        }
        if (!(skipGuidance.get() >= 0)) {
            throw new UsageException("--skip-guidance %s; give 0 or more", skipGuidance.get());
        }
        var away = SkipGuidance.of(skipGuidance.get()).blocks(skipBlocks);
        return request.skip(skipAfter ? away.kind(SkipGuidance.Kind.GUIDED) : away);
    }
}
