package org.zoetrope.hub;

import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Fetches a repository into a folder. Every file arrives in a `.part` beside its place, is checked for size and hash,
/// and is renamed; what is already whole is kept, and what was interrupted goes on where it stopped.
///
/// ```java
/// Pull.of("THUDM/CogVideoX-2b").to(Path.of("CogVideoX-2b")).run((file, bytes) -> {});
/// ```
///
/// @param include globs such as `transformer/*`; none means everything
/// @param exclude globs of files to leave out
/// @param retries how often one file is tried again after the network or server faltered
/// @param pause   before the first of them; it doubles each time
public record Pull(HubRepository repository, Path folder, Optional<String> token, List<String> include,
        List<String> exclude, int retries, Duration pause) {
    private static final long SPARE_BYTES = 16L << 20;

    /// What a pull did.
    ///
    /// @param fetched files that came over the network
    /// @param kept    files that were already whole
    /// @param pickles files left behind because reading them can run code
    public record Report(Path folder, String commit, List<HubFile> fetched, List<HubFile> kept,
            List<HubFile> pickles) {}

    public Pull {
        include = List.copyOf(include);
        exclude = List.copyOf(exclude);
    }

    /// Everything that is safe to read, on the main branch, into a folder of the repository's short name.
    public static Pull of(String name) {
        var repository = new HubRepository(HubRepository.HUGGING_FACE, name, "main");
        return new Pull(repository, Path.of(repository.shortName()), Optional.empty(), List.of(), List.of(), 5,
                Duration.ofSeconds(1));
    }

    public Pull revision(String revision) {
        return at(new HubRepository(repository.endpoint(), repository.name(), revision));
    }

    public Pull endpoint(URI endpoint) {
        return at(new HubRepository(endpoint, repository.name(), repository.revision()));
    }

    private Pull at(HubRepository other) {
        return new Pull(other, folder, token, include, exclude, retries, pause);
    }

    public Pull to(Path other) {
        return new Pull(repository, other, token, include, exclude, retries, pause);
    }

    /// The access token for repositories that are not public; it is sent to the endpoint alone.
    public Pull token(String secret) {
        return new Pull(repository, folder, Optional.of(secret), include, exclude, retries, pause);
    }

    public Pull include(List<String> globs) {
        return new Pull(repository, folder, token, globs, exclude, retries, pause);
    }

    public Pull exclude(List<String> globs) {
        return new Pull(repository, folder, token, include, globs, retries, pause);
    }

    public Pull retries(int count, Duration firstPause) {
        return new Pull(repository, folder, token, include, exclude, count, firstPause);
    }

    /// Fetches what is missing.
    ///
    /// @throws HubException if the repository, a file of it or the folder cannot be used; what arrived is kept
    public Report run(PullListener listener) {
        try (var client = new HubClient(repository.endpoint(), token)) {
            var snapshot = retried("the listing of " + repository.name(), () -> client.snapshot(repository));
            var wanted = wanted(snapshot);
            Files.createDirectories(folder);
            var fetched = new ArrayList<HubFile>();
            var kept = new ArrayList<HubFile>();
            for (var file : wanted) {
                (isWhole(file) ? kept : fetched).add(file);
            }
            requireSpace(fetched);
            snapshot.write(folder);
            for (var file : fetched) {
                fetch(client, repository.at(snapshot.commit()), file, listener);
            }
            return report(snapshot, fetched, kept);
        } catch (IOException e) {
            throw new HubException(e, "cannot write to %s: %s", folder, reason(e));
        }
    }

    /// Checks a folder that was pulled before, without a network.
    ///
    /// @throws HubException naming every file that is missing or differs from what the hub listed
    public Report check() {
        var snapshot = Snapshot.read(folder).orElseThrow(() -> new HubException(
                "%s was not pulled yet, and offline nothing can be fetched", folder));
        if (!snapshot.repository().equals(repository.name())) {
            throw new HubException("%s holds %s, not %s", folder, snapshot.repository(), repository.name());
        }
        try {
            var kept = new ArrayList<HubFile>();
            var missing = new ArrayList<String>();
            for (var file : wanted(snapshot)) {
                if (isWhole(file)) {
                    kept.add(file);
                } else {
                    missing.add(file.path() + (Files.exists(folder.resolve(file.path())) ? " differs" : " is missing"));
                }
            }
            if (!missing.isEmpty()) {
                throw new HubException("%s is not whole:%n  %s%n  fix    pull again without --offline", folder,
                        String.join("\n  ", missing));
            }
            return report(snapshot, List.of(), kept);
        } catch (IOException e) {
            throw new HubException(e, "cannot read %s: %s", folder, reason(e));
        }
    }

    private Report report(Snapshot snapshot, List<HubFile> fetched, List<HubFile> kept) {
        return new Report(folder, snapshot.commit(), List.copyOf(fetched), List.copyOf(kept),
                snapshot.files().stream().filter(HubFile::isPickle).toList());
    }

    private List<HubFile> wanted(Snapshot snapshot) {
        for (var glob : include) {
            var named = snapshot.files().stream().filter(file -> matches(glob, file)).toList();
            if (named.isEmpty()) {
                throw new HubException("%s has no file that fits \"%s\"", repository.name(), glob);
            }
            if (named.stream().allMatch(HubFile::isPickle)) {
                throw new HubException("\"%s\" names only pickle files (%s), which can run code when they are read and "
                        + "are never fetched; choose the safetensors", glob, named.getFirst().path());
            }
        }
        return snapshot.files().stream().filter(file -> !file.isPickle())
                .filter(file -> include.isEmpty() || include.stream().anyMatch(glob -> matches(glob, file)))
                .filter(file -> exclude.stream().noneMatch(glob -> matches(glob, file)))
                .toList();
    }

    /// A glob without a slash speaks of file names, one with a slash of whole paths.
    private static boolean matches(String glob, HubFile file) {
        var path = Path.of(file.path());
        return FileSystems.getDefault().getPathMatcher("glob:" + glob)
                .matches(glob.contains("/") ? path : path.getFileName());
    }

    private boolean isWhole(HubFile file) throws IOException {
        var place = folder.resolve(file.path());
        return Files.isRegularFile(place) && Files.size(place) == file.size() && file.checksum().matches(place);
    }

    private void requireSpace(List<HubFile> files) throws IOException {
        var needed = SPARE_BYTES;
        for (var file : files) {
            var part = part(file);
            needed += file.size() - (Files.exists(part) ? Files.size(part) : 0);
        }
        var free = Files.getFileStore(folder).getUsableSpace();
        if (needed > free) {
            throw new HubException("%s needs %d MB and %s has %d MB free", repository.name(), needed >> 20, folder,
                    free >> 20);
        }
    }

    /// The hash is part of the name, so that a newer version of a file never continues an older one.
    private Path part(HubFile file) {
        return folder.resolve("%s.%.12s.part".formatted(file.path(), file.checksum().hex()));
    }

    private void fetch(HubClient client, HubRepository commit, HubFile file, PullListener listener)
            throws IOException {
        var place = folder.resolve(file.path());
        var within = place.resolveSibling("");
        Files.createDirectories(within);
        if (!within.toRealPath().startsWith(folder.toRealPath())) {
            throw new HubException("%s leads out of %s through a link; nothing was written there", place, folder);
        }
        var part = part(file);
        retried(file.path(), () -> {
            client.fetch(commit, file, part, bytes -> listener.progress(file, bytes));
            return file;
        });
        var hash = file.checksum().hash(part);
        if (!hash.equals(file.checksum().hex())) {
            Files.delete(part);
            throw new HubException("%s arrived damaged: its hash is %s, the hub lists %s%n  fix    pull again; if it "
                    + "stays so, the server or a proxy changes files", file.path(), hash, file.checksum().hex());
        }
        Files.move(part, place, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private interface Attempt<T> {
        T run() throws IOException;
    }

    private <T> T retried(String what, Attempt<T> attempt) throws IOException {
        for (var tries = 0;; tries++) {
            try {
                return attempt.run();
            } catch (HubClient.Interrupted e) {
                if (tries >= retries) {
                    throw new HubException(e, "cannot fetch %s: %s (tried %d times)%n  fix    run the same command "
                            + "again; it goes on where it stopped", what, e.getMessage(), tries + 1);
                }
            }
            try {
                Thread.sleep(pause.multipliedBy(1L << tries));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new HubException(e, "stopped while fetching %s", what);
            }
        }
    }

    private static String reason(IOException e) {
        return e.getClass().getSimpleName().replace("Exception", "") + " (" + e.getMessage() + ")";
    }
}
