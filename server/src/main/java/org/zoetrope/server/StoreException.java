package org.zoetrope.server;

import java.sql.SQLException;

/// The database did not answer as it should.
final class StoreException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private static final String UNIQUE = "23505"; // SQLSTATE of a duplicate in a unique index

    StoreException(SQLException cause) {
        super("the database failed: " + cause.getMessage(), cause);
    }

    /// Whether there is such a row already.
    boolean isDuplicate() {
        return getCause() instanceof SQLException sql && UNIQUE.equals(sql.getSQLState());
    }
}
