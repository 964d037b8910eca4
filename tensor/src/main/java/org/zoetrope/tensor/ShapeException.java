package org.zoetrope.tensor;

/// A tensor does not have the shape an operation or a model takes. The message gives both shapes.
public final class ShapeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public ShapeException(String message) {
        super(message);
    }

    /// @throws ShapeException with the formatted message if the condition does not hold
    public static void require(boolean holds, String format, Object... values) {
        if (!holds) {
            throw new ShapeException(String.format(java.util.Locale.ROOT, format, values));
        }
    }
}
