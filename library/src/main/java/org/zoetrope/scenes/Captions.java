package org.zoetrope.scenes;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.BinaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Says what happens in a scene, in a small vocabulary.
///
/// Colour, shape and motion are always named; size in half of the captions and background in three quarters, and what is not named is
/// random in the clip. The plainest sentence ("a red circle moves right") is the most frequent one.
public final class Captions {
    private static final double NAMES_SIZE = 0.5;
    private static final double NAMES_BACKGROUND = 0.75;
    private static final double PLAIN = 0.35;

    /// How a motion is said, as a statement ("moves left") and as a continuing act ("moving left").
    private record Phrase(String says, String doing) {}

    /// A sentence about one object; `%s` are the object without its article, and what it does.
    private record Template(boolean article, boolean continuing, String pattern) {}

    private static final List<Template> SINGLE = List.of(
            new Template(true, false, "%s %s"),
            new Template(true, true, "%s %s"),
            new Template(false, true, "%s %s"),
            new Template(false, false, "%s, %s"),
            new Template(true, false, "%s that %s"),
            new Template(true, true, "a video of %s %s"),
            new Template(true, true, "there is %s %s"),
            new Template(false, false, "the %s %s"));

    /// Joins two clauses, each "a red circle" and "moves right" put together by a template of [#SINGLE].
    private record Joint(boolean secondContinues, boolean firstContinues, String pattern) {}

    private static final List<Joint> PAIR = List.of(
            new Joint(false, false, "%s and %s"),
            new Joint(true, true, "%s and %s"),
            new Joint(false, false, "%s while %s"),
            new Joint(true, true, "%s, %s"),
            new Joint(true, true, "a video of %s and %s"),
            new Joint(false, false, "%s, and %s"));

    private static final List<BinaryOperator<String>> PLACES = List.of(
            (sentence, background) -> sentence + " on a " + background + " background",
            (sentence, background) -> sentence + ", " + background + " background",
            (sentence, background) -> sentence + " in front of a " + background + " background",
            (sentence, background) -> "on a " + background + " background, " + sentence);

    private Captions() {}

    /// A caption of the scene: drawn are its details and its wording; objects are named in reading order.
    public static Caption draw(Scene scene, SplitMix64 random) {
        var namesSize = random.chance(NAMES_SIZE);
        var namesBackground = random.chance(NAMES_BACKGROUND);
        var objects = new ArrayList<Promise.Item>();
        for (var object : scene.objects()) {
            objects.add(new Promise.Item(object.colour(), object.shape(), object.motion(),
                    namesSize ? object.size() : Optional.empty()));
        }
        var promise = new Promise(objects, namesBackground ? Optional.of(scene.background()) : Optional.empty());
        return new Caption(word(promise, random), promise);
    }

    /// The plainest sentence that says this much: "a small red circle moves right on a black background".
    public static Caption plain(Promise promise) {
        var sentence = promise.objects().stream()
                .map(object -> withArticle(noun(object)) + " " + phrases(object.motion()).getFirst().says())
                .collect(Collectors.joining(" and "));
        return new Caption(promise.background().map(b -> PLACES.getFirst().apply(sentence, b.word())).orElse(sentence),
                promise);
    }

    /// Every word a caption can hold, in alphabetical order, and the comma.
    public static List<String> vocabulary() {
        var sentences = Stream.of(
                Stream.of(Colour.values()).map(Colour::word),
                Stream.of(Shape.values()).map(Shape::word),
                Stream.of(Size.values()).map(Size::word),
                Stream.of(Background.values()).map(Background::word),
                Stream.of(Motion.values()).flatMap(motion -> phrases(motion).stream())
                        .flatMap(phrase -> Stream.of(phrase.says(), phrase.doing())),
                SINGLE.stream().map(Template::pattern),
                PAIR.stream().map(Joint::pattern),
                PLACES.stream().map(place -> place.apply("", "")),
                Stream.of("a an"));
        var words = new TreeSet<String>();
        sentences.flatMap(s -> s).forEach(s -> words.addAll(words(s.replace("%s", " "))));
        return List.copyOf(words);
    }

