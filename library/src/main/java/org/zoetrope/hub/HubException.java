package org.zoetrope.hub;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A repository that cannot be fetched: what failed, at which address, and what to do.
public final class HubException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public HubException(String message, @Nullable Object... values) {
        super(String.format(Locale.ROOT, message, values));
    }

    public HubException(Throwable cause, String message, @Nullable Object... values) {
        super(String.format(Locale.ROOT, message, values), cause);
    }
}
