package org.zoetrope.server;

/// An uploaded video cannot be read, with a code for programs.
final class UploadException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String code;

    UploadException(String code, String message) {
        super(message);
        this.code = code;
    }

    String code() {
        return code;
    }
}
