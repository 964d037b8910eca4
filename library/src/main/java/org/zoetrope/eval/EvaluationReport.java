package org.zoetrope.eval;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.zoetrope.media.ContactSheet;
import org.zoetrope.media.Frames;
import org.zoetrope.media.MediaException;
import org.zoetrope.scenes.PromptCase;
import org.zoetrope.scenes.Split;

/// Verdicts over many clips, counted by what was asked: seen or unseen combinations, one object or two.
public record EvaluationReport(List<Entry> entries) {
    /// One question and how it was answered.
    ///
    /// @param flicker of the clip, see [Flicker]
    public record Entry(PromptCase prompt, Observation seen, Verdict verdict, double flicker) {
        /// The caption and what the clip makes of it: "a red circle moves right: wrong motion, size".
        public String summary() {
            var wrong = PARTS.stream().skip(1).filter(part -> !part.kept().apply(verdict).orElse(true))
                    .map(Part::name).toList();
            var result = !verdict.found() ? "not found"
                    : wrong.isEmpty() ? "all correct" : "wrong " + String.join(", ", wrong);
            return prompt.caption().text() + ": " + result;
        }
    }

    /// The counts of one kind of question.
    ///
    /// @param split   empty for both
    /// @param objects empty for one and two
    public record Group(String name, Optional<Split> split, Optional<Integer> objects) {
        boolean holds(Entry entry) {
            return split.map(s -> s == entry.prompt().split()).orElse(true)
                    && objects.map(n -> n == entry.prompt().scene().objects().size()).orElse(true);
        }
    }

    /// How many clips kept one part of their promise, of those that promised it.
    public record Share(int kept, int promised) {
        /// Between 0 and 1; not a number if nothing was promised.
        public double value() {
            return kept / (double) promised;
        }

        /// The standard error of [#value()] as a binomial share.
        public double standardError() {
            return Math.sqrt(value() * (1 - value()) / promised);
        }

        private String words() {
            return promised == 0 ? "-" : String.format(Locale.ROOT, "%.1f %%", 100 * value());
        }
    }

    /// A part of the promise: its name and what a verdict says about it, empty if it was not promised.
    private record Part(String name, Function<Verdict, Optional<Boolean>> kept) {}

    private static final List<Part> PARTS = List.of(
            new Part("all correct", v -> Optional.of(v.allCorrect())),
            new Part("colour", v -> Optional.of(v.colour())),
            new Part("shape", v -> Optional.of(v.shape())),
            new Part("motion", v -> Optional.of(v.motion())),
            new Part("count", v -> Optional.of(v.count())),
            new Part("size", Verdict::size),
            new Part("background", Verdict::background));

    private static final List<Group> GROUPS = List.of(
            new Group("one object, seen", Optional.of(Split.TRAIN), Optional.of(1)),
            new Group("one object, unseen", Optional.of(Split.HELD_OUT), Optional.of(1)),
            new Group("two objects, seen", Optional.of(Split.TRAIN), Optional.of(2)),
            new Group("two objects, unseen", Optional.of(Split.HELD_OUT), Optional.of(2)),
            new Group("all", Optional.empty(), Optional.empty()));

    public EvaluationReport {
        entries = List.copyOf(entries);
    }

    /// Judges one clip per prompt, in the same order.
    ///
    /// @throws MediaException if there are more or fewer clips than prompts
    public static EvaluationReport of(List<PromptCase> prompts, List<Frames> clips) {
        if (prompts.size() != clips.size()) {
            throw new MediaException("%d clips answer %d prompts; give one clip for each prompt, in the same order"
                    .formatted(clips.size(), prompts.size()));
        }
        return new EvaluationReport(IntStream.range(0, clips.size())
                .mapToObj(i -> judge(prompts.get(i), clips.get(i))).toList());
    }

    /// The entry of one clip, for reports that grow while clips are made.
    public static Entry judge(PromptCase prompt, Frames clip) {
        var seen = Observation.of(clip);
        var flicker = clip.count() < 3 ? 0 : Flicker.of(clip);
        return new Entry(prompt, seen, Judge.compare(seen, prompt.caption().promise()), flicker);
    }

