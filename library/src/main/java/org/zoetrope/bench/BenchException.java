package org.zoetrope.bench;

/// A build cannot be measured in turns.
public final class BenchException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// @param problem what is wrong, where, and how to fix it
    public BenchException(String problem) {
        super(problem);
    }
}