    /// The words of a sentence, in lower case; a comma is a word of its own, other punctuation is dropped.
    public static List<String> words(String sentence) {
        var spaced = sentence.toLowerCase(Locale.ROOT).replace(",", " , ").replaceAll("[^\\p{L}\\p{N},]+", " ").strip();
        return spaced.isEmpty() ? List.of() : List.of(spaced.split(" +"));
    }

    private static String word(Promise promise, SplitMix64 random) {
        var first = promise.objects().getFirst();
        String sentence;
        if (promise.objects().size() == 1) {
            var template = random.chance(PLAIN) ? SINGLE.getFirst() : random.pick(SINGLE);
            sentence = clause(template, first, random);
        } else {
            var joint = random.chance(PLAIN) ? PAIR.getFirst() : random.pick(PAIR);
            sentence = joint.pattern().formatted(
                    clause(SINGLE.get(joint.firstContinues() ? 1 : 0), first, random),
                    clause(SINGLE.get(joint.secondContinues() ? 1 : 0), promise.objects().getLast(), random));
        }
        if (promise.background().isEmpty()) {
            return sentence;
        }
        var place = random.chance(PLAIN) ? PLACES.getFirst() : random.pick(PLACES);
        return place.apply(sentence, promise.background().get().word());
    }

    private static String clause(Template template, Promise.Item object, SplitMix64 random) {
        var noun = template.article() ? withArticle(noun(object)) : noun(object);
        var phrases = phrases(object.motion());
        var phrase = random.chance(PLAIN) ? phrases.getFirst() : random.pick(phrases);
        return template.pattern().formatted(noun, template.continuing() ? phrase.doing() : phrase.says());
    }

    private static String noun(Promise.Item object) {
        var noun = object.colour().word() + " " + object.shape().word();
        return object.size().map(size -> size.word() + " " + noun).orElse(noun);
    }

    private static String withArticle(String noun) {
        return ("aeiou".indexOf(noun.charAt(0)) < 0 ? "a " : "an ") + noun;
    }

    private static List<Phrase> phrases(Motion motion) {
        return switch (motion) {
            case LEFT -> straight("left", "to the left");
            case RIGHT -> straight("right", "to the right");
            case UP -> straight("up", "upwards");
            case DOWN -> straight("down", "downwards");
            case UP_LEFT -> straight("diagonally up left", "up and to the left");
            case UP_RIGHT -> straight("diagonally up right", "up and to the right");
            case DOWN_LEFT -> straight("diagonally down left", "down and to the left");
            case DOWN_RIGHT -> straight("diagonally down right", "down and to the right");
            case STILL -> List.of(new Phrase("stays still", "staying still"),
                    new Phrase("does not move", "not moving"),
                    new Phrase("stays in place", "staying in place"));
            case BOUNCE -> List.of(new Phrase("bounces", "bouncing"),
                    new Phrase("bounces up and down", "bouncing up and down"),
                    new Phrase("jumps up and down", "jumping up and down"));
            case CIRCLE -> List.of(new Phrase("moves in a circle", "moving in a circle"),
                    new Phrase("goes around in a circle", "going around in a circle"),
                    new Phrase("circles around", "circling around"));
            case GROW -> List.of(new Phrase("grows", "growing"),
                    new Phrase("gets bigger", "getting bigger"),
                    new Phrase("becomes larger", "becoming larger"));
            case SHRINK -> List.of(new Phrase("shrinks", "shrinking"),
                    new Phrase("gets smaller", "getting smaller"),
                    new Phrase("becomes smaller", "becoming smaller"));
        };
    }

    private static List<Phrase> straight(String way, String otherWay) {
        return List.of(new Phrase("moves " + way, "moving " + way),
                new Phrase("moves " + otherWay, "moving " + otherWay),
                new Phrase("slides " + way, "sliding " + way));
    }
}
