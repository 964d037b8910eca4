package org.zoetrope.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigMap;

/// A published model as it lies on the disk: `model_index.json` and one folder for each component it names.
///
/// @param path       the folder
/// @param name       what to call the model where the path does not belong: the hub's name of it, or the folder's own
/// @param kind       the published pipeline class
/// @param components what the index names, without those it declares as left out, in the order of the kind
public record ModelFolder(Path path, String name, Kind kind, SequencedMap<String, Component> components) {
    private static final String INDEX = "model_index.json";
    private static final Pattern HUB_CACHE = Pattern.compile("models--(.+)");

    /// A part of a model.
    ///
    /// @param name      its key in the index and the name of its folder
    /// @param className its published class
    /// @param folder    where it lies
    public record Component(String name, String className, Path folder) {}

    /// Published families of models.
    enum Family { COG_VIDEO_X, WAN }

    /// Pipeline classes that can be run.
    public enum Kind {
        COG_VIDEO_X("CogVideoXPipeline", Family.COG_VIDEO_X, false),
        COG_VIDEO_X_IMAGE_TO_VIDEO("CogVideoXImageToVideoPipeline", Family.COG_VIDEO_X, true),
        COG_VIDEO_X_VIDEO_TO_VIDEO("CogVideoXVideoToVideoPipeline", Family.COG_VIDEO_X, false),
        WAN("WanPipeline", Family.WAN, false),
        WAN_IMAGE_TO_VIDEO("WanImageToVideoPipeline", Family.WAN, true),
        WAN_VIDEO_TO_VIDEO("WanVideoToVideoPipeline", Family.WAN, false);

        private final String published;
        private final Family family;
        private final boolean takesImage;

        Kind(String published, Family family, boolean takesImage) {
            this.published = published;
            this.family = family;
            this.takesImage = takesImage;
        }

        /// The class as `_class_name` spells it.
        public String published() {
            return published;
        }

        /// Whether a run starts from a picture.
        public boolean takesImage() {
            return takesImage;
        }

        Family family() {
            return family;
        }

        List<Slot> slots() {
            return switch (family) {
                case COG_VIDEO_X -> Slot.COG_VIDEO_X;
                case WAN -> takesImage ? Slot.WAN_IMAGE_TO_VIDEO : Slot.WAN;
            };
        }

        static Optional<Kind> of(String className) {
            return Arrays.stream(values()).filter(k -> k.published.equals(className)).findFirst();
        }
    }

    /// Whether a component has to be there.
    enum Need {
        /// Nothing can be generated without it.
        ALWAYS,
        /// The index names it, if only to say that it is left out; it may be missing until it is needed.
        NAMED,
        /// It belongs to later models that cannot be run; the index may say that it is left out.
        NEVER
    }

    /// A place for a component.
    ///
    /// @param classNames classes that can stand here; none given, any (the component's own config decides)
    record Slot(String name, Need need, List<String> classNames) {
        private static final Slot SCHEDULER = new Slot("scheduler", Need.ALWAYS);
        private static final Slot TOKENIZER = new Slot("tokenizer", Need.NAMED, "T5Tokenizer", "T5TokenizerFast");

        static final List<Slot> COG_VIDEO_X = List.of(
                TOKENIZER,
                new Slot("text_encoder", Need.NAMED, "T5EncoderModel"),
                new Slot("transformer", Need.ALWAYS, "CogVideoXTransformer3DModel"),
                new Slot("vae", Need.ALWAYS, "AutoencoderKLCogVideoX"),
                SCHEDULER);
        static final List<Slot> WAN = List.of(
                TOKENIZER,
                new Slot("text_encoder", Need.NAMED, "UMT5EncoderModel"),
                new Slot("transformer", Need.ALWAYS, "WanTransformer3DModel"),
                new Slot("transformer_2", Need.NEVER),
                new Slot("vae", Need.ALWAYS, "AutoencoderKLWan"),
                SCHEDULER);
        static final List<Slot> WAN_IMAGE_TO_VIDEO = Stream.concat(WAN.stream(), Stream.of(
                new Slot("image_encoder", Need.NAMED, "CLIPVisionModel", "CLIPVisionModelWithProjection"),
                new Slot("image_processor", Need.NAMED, "CLIPImageProcessor", "CLIPImageProcessorFast"))).toList();

        Slot(String name, Need need, String... classNames) {
            this(name, need, List.of(classNames));
        }
    }

