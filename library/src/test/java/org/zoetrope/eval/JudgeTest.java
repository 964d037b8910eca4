package org.zoetrope.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.zoetrope.media.Frames;
import org.zoetrope.scenes.Background;
import org.zoetrope.scenes.Colour;
import org.zoetrope.scenes.Motion;
import org.zoetrope.scenes.Promise;
import org.zoetrope.scenes.Prompts;
import org.zoetrope.scenes.Scene;
import org.zoetrope.scenes.SceneObject;
import org.zoetrope.scenes.Shape;
import org.zoetrope.scenes.Size;
import org.zoetrope.scenes.Split;
import org.zoetrope.scenes.SplitMix64;
import org.zoetrope.scenes.Track;

class JudgeTest {
    private static final Track STILL = new Track(Motion.STILL, 0.5, 0.5, 0, 0, 0.16);
    private static final Promise RED_CIRCLE = new Promise(List.of(
            new Promise.Item(Colour.RED, Shape.CIRCLE, Motion.STILL, Optional.of(Size.LARGE))),
            Optional.of(Background.NAVY));
    private static final Track RIGHT = new Track(Motion.RIGHT, 0.25, 0.5, 0.4, 0, 0.1);

    @ParameterizedTest
    @CsvSource({"TRAIN, 1, 150", "HELD_OUT, 1, 150", "TRAIN, 2, 60", "HELD_OUT, 2, 60"})
    void aCleanClipKeepsEveryPromise(Split split, int objects, int count) {
        for (var test : Prompts.draw(11, count, split, objects)) {
            var verdict = Judge.judge(test.scene().render(), everything(test.scene()));
            assertTrue(verdict.allCorrect(), () -> test.caption().text() + " " + verdict);
        }
    }

    /// What an autoencoder does to a clip: a 3 x 3 blur and noise of 6 levels.
    @ParameterizedTest
    @CsvSource({"TRAIN, 1, 40", "HELD_OUT, 1, 40", "TRAIN, 2, 20", "HELD_OUT, 2, 20"})
    void aBlurredAndNoisyClipIsStillUnderstood(Split split, int objects, int count) {
        var random = new SplitMix64(5);
        for (var test : Prompts.draw(12, count, split, objects)) {
            var verdict = Judge.judge(degraded(test.scene().render(), random), everything(test.scene()));
            assertTrue(verdict.allCorrect(), () -> test.caption().text() + " " + verdict);
        }
    }

    @Test
    void everySingleWrongWordIsFlaggedAndNothingElse() {
        var random = new SplitMix64(6);
        for (var test : Prompts.draw(13, 60, Split.TRAIN, 1)) {
            var seen = Observation.of(degraded(test.scene().render(), random));
            var truth = everything(test.scene());
            var item = truth.objects().getFirst();
            for (var colour : others(Colour.values(), item.colour())) {
                var verdict = compare(seen, truth, new Promise.Item(colour, item.shape(), item.motion(), item.size()));
                assertFalse(verdict.colour() || verdict.allCorrect());
                assertTrue(verdict.shape() && verdict.motion() && verdict.count());
            }
            for (var shape : others(Shape.values(), item.shape())) {
                var verdict = compare(seen, truth, new Promise.Item(item.colour(), shape, item.motion(), item.size()));
                assertFalse(verdict.shape() || verdict.allCorrect());
                assertTrue(verdict.colour() && verdict.motion() && verdict.count());
            }
            for (var motion : others(Motion.values(), item.motion())) {
                var verdict = compare(seen, truth, new Promise.Item(item.colour(), item.shape(), motion, item.size()));
                assertFalse(verdict.motion() || verdict.allCorrect());
                assertTrue(verdict.colour() && verdict.shape() && verdict.count());
            }
            item.size().ifPresent(size -> {
                var other = Optional.of(size == Size.SMALL ? Size.LARGE : Size.SMALL);
                var verdict = compare(seen, truth, new Promise.Item(item.colour(), item.shape(), item.motion(), other));
                assertEquals(Optional.of(false), verdict.size());
                assertFalse(verdict.allCorrect());
            });
            for (var background : others(Background.values(), test.scene().background())) {
                var verdict = Judge.compare(seen, new Promise(truth.objects(), Optional.of(background)));
                assertEquals(Optional.of(false), verdict.background());
                assertFalse(verdict.allCorrect());
            }
        }
    }

