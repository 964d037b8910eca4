package org.zoetrope.cli;

import java.util.Optional;
import org.zoetrope.diffusion.Guidance;
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

    Request on(Request start) {
        var request = start;
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
}
