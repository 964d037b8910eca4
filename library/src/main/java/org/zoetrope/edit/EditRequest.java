package org.zoetrope.edit;

import java.util.Optional;

/// What somebody would like to change in a clip.
///
/// ```java
/// EditRequest.of("a red circle moves right", "a blue square moves right").seed(7)
/// ```
///
/// @param from           what the clip shows
/// @param to             what it should show instead
/// @param negativePrompt what both sides stay away from
/// @param editor         the method
/// @param mask           where the edit may act
/// @param steps          steps of the whole run; by default the model's
/// @param seed           two requests that differ in nothing give the same clip; empty draws one
/// @param size           the size to work at; by default about the model's area in the shape of the clip
/// @param composite      whether what the autoencoder loses is given back outside the mask
public record EditRequest(String from, String to, String negativePrompt, Editor editor, MaskSource mask,
        Optional<Integer> steps, Optional<Long> seed, Optional<ClipFit.Size> size, boolean composite) {
    /// [FlowEdit#usual()] within the mask of the velocity difference.
    public static EditRequest of(String from, String to) {
        return new EditRequest(from, to, "", FlowEdit.usual(), MaskSource.velocityDifference(), Optional.empty(),
                Optional.empty(), Optional.empty(), true);
    }

    public EditRequest negativePrompt(String words) {
        return new EditRequest(from, to, words, editor, mask, steps, seed, size, composite);
    }

    public EditRequest editor(Editor method) {
        return new EditRequest(from, to, negativePrompt, method, mask, steps, seed, size, composite);
    }

    public EditRequest mask(MaskSource source) {
        return new EditRequest(from, to, negativePrompt, editor, source, steps, seed, size, composite);
    }

    public EditRequest steps(int count) {
        return new EditRequest(from, to, negativePrompt, editor, mask, Optional.of(count), seed, size, composite);
    }

    public EditRequest seed(long number) {
        return new EditRequest(from, to, negativePrompt, editor, mask, steps, Optional.of(number), size, composite);
    }

    public EditRequest size(int width, int height) {
        return new EditRequest(from, to, negativePrompt, editor, mask, steps, seed,
                Optional.of(new ClipFit.Size(width, height)), composite);
    }

    public EditRequest composite(boolean on) {
        return new EditRequest(from, to, negativePrompt, editor, mask, steps, seed, size, on);
    }
}