    /// How often the clips of a group kept everything they promised.
    public Share allCorrect(Split split, int objects) {
        return share(PARTS.getFirst(), new Group("", Optional.of(split), Optional.of(objects)));
    }

    /// A table with one row per kind of question that was asked.
    public String markdown() {
        var lines = new ArrayList<String>();
        var names = PARTS.stream().map(Part::name).toList();
        lines.add("| prompts | clips | " + String.join(" | ", names) + " | flicker |");
        lines.add("|---|" + "---:|".repeat(PARTS.size() + 2));
        for (var group : groups()) {
            var shares = PARTS.stream().map(part -> share(part, group)).toList();
            var all = shares.getFirst();
            var cells = Stream.concat(
                    Stream.of(String.format(Locale.ROOT, "%.1f ± %.1f %%", 100 * all.value(),
                            100 * all.standardError())),
                    shares.stream().skip(1).map(Share::words));
            lines.add(String.format(Locale.ROOT, "| %s | %d | %s | %.2f |", group.name(), all.promised(),
                    String.join(" | ", cells.toList()), flicker(group)));
        }
        return String.join("\n", lines) + "\n";
    }

    /// Draws a contact sheet of the clips, each over its caption and what is wrong with it.
    ///
    /// @param clips  those that were judged, in the same order
    /// @param target a PNG
    /// @throws MediaException if there are more or fewer clips than verdicts, or the file cannot be written
    public void writeSheet(List<Frames> clips, ContactSheet.Layout layout, Path target) {
        ContactSheet.write(clips, entries.stream().map(Entry::summary).toList(), layout, target);
    }

    /// The counts of every group, and every clip with what was promised, seen and kept.
    public String json() {
        var root = JsonNodeFactory.instance.objectNode();
        var groups = root.putArray("groups");
        for (var group : groups()) {
            var node = groups.addObject().put("name", group.name()).put("flicker", flicker(group));
            for (var part : PARTS) {
                var share = share(part, group);
                node.putObject(key(part)).put("kept", share.kept()).put("promised", share.promised());
            }
        }
        var clips = root.putArray("clips");
        entries.forEach(entry -> describe(entry, clips.addObject()));
        return root.toPrettyString() + "\n";
    }

    private static void describe(Entry entry, ObjectNode node) {
        node.put("caption", entry.prompt().caption().text()).put("split", entry.prompt().split().name());
        var seen = node.putObject("seen").put("background", word(entry.seen().background()))
                .put("strays", entry.seen().strays());
        var things = seen.putArray("objects");
        for (var thing : entry.seen().objects()) {
            things.addObject().put("colour", word(thing.colour())).put("shape", word(thing.shape()))
                    .put("motion", word(thing.motion())).put("size", thing.size().word())
                    .put("misfit", thing.misfit());
        }
        var kept = node.putObject("kept");
        PARTS.forEach(part -> part.kept().apply(entry.verdict()).ifPresent(k -> kept.put(key(part), k)));
        node.put("flicker", entry.flicker());
    }

    private static String word(Optional<? extends Enum<?>> constant) {
        return constant.map(c -> c.name().toLowerCase(Locale.ROOT)).orElse("unknown");
    }

    private static String key(Part part) {
        return part.name().replace(' ', '_');
    }

    /// The groups that have entries.
    private List<Group> groups() {
        return GROUPS.stream().filter(group -> entries.stream().anyMatch(group::holds)).toList();
    }

    private Share share(Part part, Group group) {
        var kept = entries.stream().filter(group::holds).map(entry -> part.kept().apply(entry.verdict()))
                .flatMap(Optional::stream).toList();
        return new Share((int) kept.stream().filter(k -> k).count(), kept.size());
    }

    private double flicker(Group group) {
        return entries.stream().filter(group::holds).mapToDouble(Entry::flicker).average().orElse(0);
    }
}