    /// Swapping the colours of two objects names every colour and shape of the clip, on the wrong objects.
    @Test
    void attributesBelongToTheirObjects() {
        for (var test : Prompts.draw(14, 40, Split.TRAIN, 2)) {
            var a = everything(test.scene()).objects().getFirst();
            var b = everything(test.scene()).objects().getLast();
            var swapped = new Promise(List.of(new Promise.Item(b.colour(), a.shape(), a.motion(), a.size()),
                    new Promise.Item(a.colour(), b.shape(), b.motion(), b.size())), Optional.empty());
            if (a.shape() != b.shape() || a.motion() != b.motion()) {
                assertFalse(Judge.judge(test.scene().render(), swapped).allCorrect(), () -> test.toString());
            }
            var reversed = new Promise(List.of(b, a), Optional.of(test.scene().background()));
            assertTrue(Judge.judge(test.scene().render(), reversed).allCorrect(), () -> test.toString());
        }
    }

    @Test
    void theClipOfAnotherPromptIsRejected() {
        var tests = Prompts.draw(15, 40, Split.TRAIN, 1);
        for (var i = 1; i < tests.size(); i++) {
            var before = tests.get(i - 1).scene().objects().getFirst().combination();
            if (!before.equals(tests.get(i).scene().objects().getFirst().combination())) {
                var verdict = Judge.judge(tests.get(i - 1).scene().render(), tests.get(i).caption().promise());
                assertFalse(verdict.allCorrect());
            }
        }
    }

    @Test
    void nothingIsFoundInBlankAndInNoisyClips() {
        var random = new SplitMix64(7);
        var blank = Frames.paint(64, 64, 8, 17, (_, _, _) -> Background.NAVY.rgb());
        var noise = Frames.paint(64, 64, 8, 17, (_, _, _) -> random.below(1 << 24));
        var red = Frames.paint(64, 64, 8, 17, (_, _, _) -> Colour.RED.rgb());
        for (var clip : List.of(blank, degraded(blank, random), noise, red)) {
            var verdict = Judge.judge(clip, RED_CIRCLE);
            assertEquals(List.of(), Observation.of(clip).objects());
            assertFalse(verdict.found() || verdict.count() || verdict.colour() || verdict.shape() || verdict.motion());
            assertEquals(Optional.of(false), verdict.size());
        }
        assertEquals(Optional.of(Background.NAVY), Observation.of(blank).background());
        assertEquals(Optional.empty(), Observation.of(noise).background());
        assertEquals(Optional.empty(), Observation.of(red).background());
    }

    /// Smooth noise has blots that stand out in every frame; none of them is anything.
    @Test
    void blotsOfSmoothNoiseHaveNoAttributes() {
        var random = new SplitMix64(8);
        var noise = degraded(Frames.paint(64, 64, 8, 17, (_, _, _) -> random.below(1 << 24)), random);
        var verdict = Judge.judge(noise, RED_CIRCLE);
        assertFalse(verdict.count() || verdict.colour() || verdict.shape() || verdict.motion());
    }

    @Test
    void anExtraObjectIsNoticed() {
        for (var test : Prompts.draw(16, 20, Split.TRAIN, 2)) {
            var all = everything(test.scene());
            var one = new Promise(all.objects().subList(0, 1), all.background());
            var verdict = Judge.judge(test.scene().render(), one);
            assertTrue(verdict.colour() && verdict.shape() && verdict.motion(), () -> test.toString());
            assertFalse(verdict.count() || verdict.allCorrect());
        }
    }

