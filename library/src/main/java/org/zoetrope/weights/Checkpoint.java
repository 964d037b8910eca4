package org.zoetrope.weights;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Tensor;

/// The tensors of a published component, wherever its release put them: one file, or shards with an index.
///
/// @param label   what messages call it
/// @param tensors where each tensor is, under our name for it
record Checkpoint(String label, SequencedMap<String, Place> tensors) {
    private static final List<String> BASES = List.of("diffusion_pytorch_model", "model", "pytorch_model");
    private static final String SUFFIX = ".safetensors";
    private static final Set<String> PICKLES = Set.of("bin", "pt", "pth", "ckpt");

    /// One tensor inside one file, under the file's name for it.
    record Place(SafetensorsFile file, String name) {
        List<Long> shape() {
            return entry().shape();
        }

        DType dtype() {
            return entry().type().dtype();
        }

        Tensor tensor() {
            return file.tensor(name);
        }

        private SafetensorsHeader.Entry entry() {
            return Objects.requireNonNull(file.header().entries().get(name));
        }
    }

    /// Finds and checks the files of a component. All headers are read before the first file is mapped.
    ///
    /// @param path a folder, a safetensors file or an index
    /// @throws WeightsException with every problem of every file
    static Checkpoint open(Path path, LoadOptions options) {
        if (!Files.exists(path)) {
            throw new WeightsException("no file or folder " + path);
        }
        var entry = Files.isDirectory(path) ? inFolder(path, options.variant()) : path;
        var problems = new ArrayList<String>();
        var shards = isIndex(entry) ? Index.read(entry).shards(entry, problems)
                : Map.of(refusePickle(entry), Optional.<Set<String>>empty());

        var headers = new LinkedHashMap<Path, SafetensorsHeader>();
        for (var shard : shards.keySet()) {
            try {
                headers.put(shard, SafetensorsHeader.read(shard));
            } catch (WeightsException e) {
                e.problems().forEach(p -> problems.add(p.contains(shard.toString()) ? p : shard + ": " + p));
            }
        }
        headers.forEach((shard, header) -> shards.getOrDefault(shard, Optional.empty())
                .ifPresent(promised -> compare(entry, shard, promised, header, problems)));
        var owners = new LinkedHashMap<String, String>(); // ours -> "name" in file
        headers.forEach((shard, header) -> header.entries().keySet().forEach(theirs -> {
            var ours = options.renames().apply(theirs);
            var here = "\"%s\" in %s".formatted(theirs, shard.getFileName());
            var before = owners.putIfAbsent(ours, here);
            if (before != null) {
                problems.add("duplicate tensor \"%s\": it is both %s and %s".formatted(ours, before, here));
            }
        }));
        if (!problems.isEmpty()) {
            throw new WeightsException(entry.toString(), problems);
        }

        var places = new LinkedHashMap<String, Place>();
        headers.forEach((shard, header) -> {
            var file = SafetensorsFile.open(shard, header);
            header.entries().keySet().forEach(name -> places.put(options.renames().apply(name), new Place(file, name)));
        });
        return new Checkpoint(entry.toString(), places);
    }

    private static void compare(
            Path index, Path shard, Set<String> promised, SafetensorsHeader header, List<String> problems) {
        promised.stream().filter(name -> !header.entries().containsKey(name)).forEach(name -> problems.add(
                "tensor \"%s\" is listed for %s, which does not hold it".formatted(name, shard.getFileName())));
        header.entries().keySet().stream().filter(name -> !promised.contains(name)).forEach(name -> problems.add(
                "tensor \"%s\" is in %s, but %s does not list it there"
                        .formatted(name, shard.getFileName(), index.getFileName())));
    }

    private static boolean isIndex(Path file) {
        return file.toString().endsWith(".json");
    }

    private static Path refusePickle(Path file) {
        var name = file.getFileName().toString();
        if (PICKLES.contains(name.substring(name.lastIndexOf('.') + 1))) {
            throw pickle(file.toString(), name);
        }
        return file;
    }

    private static WeightsException pickle(String where, String name) {
        return new WeightsException("""
                %s is a pickle, a format that can run code when it is read, and is not opened
                  fix       look for a release as safetensors, or convert it once where you trust the file:
                            python -c "import torch, safetensors.torch as s; s.save_file({k: v.clone().contiguous() \
                for k, v in torch.load('%s', weights_only=True).items()}, '%s')\""""
                .formatted(where, name, name.substring(0, name.lastIndexOf('.')) + SUFFIX));
    }

