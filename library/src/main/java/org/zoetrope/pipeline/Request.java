package org.zoetrope.pipeline;

import java.util.Optional;
import org.zoetrope.diffusion.Guidance;
import org.zoetrope.diffusion.SkipGuidance;
import org.zoetrope.media.Frames;
import org.zoetrope.nn.Reuse;

/// What somebody would like to see. What is left open is decided by the model; what is asked for is checked by the
/// model, all at once, before a run begins.
///
/// ```java
/// Request.of("a paper boat").size(720, 480).frames(49).seed(7)
/// ```
///
/// @param prompt         what to show
/// @param negativePrompt what to stay away from
/// @param width          pixels; set together with the height
/// @param fps            frames per second of the result; the model does not see it
/// @param steps          steps of the sampler
/// @param guidance       how the prompt is weighed against the negative prompt
/// @param seed           two requests that differ in nothing give the same video; empty draws one
/// @param initImage      the first frame, for image-to-video models
/// @param initVideo      the clip to start from, for video-to-video
/// @param strength       how much of the initial clip is given up, over 0 (nothing) to 1 (everything)
/// @param skip           guidance away from the network without some of its blocks
/// @param reuse          what may be taken over from earlier steps instead of computing it; empty for nothing
/// @param strict         refuse what would otherwise be a notice: a prompt longer than the model reads
public record Request(String prompt, String negativePrompt, Optional<Integer> width, Optional<Integer> height,
        Optional<Integer> frames, Optional<Double> fps, Optional<Integer> steps, Optional<Guidance> guidance,
        Optional<Long> seed, Optional<Frames> initImage, Optional<Frames> initVideo, Optional<Double> strength,
        Optional<SkipGuidance> skip, Optional<Reuse> reuse, boolean strict) {
    /// A request that leaves everything but the prompt to the model.
    public static Request of(String prompt) {
        return new Request(prompt, "", Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(),
                Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(),
                Optional.empty(), Optional.empty(), Optional.empty(),
                false);
    }

    public Request negativePrompt(String text) {
        return new Request(prompt, text, width, height, frames, fps, steps, guidance, seed, initImage, initVideo,
                strength,
                skip, reuse, strict);
    }

    public Request size(int wide, int high) {
        return new Request(prompt, negativePrompt, Optional.of(wide), Optional.of(high), frames, fps, steps, guidance,
                seed,
                initImage, initVideo, strength, skip, reuse, strict);
    }

    public Request frames(int count) {
        return new Request(prompt, negativePrompt, width, height, Optional.of(count), fps, steps, guidance, seed,
                initImage,
                initVideo, strength, skip, reuse, strict);
    }

    public Request fps(double rate) {
        return new Request(prompt, negativePrompt, width, height, frames, Optional.of(rate), steps, guidance, seed,
                initImage, initVideo, strength, skip, reuse, strict);
    }

    public Request steps(int count) {
        return new Request(prompt, negativePrompt, width, height, frames, fps, Optional.of(count), guidance, seed,
                initImage,
                initVideo, strength, skip, reuse, strict);
    }

    /// Classifier-free guidance; 1 leaves the negative prompt out and halves the work.
    public Request guidance(double scale) {
        return guidance(scale == 1 ? new Guidance.Off() : new Guidance.ClassifierFree(scale));
    }

    public Request guidance(Guidance kind) {
        return new Request(prompt, negativePrompt, width, height, frames, fps, steps, Optional.of(kind), seed,
                initImage,
                initVideo, strength, skip, reuse, strict);
    }

    public Request seed(long number) {
        return new Request(prompt, negativePrompt, width, height, frames, fps, steps, guidance, Optional.of(number),
                initImage, initVideo, strength, skip, reuse, strict);
    }

    public Request initImage(Frames picture) {
        return new Request(prompt, negativePrompt, width, height, frames, fps, steps, guidance, seed,
                Optional.of(picture),
                initVideo, strength, skip, reuse, strict);
    }

    public Request initVideo(Frames clip) {
        return new Request(prompt, negativePrompt, width, height, frames, fps, steps, guidance, seed, initImage,
                Optional.of(clip), strength, skip, reuse, strict);
    }

    public Request strength(double share) {
        return new Request(prompt, negativePrompt, width, height, frames, fps, steps, guidance, seed, initImage,
                initVideo,
                Optional.of(share), skip, reuse, strict);
    }

    public Request strict(boolean refuse) {
        return new Request(prompt, negativePrompt, width, height, frames, fps, steps, guidance, seed, initImage,
                initVideo,
                strength, skip, reuse, refuse);
    }

    /// Guidance away from the network without some of its blocks, beside the other kinds; one more evaluation a step.
    public Request skip(SkipGuidance away) {
        return new Request(prompt, negativePrompt, width, height, frames, fps, steps, guidance, seed, initImage, initVideo,
                strength, away.scale() == 0 ? Optional.empty() : Optional.of(away), reuse, strict);
    }

    /// Less work by taking over at most steps what earlier steps computed; the video differs a little.
    public Request reuse(Reuse what) {
        return new Request(prompt, negativePrompt, width, height, frames, fps, steps, guidance, seed, initImage, initVideo,
                strength, skip, Optional.of(what), strict);
    }
}