    @Test
    void aMissingObjectIsNoticed() {
        var one = scene(new SceneObject(Colour.RED, Shape.CIRCLE, STILL));
        var item = everything(one).objects().getFirst();
        var verdict = Judge.judge(one.render(), new Promise(List.of(
                new Promise.Item(Colour.BLUE, Shape.STAR, Motion.UP, Optional.empty()), item), Optional.empty()));
        assertEquals(List.of(false, true), verdict.items().stream().map(Verdict.Item::found).toList());
        assertTrue(verdict.items().getLast().colour());
        assertFalse(verdict.found() || verdict.count() || verdict.allCorrect());
    }

    /// An object that vanishes half way, or another that flashes up, is no object of the whole clip.
    @Test
    void comingAndGoingIsNoticed() {
        var disc = scene(new SceneObject(Colour.RED, Shape.CIRCLE, STILL));
        var promise = everything(disc);
        var empty = scene().render();
        assertFalse(Judge.judge(joined(disc.render().slice(0, 9), empty.slice(0, 8)), promise).found());
        var aside = new SceneObject(Colour.BLUE, Shape.SQUARE, new Track(Motion.STILL, 0.15, 0.15, 0, 0, 0.1));
        var both = scene(disc.objects().getFirst(), aside).render();
        var verdict = Judge.judge(joined(disc.render().slice(0, 12), both.slice(12, 17)), promise);
        assertTrue(verdict.found() && verdict.colour());
        assertFalse(verdict.count() || verdict.allCorrect());
    }

    @Test
    void timeHasADirection() {
        var scene = scene(new SceneObject(Colour.RED, Shape.CIRCLE, RIGHT));
        var clip = scene.render();
        var backwards = new Frames(64, 64, 8, clip.images().reversed());
        var frozen = ordered(clip, _ -> 0);
        var shuffled = ordered(clip, f -> f * 5 % 17);
        assertEquals(Optional.of(Motion.RIGHT), onlyThing(clip).motion());
        assertEquals(Optional.of(Motion.LEFT), onlyThing(backwards).motion());
        assertEquals(Optional.of(Motion.STILL), onlyThing(frozen).motion());
        assertEquals(Optional.empty(), onlyThing(shuffled).motion());
    }

    @Test
    void otherOutlinesAreNotForcedIntoTheVocabulary() {
        assertEquals(Optional.of(Shape.CIRCLE), seenAs((u, v) -> u * u + v * v <= 1));
        assertEquals(Optional.empty(), seenAs((u, v) -> u * u / 4 + 4 * v * v <= 1));               // an ellipse
        assertEquals(Optional.empty(), seenAs((u, v) -> Math.abs(u) < 0.3 && Math.abs(v) < 1.5));   // a bar
        assertEquals(Optional.empty(), seenAs((u, v) -> u * u + v * v < 1.3 && u * u + v * v > 0.3)); // a ring
        assertEquals(Optional.empty(), seenAs((u, v) -> Shape.TRIANGLE.contains(u, -v)));           // upside down
        assertEquals(Optional.empty(), seenAs((u, v) -> u * u + v * v < 2 && v > 0));               // half a disc
    }

    @Test
    void aThingOfAnUnknownColourKeepsItsOtherAttributes() {
        var clip = Frames.paint(64, 64, 8, 17, (f, x, y) -> {
            var inside = Shape.SQUARE.contains((x + 0.5 - 20 - 1.5 * f) / 7, (y + 0.5 - 32) / 7);
            return inside ? 0xE6E6E6 : 0x050505;
        });
        var thing = onlyThing(clip);
        assertEquals(Optional.empty(), thing.colour());
        assertEquals(Optional.of(Shape.SQUARE), thing.shape());
        assertEquals(Optional.of(Motion.RIGHT), thing.motion());
    }