    /// The one file or index that a folder means. Two candidates are a question for the user, not a choice for us.
    private static Path inFolder(Path folder, Optional<String> variant) {
        var files = list(folder);
        var wanted = new LinkedHashSet<String>();
        for (var base : BASES) {
            wanted.add(base + variant.map(v -> "." + v).orElse("") + SUFFIX);
            wanted.add(base + SUFFIX + ".index" + variant.map(v -> "." + v).orElse("") + ".json");
        }
        wanted.retainAll(files);
        if (wanted.isEmpty() && variant.isEmpty()) {
            // Not one of the usual names: a variant nobody asked for, or a file of its own name. Fine if it is alone.
            files.stream().filter(f -> f.contains(SUFFIX + ".index.") && isIndex(Path.of(f))).forEach(wanted::add);
            if (wanted.isEmpty()) {
                files.stream().filter(f -> f.endsWith(SUFFIX)).forEach(wanted::add);
            }
        }
        if (wanted.size() == 1) {
            return folder.resolve(wanted.getFirst());
        }
        if (wanted.size() > 1) {
            throw new WeightsException("""
                    %s holds several sets of weights: %s
                      fix       name one of these files, or ask for a variant"""
                    .formatted(folder, String.join(", ", wanted)));
        }
        var pickles = files.stream().filter(f -> PICKLES.contains(f.substring(f.lastIndexOf('.') + 1))).toList();
        if (variant.isEmpty() && !pickles.isEmpty()) {
            throw pickle("%s holds no safetensors, only %s, which".formatted(folder, Names.some(pickles)),
                    pickles.getFirst());
        }
        throw new WeightsException("""
                no weights%s in %s
                  found     %s
                  fix       expected %s%s, or an index of shards"""
                .formatted(variant.map(v -> " of variant " + v).orElse(""), folder, Names.some(files),
                        BASES.getFirst(), variant.map(v -> "." + v).orElse("") + SUFFIX));
    }

    private static Set<String> list(Path folder) {
        try (var files = Files.list(folder)) {
            return files.filter(Files::isRegularFile).map(f -> f.getFileName().toString())
                    .collect(Collectors.toCollection(TreeSet::new));
        } catch (IOException e) {
            throw new WeightsException("cannot list %s: %s".formatted(folder, e), e);
        }
    }

    /// `*.safetensors.index.json`: which shard holds which tensor.
    private record Index(Map<String, String> weightMap) {
        static Index read(Path file) {
            try {
                var config = ConfigMap.read(file);
                config.ignore("metadata");
                var map = config.map("weight_map");
                var shardOf = new LinkedHashMap<String, String>();
                map.keys().forEach(name -> shardOf.put(name, map.string(name)));
                config.finish();
                return new Index(shardOf);
            } catch (ConfigException e) {
                throw new WeightsException("%s is not an index of shards: %s".formatted(file, e.getMessage()), e);
            }
        }

        /// The shards and what each is said to hold.
        Map<Path, Optional<Set<String>>> shards(Path index, List<String> problems) {
            var folder = index.toAbsolutePath().getParent();
            var held = new LinkedHashMap<String, Set<String>>();
            weightMap.forEach((name, shard) -> held.computeIfAbsent(shard, _ -> new LinkedHashSet<>()).add(name));
            var shards = new LinkedHashMap<Path, Optional<Set<String>>>();
            held.forEach((shard, names) -> {
                if (shard.contains("/") || shard.contains("\\") || !shard.endsWith(SUFFIX)
                        || shard.indexOf('\0') >= 0) {
                    problems.add("\"%s\" is not the name of a safetensors file beside the index".formatted(shard));
                } else if (folder == null || !Files.isRegularFile(folder.resolve(shard))) {
                    problems.add("shard %s is missing; it should hold %d tensors: %s"
                            .formatted(shard, names.size(), Names.some(names)));
                } else {
                    shards.put(folder.resolve(shard), Optional.of(names));
                }
            });
            if (weightMap.isEmpty()) {
                problems.add("its weight_map is empty");
            }
            return shards;
        }
    }
}
