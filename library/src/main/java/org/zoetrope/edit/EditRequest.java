package org.zoetrope.edit;

import java.util.Optional;
import org.zoetrope.nn.Reuse;

/// What somebody would like to change in a clip.
///
/// ```java
/// EditRequest.of("a red circle moves right", "a blue square moves right").seed(7)
/// ```
///
/// @param from           what the clip shows
/// @param to             what it should show instead
/// @param negativePrompt what both sides stay away from
/// @param editor         the method; by default [FlowEdit] at the scales of the model
/// @param mask           where the edit may act
/// @param steps          steps of the whole run; by default the model's
/// @param seed           two requests that differ in nothing give the same clip; empty draws one
/// @param size           the size to work at; by default about the model's area in the shape of the clip
/// @param composite      whether what the autoencoder loses is given back outside the mask
/// @param reuse          what may be taken over from earlier steps, by methods that follow one path
public record EditRequest(String from, String to, String negativePrompt, Optional<Editor> editor, MaskSource mask,
        Optional<Integer> steps, Optional<Long> seed, Optional<ClipFit.Size> size, boolean composite, Optional<Reuse> reuse) {
    /// Within the mask of the velocity difference.
    public static EditRequest of(String from, String to) {
        return new EditRequest(from, to, "", Optional.empty(), MaskSource.velocityDifference(), Optional.empty(),
                Optional.empty(), Optional.empty(), true, Optional.empty());
    }

    public EditRequest negativePrompt(String words) {
        return new EditRequest(from, to, words, editor, mask, steps, seed, size, composite, reuse);
    }

    public EditRequest editor(Editor method) {
        return new EditRequest(from, to, negativePrompt, Optional.of(method), mask, steps, seed, size, composite, reuse);
    }

    public EditRequest mask(MaskSource source) {
        return new EditRequest(from, to, negativePrompt, editor, source, steps, seed, size, composite, reuse);
    }

    public EditRequest steps(int count) {
        return new EditRequest(from, to, negativePrompt, editor, mask, Optional.of(count), seed, size, composite, reuse);
    }

    public EditRequest seed(long number) {
        return new EditRequest(from, to, negativePrompt, editor, mask, steps, Optional.of(number), size, composite, reuse);
    }

    public EditRequest size(int width, int height) {
        return new EditRequest(from, to, negativePrompt, editor, mask, steps, seed,
                Optional.of(new ClipFit.Size(width, height)), composite, reuse);
    }

    public EditRequest composite(boolean on) {
        return new EditRequest(from, to, negativePrompt, editor, mask, steps, seed, size, on, reuse);
    }

    /// @param what may be taken over from earlier steps, see [Editor#followsOnePath()]
    public EditRequest reuse(Reuse what) {
        return new EditRequest(from, to, negativePrompt, editor, mask, steps, seed, size, composite, Optional.of(what));
    }
}
