package org.zoetrope.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiPredicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.zoetrope.pipeline.LatentColours;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;

/// The models that can be asked for. A model is opened (its configs read, its checkpoints compared with them) when it is
/// first named; its weights come into memory with its first run, or when somebody asks for that. With its matrices in
/// eight bits it is another model, with weights of its own.
final class Models implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Models.class);
    /// What programs written for OpenAI ask for; the first model answers.
    private static final List<String> ALIASES = List.of("sora-2", "sora-2-pro", "sora-2-2025-10-06",
            "sora-2-2025-12-08", "sora-2-pro-2025-10-06");

    private final Map<String, Path> folders = new LinkedHashMap<>();
    /// A model, and how its matrices are kept.
    private record Kept(String name, OpenOptions.Matrices matrices) {}

    private final Map<Kept, VideoModel> opened = new LinkedHashMap<>();
    private final Map<String, LatentColours> colours = new LinkedHashMap<>();
    private final OpenOptions options;
    private final Path cache;

    /// @param cache folder for what is computed once for a model
    Models(List<ServerSettings.Installed> installed, OpenOptions options, Path cache) {
        installed.forEach(model -> folders.put(model.name(), model.folder()));
        this.options = options;
        this.cache = cache;
    }

    List<String> names() {
        return List.copyOf(folders.keySet());
    }

    String first() {
        return names().getFirst();
    }

    static boolean isAlias(String name) {
        return ALIASES.contains(name);
    }

    /// The name of the model that answers to what a client calls it.
    Optional<String> resolve(String asked) {
        return isAlias(asked) && !folders.containsKey(asked) ? Optional.of(first())
                : Optional.of(asked).filter(folders::containsKey);
    }

    /// A model by its name, one of [#names()], as the operator wants it opened.
    ///
    /// @throws ConfigException if its folder cannot be used
    VideoModel get(String name) {
        return get(name, options.matrices());
    }

    /// The same, with its matrices kept so.
    ///
    /// @throws ConfigException if its folder cannot be used
    synchronized VideoModel get(String name, OpenOptions.Matrices matrices) {
        var kept = new Kept(name, matrices);
        var model = opened.get(kept);
        if (model == null) {
            var folder = folders.get(name);
            if (folder == null) {
                throw new ConfigException("there is no model \"%s\" here any more; there are %s".formatted(name,
                        names()));
            }
            model = VideoModel.open(folder, options.name(name).matrices(matrices));
            opened.put(kept, model);
        }
        return model;
    }

    Path folder(String name) {
        return Optional.ofNullable(folders.get(name)).orElseThrow();
    }

    /// Whether weights of it are in memory, however they are kept.
    synchronized boolean isLoaded(String name) {
        return opened.entrySet().stream().anyMatch(e -> e.getKey().name().equals(name) && e.getValue().isLoaded());
    }

    /// Frees the weights of all models but one.
    void unloadOthers(VideoModel model) {
        unload((_, other) -> other != model);
    }

    /// Frees the weights of a model, behind the run that uses it.
    void unload(String name) {
        unload((kept, _) -> kept.name().equals(name));
    }

    private void unload(BiPredicate<Kept, VideoModel> which) {
        List<VideoModel> all;
        synchronized (this) {
            all = opened.entrySet().stream().filter(e -> which.test(e.getKey(), e.getValue())).map(Map.Entry::getValue)
                    .toList();
        }
        all.forEach(VideoModel::close);
    }

    /// How latents of a model look, by its autoencoder, which is the same however matrices are kept; fitted once, and
    /// kept beside the jobs, since a model's folder may be read-only.
    LatentColours colours(String name, VideoModel model, ProgressListener listener) {
        synchronized (colours) {
            var known = colours.get(name);
            if (known == null) {
                known = readColours(name, model, listener);
                colours.put(name, known);
            }
            return known;
        }
    }

    private LatentColours readColours(String name, VideoModel model, ProgressListener listener) {
        var file = cache.resolve("colours").resolve(stamp(folder(name).resolve("vae")) + ".json");
        if (Files.isRegularFile(file)) {
            try {
                return ConfigFile.read(file, LatentColours.class);
            } catch (ConfigException e) {
                LOG.warn("the preview colours in {} are damaged and will be fitted anew: {}", file, e.getMessage());
            }
        }
        var fitted = model.colours(listener);
        ConfigFile.write(file, LatentColours.class.getSimpleName(), fitted);
        return fitted;
    }

    /// Names an autoencoder by its config and the sizes and times of its files.
    private static String stamp(Path vae) {
        try (var files = Files.list(vae)) {
            var digest = MessageDigest.getInstance("SHA-256");
            for (var file : files.sorted().toList()) {
                digest.update("%s %d %s\n".formatted(file.getFileName(), Files.size(file),
                        Files.getLastModifiedTime(file)).getBytes(StandardCharsets.UTF_8));
            }
            digest.update(Files.readAllBytes(vae.resolve("config.json")));
            return HexFormat.of().formatHex(digest.digest(), 0, 16);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    @Override
    public synchronized void close() {
        opened.values().forEach(VideoModel::close);
    }
}
