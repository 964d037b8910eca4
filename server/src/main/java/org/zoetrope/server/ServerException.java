package org.zoetrope.server;

/// The server cannot start or go on: its folder, its database, its address or its keys are not usable.
public final class ServerException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public ServerException(String message) {
        super(message);
    }

    public ServerException(String message, Throwable cause) {
        super(message, cause);
    }
}
