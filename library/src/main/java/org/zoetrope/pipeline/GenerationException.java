package org.zoetrope.pipeline;

/// A run gave something that is not a video: numbers that are not finite, or one colour everywhere.
public final class GenerationException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// @param problem what is wrong, where, and how to fix it
    public GenerationException(String problem) {
        super(problem);
    }
}
