package org.zoetrope.media;

/// A picture, a clip or a media file is not what was asked for: what is wrong, where, and how to fix it.
public final class MediaException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public MediaException(String message) {
        super(message);
    }

    public MediaException(String message, Throwable cause) {
        super(message, cause);
    }
}
