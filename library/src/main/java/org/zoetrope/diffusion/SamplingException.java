package org.zoetrope.diffusion;

import java.util.Locale;

/// A schedule, a sampler or a run cannot do what was asked. The message says what, where and how to fix it.
public final class SamplingException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public SamplingException(String message) {
        super(message);
    }

    /// @throws SamplingException with the formatted message if the condition does not hold
    @SuppressWarnings("AnnotateFormatMethod") // its annotation is not among our dependencies
    static void require(boolean holds, String format, Object... values) {
        if (!holds) {
            throw new SamplingException(String.format(Locale.ROOT, format, values));
        }
    }
}