    public ModelFolder {
        components = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(components));
    }

    /// Reads and checks the index. Component folders must exist; their contents are read by whoever loads them.
    ///
    /// @throws ConfigException if this is not a model that can be run, with everything found and what is there
    public static ModelFolder read(Path folder) {
        if (!Files.isDirectory(folder)) {
            throw new ConfigException(Files.exists(folder)
                    ? "%s is a file; a model is a folder with a %s".formatted(folder, INDEX)
                    : "no folder " + folder);
        }
        var file = folder.resolve(INDEX);
        if (!Files.isRegularFile(file)) {
            throw new ConfigException("no %s in %s (%s)%n  fix       %s".formatted(INDEX, folder, contents(folder),
                    Files.exists(folder.resolve("config.json"))
                            ? "this looks like one component of a model: name the folder above it"
                            : "name the folder of a whole model, as it is downloaded from the hub"));
        }
        var index = ConfigMap.read(file);
        var className = index.className().orElse("");
        var kind = Kind.of(className).orElseThrow(() -> new ConfigException(
                "%s describes a %s, which is not one that can be run; supported are %s".formatted(file,
                        className.isEmpty() ? "pipeline without _class_name" : className,
                        Arrays.stream(Kind.values()).map(Kind::published).collect(Collectors.joining(", ")))));

        var problems = new ArrayList<String>();
        var components = new LinkedHashMap<String, Component>();
        kind.slots().forEach(slot -> component(folder, index, slot, problems)
                .ifPresent(component -> components.put(slot.name, component)));
        if (kind.family == Family.WAN) {
            laterSettings(index, problems);
        }
        try {
            index.finish();
        } catch (ConfigException e) {
            problems.addAll(e.problems());
        }
        if (!problems.isEmpty()) {
            problems.add("the folder holds " + contents(folder));
            throw new ConfigException("%s, a %s".formatted(file, className), problems);
        }
        return new ModelFolder(folder, nameOf(folder), kind, components);
    }

    /// What the published class writes for Wan2.2, which splits its steps over two transformers.
    private static void laterSettings(ConfigMap index, List<String> problems) {
        index.optionalNumber("boundary_ratio").ifPresent(ratio -> problems
                .add("boundary_ratio %s divides the steps between two transformers, which this model has not".formatted(ratio)));
        if (index.bool("expand_timesteps", false)) {
            problems.add("expand_timesteps gives each token a timestep of its own, which no Wan2.1 was trained for");
        }
    }

    private static Optional<Component> component(Path folder, ConfigMap index, Slot slot, List<String> problems) {
        var entry = index.strings(slot.name);
        if (slot.need == Need.NEVER) {
            entry.ifPresent(names -> problems.add("component \"%s\" is %s; models with one cannot be run".formatted(slot.name, names)));
            return Optional.empty();
        }
        if (entry.isEmpty()) {
            if (slot.need == Need.ALWAYS || !index.keys().contains(slot.name)) {
                problems.add("missing component \"%s\"%s: %s".formatted(slot.name,
                        slot.classNames.isEmpty() ? "" : ", a " + String.join(" or ", slot.classNames),
                        index.keys().contains(slot.name) ? "the index says it is left out"
                                : "the index does not name it"));
            }
            return Optional.empty();
        }
        var names = entry.orElseThrow();
        if (names.size() != 2) {
            problems.add("component \"%s\" is %s, expected [library, class]".formatted(slot.name, names));
            return Optional.empty();
        }
        var className = names.getLast();
        var place = folder.resolve(slot.name);
        if (!slot.classNames.isEmpty() && !slot.classNames.contains(className)) {
            problems.add("component \"%s\" is a %s, expected %s".formatted(
                    slot.name, className, String.join(" or ", slot.classNames)));
        }
        if (!Files.isDirectory(place)) {
            problems.add(
                    "missing component \"%s\": there is no folder %s; download it again, or the whole model".formatted(
                            slot.name, place));
        }
        return Optional.of(new Component(slot.name, className, place));
    }

    /// The component of this name.
    ///
    /// @throws ConfigException if the index leaves it out
    public Component component(String wanted) {
        var component = components.get(wanted);
        if (component == null) {
            throw new ConfigException(
                    "%s has no %s; it holds %s".formatted(path, wanted, String.join(", ", components.keySet())));
        }
        return component;
    }

    /// Whether the model has a component of this name.
    public boolean has(String wanted) {
        return components.containsKey(wanted);
    }

    /// The hub keeps `owner/model` as `models--owner--model/snapshots/REVISION`.
    private static String nameOf(Path folder) {
        var whole = folder.toAbsolutePath().normalize();
        for (var part : whole) {
            var hub = HUB_CACHE.matcher(part.toString());
            if (hub.matches()) {
                return hub.group(1).replaceFirst("--", "/");
            }
        }
        return whole.getFileName() == null ? "model" : whole.getFileName().toString();
    }

    private static String contents(Path folder) {
        try (var entries = Files.list(folder)) {
            var names = entries.map(e -> e.getFileName() + (Files.isDirectory(e) ? "/" : "")).sorted().limit(20)
                    .collect(Collectors.joining(", "));
            return names.isEmpty() ? "nothing" : names;
        } catch (IOException e) {
            return "nothing that can be listed: " + e;
        }
    }
}
