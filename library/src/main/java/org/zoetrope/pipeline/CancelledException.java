package org.zoetrope.pipeline;

/// A run was stopped on request, between two steps.
public final class CancelledException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// @param where how far the run had come
    public CancelledException(String where) {
        super("cancelled " + where);
    }
}
