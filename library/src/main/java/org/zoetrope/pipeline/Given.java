package org.zoetrope.pipeline;

import java.util.Optional;
import org.zoetrope.tensor.Tensor;

/// What a caller hands in instead of having it computed, to compare with another implementation or to reuse it.
///
/// @param prompt         text features [1, L, text_embed_dim]; the request's words are not read then
/// @param negativePrompt text features of the negative prompt, shaped alike
/// @param noise          the noise a run starts from, unit Gaussian [1, T, C, H, W]
/// @param checkpoint     where an earlier run of the same request stood, to go on from there
public record Given(Optional<Tensor> prompt, Optional<Tensor> negativePrompt, Optional<Tensor> noise,
        Optional<Checkpoint> checkpoint) {
    public static Given nothing() {
        return new Given(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
    }

    public Given prompt(Tensor features) {
        return new Given(Optional.of(features), negativePrompt, noise, checkpoint);
    }

    public Given negativePrompt(Tensor features) {
        return new Given(prompt, Optional.of(features), noise, checkpoint);
    }

    public Given noise(Tensor start) {
        return new Given(prompt, negativePrompt, Optional.of(start), checkpoint);
    }

    public Given checkpoint(Checkpoint where) {
        return new Given(prompt, negativePrompt, noise, Optional.of(where));
    }
}
