package org.zoetrope.server;

import java.sql.SQLException;

/// The database did not answer as it should.
final class StoreException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    StoreException(SQLException cause) {
        super("the database failed: " + cause.getMessage(), cause);
    }
}