    @Test
    void otherSizesAndLengthsAreJudgedAlike() {
        for (var test : Prompts.draw(17, 12, Split.TRAIN, 1)) {
            for (var clip : List.of(test.scene().render(9, 96, 4), test.scene().render(33, 48, 16))) {
                var verdict = Judge.judge(clip, everything(test.scene()));
                assertTrue(verdict.allCorrect(), () -> test.caption().text() + " " + verdict);
            }
        }
    }

    @Test
    void thePathIsTheTrack() {
        var scene = scene(new SceneObject(Colour.YELLOW, Shape.STAR, RIGHT));
        for (var sighting : onlyThing(scene.render()).path()) {
            var pose = RIGHT.at(sighting.t());
            assertEquals(pose.x(), sighting.x(), 0.003); // a fifth of a pixel
            assertEquals(pose.y(), sighting.y(), 0.003);
            assertEquals(pose.radius(), sighting.radius(), 0.003);
        }
    }

    private static Frames ordered(Frames clip, IntUnaryOperator order) {
        var images = IntStream.range(0, clip.count()).mapToObj(f -> clip.images().get(order.applyAsInt(f))).toList();
        return new Frames(clip.width(), clip.height(), clip.fps(), images);
    }

    private static Optional<Shape> seenAs(Outline outline) {
        var clip = Frames.paint(64, 64, 8, 17, (f, x, y) -> {
            var inside = IntStream.range(0, 16).filter(s -> outline.contains(
                    (x + (s % 4 + 0.5) / 4 - 24 - f) / 10, (y + (s / 4 + 0.5) / 4 - 32.3) / 10)).count();
            return Math.toIntExact(0xFA * inside / 16) << 16 | Math.toIntExact(0xE1 * inside / 16) << 8;
        });
        return onlyThing(clip).shape();
    }

    @FunctionalInterface
    private interface Outline {
        boolean contains(double u, double v);
    }

    private static Observation.Thing onlyThing(Frames clip) {
        var things = Observation.of(clip).objects();
        assertEquals(1, things.size());
        return things.getFirst();
    }

    private static Scene scene(SceneObject... objects) {
        return new Scene(Background.BLACK, List.of(objects));
    }

    private static Promise everything(Scene scene) {
        return new Promise(scene.objects().stream()
                .map(o -> new Promise.Item(o.colour(), o.shape(), o.motion(), o.size())).toList(),
                Optional.of(scene.background()));
    }

    private static Verdict compare(Observation seen, Promise truth, Promise.Item changed) {
        return Judge.compare(seen, new Promise(List.of(changed), truth.background()));
    }

    private static <E> List<E> others(E[] all, E one) {
        return Stream.of(all).filter(e -> e != one).toList();
    }

    private static Frames joined(Frames first, Frames second) {
        var images = new ArrayList<>(first.images());
        images.addAll(second.images());
        return new Frames(first.width(), first.height(), first.fps(), images);
    }

    /// Blurred with weights 1 2 1 each way, with near-normal noise of 6 levels.
    static Frames degraded(Frames clip, SplitMix64 random) {
        return Frames.paint(clip.width(), clip.height(), clip.fps(), clip.count(), (f, x, y) -> {
            var rgb = 0;
            for (var shift = 16; shift >= 0; shift -= 8) {
                var sum = 0;
                for (var n = 0; n < 9; n++) {
                    var nearX = Math.clamp(x + n % 3 - 1, 0, clip.width() - 1);
                    var nearY = Math.clamp(y + n / 3 - 1, 0, clip.height() - 1);
                    var weight = (2 - Math.abs(n % 3 - 1)) * (2 - Math.abs(n / 3 - 1));
                    sum += weight * (clip.pixel(f, nearX, nearY) >> shift & 0xff);
                }
                double noise = -6;
                for (var n = 0; n < 12; n++) {
                    noise += random.nextDouble();
                }
                rgb |= (int) Math.clamp(Math.round(sum / 16.0 + 6 * noise), 0, 255) << shift;
            }
            return rgb;
        });
    }
}
