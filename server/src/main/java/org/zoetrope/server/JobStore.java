package org.zoetrope.server;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The jobs. Every change of status is one statement with its condition, so that of two who try one succeeds; a worker
/// writes under the number of its claim, so that one that was taken for dead cannot spoil its successor's work.
final class JobStore {
    private final Database database;

    JobStore(Database database) {
        this.database = database;
    }

    // ---------------------------------------------------------------- accepting

    /// Records a job, on the disk when this returns.
    ///
    /// @param idempotencyKey what the client calls this request; the second of a name is the first
    /// @param fingerprint    of everything that was asked for
    /// @return the job of that name: this one, or the one recorded before
    Job insert(Job job, Optional<String> idempotencyKey, String fingerprint) {
        var w = job.wanted();
        try {
            update("insert into job (id, kind, status, model, asked, wanted, seconds, size, owner, priority, created_at, "
                    + "attempts, claim, cancelled, stage, step, steps, progress, notices, source, prompt, fingerprint, "
                    + "idempotency_key) values (?,?,?,?,?,?,?,?,?,?,?,0,0,false,?,0,?,0,?,?,?,?,?)",
                    job.id(), job.kind().name(), job.status().word(), job.model(), job.asked(), w.toJson(),
                    job.seconds(), job.size(), job.owner(), job.priority(), job.createdAt(), job.stage(), w.steps(),
                    String.join("\n", job.notices()), job.source().orElse(null), w.prompt(), fingerprint,
                    idempotencyKey.orElse(null));
        } catch (StoreException e) {
            if (e.isDuplicate()) {
                return idempotencyKey.flatMap(key -> named(job.owner(), key)).orElseThrow(() -> e);
            }
            throw e;
        }
        database.sync();
        return job;
    }

    /// The job that a client has given this name.
    Optional<Job> named(String owner, String idempotencyKey) {
        return first("select * from job where owner = ? and idempotency_key = ?", owner, idempotencyKey);
    }

    /// The latest job of exactly this content that was asked for since a time.
    Optional<Job> same(String owner, String fingerprint, long since) {
        return first("select * from job where owner = ? and fingerprint = ? and created_at >= ? "
                + "order by created_at desc", owner, fingerprint, since);
    }

    String fingerprint(String id) {
        return query(row -> row.getString(1), "select fingerprint from job where id = ?", id).stream().findFirst()
                .orElse("");
    }

    // ---------------------------------------------------------------- looking

    Optional<Job> find(String id) {
        return first("select * from job where id = ?", id);
    }

    /// A page of one owner's jobs by age.
    ///
    /// @param after  the job before the page
    /// @param words  what prompts must contain, in any case
    List<Job> page(String owner, Optional<Job> after, boolean descending, int limit, Optional<String> words) {
        var than = descending ? "<" : ">";
        var order = descending ? "desc" : "asc";
        var arguments = new ArrayList<Object>(List.of(owner));
        var sql = new StringBuilder("select * from job where owner = ?");
        words.ifPresent(text -> {
            sql.append(" and lower(prompt) like ? escape '!'");
            arguments.add("%" + text.toLowerCase(Locale.ROOT).replaceAll("([!%_])", "!$1") + "%");
        });
        after.ifPresent(job -> {
            sql.append(" and (created_at %s ? or (created_at = ? and id %s ?))".formatted(than, than));
            arguments.addAll(List.of(job.createdAt(), job.createdAt(), job.id()));
        });
        sql.append(" order by created_at %s, id %s limit %d".formatted(order, order, limit));
        return query(JobStore::job, sql.toString(), arguments.toArray());
    }

    int count(Job.Status status) {
        return number("select count(*) from job where status = ?", status.word());
    }

    int unfinished(String owner) {
        return number("select count(*) from job where owner = ? and status in ('queued', 'in_progress')", owner);
    }

    /// Jobs that are to run before this one.
    int ahead(Job job) {
        return number("select count(*) from job where status = 'queued' and (priority > ? or (priority = ? and "
                + "created_at < ?))", job.priority(), job.priority(), job.createdAt());
    }

    /// Jobs without a result.
    List<Job> unfinished() {
        return query(JobStore::job, "select * from job where status in ('queued', 'in_progress') order by created_at");
    }

    // ---------------------------------------------------------------- working

    /// Takes a job, unless it is finished.
    Optional<Job> claim(String id, String node) {
        var now = System.currentTimeMillis();
        var taken = update("update job set status = 'in_progress', attempts = attempts + 1, claim = claim + 1, "
                + "node = ?, started_at = coalesce(started_at, ?) where id = ? and status in ('queued', 'in_progress')",
                node, now, id);
        database.sync();
        return taken == 0 ? Optional.empty() : find(id);
    }

