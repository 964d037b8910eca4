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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.zoetrope.pipeline.LatentColours;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;

/// The models that can be asked for. A model is opened (its configs read, its checkpoints compared with them) when it is
/// first named; its weights come into memory with its first run, or when somebody asks for that.
final class Models implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Models.class);
    /// What programs written for OpenAI ask for; the first model answers.
    private static final List<String> ALIASES = List.of("sora-2", "sora-2-pro", "sora-2-2025-10-06",
            "sora-2-2025-12-08", "sora-2-pro-2025-10-06");

    private final Map<String, Path> folders = new LinkedHashMap<>();
    private final Map<String, VideoModel> opened = new LinkedHashMap<>();
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

    /// A model by its name, one of [#names()].
    ///
    /// @throws ConfigException if its folder cannot be used
    synchronized VideoModel get(String name) {
        var model = opened.get(name);
        if (model == null) {
            var folder = folders.get(name);
            if (folder == null) {
                throw new ConfigException("there is no model \"%s\" here any more; there are %s".formatted(name,
                        names()));
            }
            model = VideoModel.open(folder, options.name(name));
            opened.put(name, model);
        }
        return model;
    }

    Path folder(String name) {
        return Optional.ofNullable(folders.get(name)).orElseThrow();
    }

    synchronized boolean isOpen(String name) {
        return opened.containsKey(name);
    }

    /// Frees the weights of all models but one.
    void unloadOthers(String name) {
        names().stream().filter(other -> !other.equals(name)).forEach(this::unload);
    }

    /// Frees the weights of a model, behind the run that uses it.
    void unload(String name) {
        Optional<VideoModel> model;
        synchronized (this) {
            model = Optional.ofNullable(opened.get(name));
        }
        model.ifPresent(VideoModel::close);
    }

    /// How latents of a model look; fitted once, and kept beside the jobs, since a model's folder may be read-only.
    LatentColours colours(String name, ProgressListener listener) {
        synchronized (colours) {
            var known = colours.get(name);
            if (known == null) {
                known = readColours(name, listener);
                colours.put(name, known);
            }
            return known;
        }
    }

    private LatentColours readColours(String name, ProgressListener listener) {
        var file = cache.resolve("colours").resolve(stamp(folder(name).resolve("vae")) + ".json");
        if (Files.isRegularFile(file)) {
            try {
                return ConfigFile.read(file, LatentColours.class);
            } catch (ConfigException e) {
                LOG.warn("the preview colours in {} are damaged and will be fitted anew: {}", file, e.getMessage());
            }
        }
        var fitted = get(name).colours(listener);
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
