package org.zoetrope.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.zoetrope.media.Frames;

/// The characters that clients leave here for later videos. Of each there is a row, and a folder with its video as it was
/// sent and the first frame of that, which is all that today's models take of it. Nothing here changes once it is
/// recorded.
final class Characters {
    private static final Logger LOG = LoggerFactory.getLogger(Characters.class);
    private static final Pattern ID = Pattern.compile("char_[0-9a-f]{32}");
    private static final Pattern CONTROL = Pattern.compile("\\p{Cntrl}");
    private static final int LONGEST_NAME = 80; // as at OpenAI
    private static final int TURNS = 64; // requests of different content that are looked at beside each other
    private static final String FIRST = "first.png";
    /// An empty file that is in a folder as long as there may be no row of it. Its name makes it the last to be deleted.
    private static final String UNRECORDED = ".unrecorded";

    /// @param createdAt   milliseconds since 1970
    /// @param fingerprint of the request for it
    record Entry(String id, String owner, String name, long createdAt, String fingerprint) {}

    private final ServerSettings settings;
    private final Database database;
    private final UploadDecoder uploads;
    /// A request that is repeated while its first try is still looked at waits for that, and finds what it has made.
    private final List<Lock> turns = Stream.<Lock>generate(ReentrantLock::new).limit(TURNS).toList();
    private final Lock changing = new ReentrantLock(); // what there is

    Characters(ServerSettings settings, Database database, UploadDecoder uploads) {
        this.settings = settings;
        this.database = database;
        this.uploads = uploads;
    }

    // ---------------------------------------------------------------- keeping

    /// Keeps a character, on the disk when this returns.
    ///
    /// @throws ApiException if its video cannot be read, or its owner has as many as there may be
    Entry create(Supplier<byte[]> video, Form form, Admission.Asker asker) {
        form.allow(Set.of("name", "video"));
        var name = name(form);
        var fingerprint = form.fingerprint("character");
        var turn = turns.get(Math.floorMod(fingerprint.hashCode(), TURNS));
        await(turn);
        try {
            var before = asker.key().flatMap(key -> named(asker.owner(), key))
                    .or(() -> asker.repeatsSince().flatMap(time -> same(asker.owner(), fingerprint, time)));
            return before.isPresent() ? repeated(before.get(), fingerprint) : kept(name, video, asker, fingerprint);
        } finally {
            turn.unlock();
        }
    }

