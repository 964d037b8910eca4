package org.zoetrope.server;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/// The relational database that jobs and characters live in: embedded in a folder for one process, or a PostgreSQL that several nodes
/// share. What it is told is on the disk before anybody is told that it is.
final class Database implements AutoCloseable {
    private static final int CONNECTIONS = 10;

    private static final List<String> SCHEMA = List.of("""
            create table if not exists job (
                id varchar(64) primary key,
                kind varchar(16) not null,
                status varchar(16) not null,
                model varchar(255) not null,
                asked varchar(255) not null,
                wanted text not null,
                seconds varchar(32) not null,
                size varchar(32) not null,
                owner varchar(64) not null,
                priority int not null,
                created_at bigint not null,
                started_at bigint,
                completed_at bigint,
                attempts int not null,
                claim bigint not null,
                node varchar(64),
                cancelled boolean not null,
                stage varchar(32) not null,
                step int not null,
                steps int not null,
                progress int not null,
                failure_code varchar(64),
                failure_message text,
                recipe text,
                notices text not null,
                source varchar(64),
                prompt varchar(20000) not null,
                fingerprint varchar(64) not null,
                idempotency_key varchar(255))""",
            "create unique index if not exists job_once on job (owner, idempotency_key)",
            "create index if not exists job_order on job (created_at, id)",
            "create index if not exists job_status on job (status, priority, created_at)",
            """
                    create table if not exists video_character (
                        id varchar(64) primary key,
                        owner varchar(64) not null,
                        name varchar(80) not null,
                        created_at bigint not null,
                        fingerprint varchar(64) not null,
                        idempotency_key varchar(255))""",
            "create unique index if not exists video_character_once on video_character (owner, idempotency_key)",
            "create index if not exists video_character_order on video_character (owner, created_at)",
            // The table of db-scheduler 16, whose jar does not carry it.
            """
                    create table if not exists scheduled_tasks (
                        task_name varchar(250) not null,
                        task_instance varchar(250) not null,
                        task_data bytea,
                        execution_time timestamp with time zone not null,
                        picked boolean not null,
                        picked_by varchar(250),
                        last_success timestamp with time zone,
                        last_failure timestamp with time zone,
                        consecutive_failures int,
                        last_heartbeat timestamp with time zone,
                        version bigint not null,
                        priority smallint,
                        primary key (task_name, task_instance))""",
            "create index if not exists scheduled_tasks_time on scheduled_tasks (execution_time)",
            "create index if not exists scheduled_tasks_heartbeat on scheduled_tasks (last_heartbeat)");

    private final HikariDataSource source;
    private final boolean embedded;

    private Database(HikariDataSource source, boolean embedded) {
        this.source = source;
        this.embedded = embedded;
    }

    /// Opens the database and creates what is missing in it.
    ///
    /// @param url JDBC address of a PostgreSQL; empty for the embedded database of the folder
    /// @throws ServerException if it cannot be opened
    static Database open(Path folder, Optional<String> url) {
        url.filter(u -> !u.startsWith("jdbc:postgresql:")).ifPresent(u -> {
            throw new ServerException("\"%s\" is no address of a PostgreSQL; give one such as "
                    .formatted(u.replaceAll("password=[^&]*", "password=..."))
                    + "jdbc:postgresql://host/zoetrope?user=zoetrope&password=...");
        });
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new ServerException("cannot create the folder %s (%s); choose another with --data".formatted(folder,
                    e.getMessage()), e);
        }
        var file = folder.toAbsolutePath().resolve("zoetrope");
        if (url.isEmpty() && file.toString().contains(";")) {
            throw new ServerException("the embedded database cannot live in %s, because of the semicolon in its name"
                    .formatted(folder));
        }
        var config = new HikariConfig();
        config.setJdbcUrl(url.orElseGet(() -> "jdbc:h2:file:%s;MODE=PostgreSQL;DATABASE_TO_LOWER=TRUE;"
                .formatted(file) + "DEFAULT_NULL_ORDERING=HIGH;DB_CLOSE_ON_EXIT=FALSE"));
        config.setMaximumPoolSize(CONNECTIONS);
        config.setMinimumIdle(1);
        config.setInitializationFailTimeout(1);
        config.setPoolName("jobs");
        try {
            var database = new Database(new HikariDataSource(config), url.isEmpty());
            database.prepare();
            return database;
        } catch (RuntimeException | SQLException e) {
            throw new ServerException(url.isPresent() ? "cannot use the database: " + root(e)
                    : "cannot use the database in %s: %s%n  fix    one server at a time may use a folder; stop the other"
                            .formatted(folder, root(e)) + " or choose another with --data", e);
        }
    }

    private static String root(Throwable e) {
        var cause = e;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return String.valueOf(cause.getMessage());
    }

    private void prepare() throws SQLException {
        try (var connection = source.getConnection(); var statement = connection.createStatement()) {
            for (var sql : SCHEMA) {
                statement.execute(sql);
            }
            if (embedded) {
                // There is one process for this database, and it has just begun: nobody is working.
                statement.execute("update scheduled_tasks set picked = false, picked_by = null, last_heartbeat = null, "
                        + "version = version + 1 where picked = true");
            }
        }
        sync();
    }

    DataSource source() {
        return source;
    }

    /// Reads one row.
    @FunctionalInterface
    interface Row<T> {
        T read(ResultSet row) throws SQLException;
    }

    <T> List<T> query(Row<T> row, String sql, Object... arguments) {
        try (var connection = source.getConnection(); var statement = connection.prepareStatement(sql)) {
            bind(statement, arguments);
            try (var rows = statement.executeQuery()) {
                var list = new ArrayList<T>();
                while (rows.next()) {
                    list.add(row.read(rows));
                }
                return list;
            }
        } catch (SQLException e) {
            throw new StoreException(e);
        }
    }

    /// @return how many rows were changed
    int update(String sql, @Nullable Object... arguments) {
        try (var connection = source.getConnection(); var statement = connection.prepareStatement(sql)) {
            bind(statement, arguments);
            return statement.executeUpdate();
        } catch (SQLException e) {
            throw new StoreException(e);
        }
    }

    private static void bind(PreparedStatement statement, @Nullable Object... arguments) throws SQLException {
        for (var i = 0; i < arguments.length; i++) {
            statement.setObject(i + 1, arguments[i]);
        }
    }

    /// Brings to the disk what was committed. A server does so at every commit; the embedded database would take half a
    /// second, in which a killed process loses what it has promised.
    void sync() {
        if (!embedded) {
            return;
        }
        try (var connection = source.getConnection(); var statement = connection.createStatement()) {
            statement.execute("checkpoint sync");
        } catch (SQLException e) {
            throw new StoreException(e);
        }
    }

    /// Whether statements are answered.
    boolean isAlive() {
        try (var connection = source.getConnection()) {
            return connection.isValid(2);
        } catch (SQLException _) {
            return false;
        }
    }

    @Override
    public void close() {
        source.close();
    }
}