    /// Whether this claim holds and nobody asked to stop.
    enum Standing { GOES_ON, CANCELLED, LOST }

    Standing standing(Job job) {
        return query(row -> row.getBoolean(1) ? Standing.CANCELLED : Standing.GOES_ON,
                "select cancelled from job where id = ? and claim = ? and status = 'in_progress'", job.id(),
                job.claim()).stream().findFirst().orElse(Standing.LOST);
    }

    void report(Job job, String stage, int step, int steps, int progress) {
        update("update job set stage = ?, step = ?, steps = ?, progress = ? where id = ? and claim = ?", stage, step,
                steps, progress, job.id(), job.claim());
    }

    /// A checkpoint or the whole run is on the disk: what went wrong before no longer counts.
    void gotFurther(Job job) {
        update("update job set attempts = 0 where id = ? and claim = ?", job.id(), job.claim());
    }

    /// Gives a job back that was not finished for no fault of its own.
    boolean giveBack(Job job) {
        var given = update("update job set status = 'queued', stage = 'queued', attempts = greatest(attempts - 1, 0) "
                + "where id = ? and claim = ? and status = 'in_progress'", job.id(), job.claim());
        database.sync();
        return given == 1;
    }

    boolean complete(Job job, String recipe, List<String> notices) {
        var done = update("update job set status = 'completed', stage = 'completed', step = ?, steps = ?, progress = 100, "
                + "completed_at = ?, recipe = ?, notices = ? where id = ? and claim = ? and status = 'in_progress'",
                job.wanted().steps(), job.wanted().steps(), System.currentTimeMillis(), recipe,
                String.join("\n", notices), job.id(), job.claim());
        database.sync();
        return done == 1;
    }

    boolean fail(Job job, Job.Failure failure) {
        var failed = update("update job set status = 'failed', stage = 'failed', completed_at = ?, failure_code = ?, "
                + "failure_message = ? where id = ? and claim = ? and status in ('queued', 'in_progress')",
                System.currentTimeMillis(), failure.code(), failure.message(), job.id(), job.claim());
        database.sync();
        return failed == 1;
    }

    // ---------------------------------------------------------------- stopping

    /// Asks a job to stop. One that nobody has begun has failed at once; a running one when its worker has noticed.
    void cancel(String id) {
        update("update job set cancelled = true where id = ? and status in ('queued', 'in_progress')", id);
        update("update job set status = 'failed', stage = 'failed', completed_at = ?, failure_code = 'cancelled', "
                + "failure_message = 'the job was cancelled before it began' where id = ? and status = 'queued'",
                System.currentTimeMillis(), id);
        database.sync();
    }

    /// Forgets a job. Its worker, if there is one, finds that its claim is lost.
    boolean delete(String id) {
        var deleted = update("delete from job where id = ?", id);
        database.sync();
        return deleted == 1;
    }

    // ---------------------------------------------------------------- statements

    private Optional<Job> first(String sql, Object... arguments) {
        return query(JobStore::job, sql, arguments).stream().findFirst();
    }

    private int number(String sql, Object... arguments) {
        return query(row -> row.getInt(1), sql, arguments).getFirst();
    }

    private <T> List<T> query(Database.Row<T> row, String sql, Object... arguments) {
        return database.query(row, sql, arguments);
    }

    private int update(String sql, @Nullable Object... arguments) {
        return database.update(sql, arguments);
    }

    private static Job job(ResultSet row) throws SQLException {
        var id = row.getString("id");
        var notices = row.getString("notices");
        var code = Optional.ofNullable(row.getString("failure_code"));
        var message = Optional.ofNullable(row.getString("failure_message")).orElse("");
        return new Job(id, Job.Kind.valueOf(row.getString("kind")), Job.Status.of(row.getString("status")),
                row.getString("model"), row.getString("asked"), Wanted.parse(id, row.getString("wanted")),
                row.getString("seconds"), row.getString("size"), row.getString("owner"), row.getInt("priority"),
                row.getLong("created_at"), time(row, "started_at"), time(row, "completed_at"), row.getInt("attempts"),
                row.getLong("claim"), Optional.ofNullable(row.getString("node")), row.getBoolean("cancelled"),
                row.getString("stage"), row.getInt("step"), row.getInt("steps"), row.getInt("progress"),
                code.map(c -> new Job.Failure(c, message)), Optional.ofNullable(row.getString("recipe")),
                notices.isEmpty() ? List.of() : Arrays.asList(notices.split("\n")),
                Optional.ofNullable(row.getString("source")));
    }

    private static Optional<Long> time(ResultSet row, String column) throws SQLException {
        var value = row.getLong(column);
        return row.wasNull() ? Optional.empty() : Optional.of(value);
    }
}