    private void await(Lock turn) {
        try {
            if (!turn.tryLock(settings.uploads().time().toMillis(), TimeUnit.MILLISECONDS)) {
                throw ApiException.busy("this video is being looked at already; send it again in a moment");
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            throw ApiException.unavailable("this server is stopping; try again in a moment");
        }
    }

    private Entry kept(String name, Supplier<byte[]> video, Admission.Asker asker, String fingerprint) {
        refuseMore(asker.owner());
        var content = video.get();
        var kind = Admission.kind(content);
        var first = Pictures.png(first(kind, content));
        var entry = new Entry(Admission.unguessable("char_"), asker.owner(), name, System.currentTimeMillis(), fingerprint);
        changing.lock();
        try {
            refuseMore(asker.owner()); // since others may have been recorded while this one was looked at
            return recorded(entry, asker.key(), Map.of(kind.file(), content, FIRST, first));
        } finally {
            changing.unlock();
        }
    }

    private Entry recorded(Entry entry, Optional<String> idempotencyKey, Map<String, byte[]> files) {
        var folder = folder(entry.id());
        folder.write(UNRECORDED, new byte[0]);
        files.forEach(folder::write);
        var recorded = insert(entry, idempotencyKey);
        if (!recorded.id().equals(entry.id())) {
            folder.delete(); // two requests of one name at the same moment
            return repeated(recorded, entry.fingerprint());
        }
        folder.remove(UNRECORDED);
        return entry;
    }

    private static String name(Form form) {
        var name = form.required("name");
        if (name.length() > LONGEST_NAME) {
            throw ApiException.invalid("string_above_max_length", "name", "%d characters; a name has at most %d"
                    .formatted(name.length(), LONGEST_NAME));
        }
        if (CONTROL.matcher(name).find()) {
            throw ApiException.invalid("invalid_value", "name", "a name is one line and holds no control characters");
        }
        return name;
    }

    /// Not 429: clients repeat that, and here nothing changes by itself.
    private void refuseMore(String owner) {
        var ids = ids(owner);
        if (ids.size() >= settings.characters()) {
            throw ApiException.invalid("too_many_characters", ("characters of yours: %d, as many as one key may keep "
                    + "here; delete one (DELETE /v1/videos/characters/ID), such as %s, the oldest").formatted(
                            ids.size(), ids.getFirst()));
        }
    }

    private Frames first(Container kind, byte[] video) {
        try {
            return uploads.first(kind, video);
        } catch (UploadException e) {
            throw ApiException.invalid(e.code(), "video", String.valueOf(e.getMessage()));
        }
    }

    private static Entry repeated(Entry before, String fingerprint) {
        if (!before.fingerprint().equals(fingerprint)) {
            throw ApiException.invalid("idempotency_key_reused",
                    "this Idempotency-Key belongs to another request, which made " + before.id());
        }
        return before;
    }

    // ---------------------------------------------------------------- looking

    /// Of two keys, neither sees whether the other has a character of some id.
    Entry find(String id, String owner) {
        return rows("select * from video_character where id = ? and owner = ?", id, owner).findFirst()
                .orElseThrow(() -> ApiException.notFound("there is no character \"%s\"".formatted(VideosApi.shown(id))));
    }

    /// The first frame of its video, as PNG.
    byte[] first(Entry one) {
        try {
            return Files.readAllBytes(folder(one.id()).path().resolve(FIRST));
        } catch (NoSuchFileException _) {
            throw ApiException.notFound("the files of %s are not in this server's folder any more".formatted(one.id()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Forgets a character, with its files. Jobs that were asked for with it have what they need in their own folders.
    void delete(Entry one) {
        var folder = folder(one.id());
        changing.lock();
        try {
            folder.write(UNRECORDED, new byte[0]);
            database.update("delete from video_character where id = ?", one.id());
            database.sync();
            folder.delete();
        } finally {
            changing.unlock();
        }
    }

    /// Deletes the folders that a killed server has left without their rows. That there is no row is not enough: those of
    /// whole folders may be in another database, with which this node was not started.
    void tidy() {
        try {
            for (var folder : DurableFolder.leftBehind(all()).stream().filter(Characters::isUnfinished).toList()) {
                if (isRecorded(folder)) {
                    folder.remove(UNRECORDED);
                } else {
                    folder.delete();
                }
            }
        } catch (UncheckedIOException | StoreException e) {
            LOG.warn("could not tidy {}: {}", all(), e.getMessage());
        }
    }

    private static boolean isUnfinished(DurableFolder folder) {
        return folder.holds(UNRECORDED) || !folder.holds(FIRST);
    }

    private boolean isRecorded(DurableFolder folder) {
        return !database.query(row -> row.getString(1), "select id from video_character where id = ?",
                folder.path().getFileName().toString()).isEmpty();
    }

    private Path all() {
        return settings.data().resolve("characters");
    }

    /// The id is ours, never a text of a client.
    private DurableFolder folder(String id) {
        if (!ID.matcher(id).matches()) {
            throw new IllegalArgumentException("no id of a character: " + id);
        }
        return new DurableFolder(all().resolve(id));
    }

    // ---------------------------------------------------------------- rows

    private Entry insert(Entry entry, Optional<String> idempotencyKey) {
        try {
            database.update("insert into video_character (id, owner, name, created_at, fingerprint, idempotency_key) "
                    + "values (?,?,?,?,?,?)", entry.id(), entry.owner(), entry.name(), entry.createdAt(), entry.fingerprint(),
                    idempotencyKey.orElse(null));
        } catch (StoreException e) {
            if (e.isDuplicate()) {
                return idempotencyKey.flatMap(key -> named(entry.owner(), key)).orElseThrow(() -> e);
            }
            throw e;
        }
        database.sync();
        return entry;
    }

    private Optional<Entry> named(String owner, String idempotencyKey) {
        return rows("select * from video_character where owner = ? and idempotency_key = ?", owner, idempotencyKey)
                .findFirst();
    }

    private Optional<Entry> same(String owner, String fingerprint, long since) {
        return rows("select * from video_character where owner = ? and fingerprint = ? and created_at >= ? "
                + "order by created_at desc", owner, fingerprint, since).findFirst();
    }

    /// The oldest first.
    private List<String> ids(String owner) {
        return database.query(row -> row.getString(1), "select id from video_character where owner = ? "
                + "order by created_at, id", owner);
    }

    private Stream<Entry> rows(String sql, Object... arguments) {
        return database.query(Characters::entry, sql, arguments).stream();
    }

    private static Entry entry(ResultSet row) throws SQLException {
        return new Entry(row.getString("id"), row.getString("owner"), row.getString("name"), row.getLong("created_at"),
                row.getString("fingerprint"));
    }
}
