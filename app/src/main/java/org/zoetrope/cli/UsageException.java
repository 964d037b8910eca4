package org.zoetrope.cli;

import java.util.Locale;

/// A mistake in what was asked that only shows beyond the single options.
final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UsageException(String message, Object... values) {
        super(String.format(Locale.ROOT, message, values));
    }

    /// What another room has to say about something that was asked for.
    UsageException(RuntimeException cause) {
        super(cause.getMessage(), cause);
    }
}
