package org.zoetrope.scenes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class CaptionsTest {
    @Test
    void theVocabularyIsExactlyTheWordsInUse() {
        var used = new TreeSet<String>();
        for (var seed = 0; seed < 20_000; seed++) {
            used.addAll(Captions.words(Scene.draw(seed, Split.TRAIN).caption(seed).text()));
        }
        assertEquals(List.copyOf(used), Captions.vocabulary());
        assertTrue(used.size() < 128);
    }

    @Test
    void aCaptionSaysItsPromiseAndNoMore() {
        for (var test : Prompts.draw(5, 2000, Split.TRAIN, 1)) {
            var words = Captions.words(test.caption().text());
            var item = test.caption().promise().objects().getFirst();
            assertTrue(words.contains(item.colour().word()), test.caption().text());
            assertTrue(words.contains(item.shape().word()), test.caption().text());
            var size = item.size();
            assertEquals(size.isPresent(), words.contains("small") || words.contains("large"), test.caption().text());
            assertEquals(test.caption().promise().background().isPresent(), words.contains("background"));
        }
    }

    @Test
    void sizeIsNamedInHalfAndBackgroundInThreeQuartersOfTheCaptions() {
        var tests = Prompts.draw(6, 4000, Split.TRAIN, 1);
        var background = tests.stream().filter(t -> t.caption().promise().background().isPresent()).count();
        assertEquals(0.75, background / 4000.0, 0.04); // five standard errors
        var keeping = tests.stream().filter(t -> t.scene().objects().getFirst().motion().keepsSize()).toList();
        var size = keeping.stream().filter(t -> t.caption().promise().objects().getFirst().size().isPresent()).count();
        assertEquals(0.5, size / (double) keeping.size(), 0.04);
    }

    /// A model is asked in whichever words come to mind, so no wording may be rare.
    @Test
    void oneSceneIsSaidInManyWays() {
        var scene = new Scene(Background.BLACK, List.of(new SceneObject(Colour.RED, Shape.CIRCLE,
                new Track(Motion.RIGHT, 0.2, 0.5, 0.4, 0, 0.1))));
        var counts = new HashMap<String, Integer>();
        for (var seed = 0; seed < 4000; seed++) {
            counts.merge(scene.caption(seed).text(), 1, Integer::sum);
        }
        assertTrue(counts.size() > 200);
        assertTrue(counts.getOrDefault("a red circle moves right", 0) > 40, counts.toString());
        assertTrue(counts.containsKey("small red circle moving to the right, black background"));
    }

    @Test
    void thePlainSentenceNamesEverythingPromised() {
        var right = new Promise.Item(Colour.RED, Shape.CIRCLE, Motion.RIGHT, Optional.empty());
        var still = new Promise.Item(Colour.ORANGE, Shape.SQUARE, Motion.STILL, Optional.of(Size.SMALL));
        assertEquals("a red circle moves right",
                Captions.plain(new Promise(List.of(right), Optional.empty())).text());
        assertEquals("a red circle moves right and a small orange square stays still on a white background",
                Captions.plain(new Promise(List.of(right, still), Optional.of(Background.WHITE))).text());
        assertTrue(Captions.plain(new Promise(List.of(
                new Promise.Item(Colour.ORANGE, Shape.STAR, Motion.GROW, Optional.empty())), Optional.empty()))
                .text().startsWith("an orange star"));
    }

    @Test
    void promptsAreFixedBySeedAndSplit() {
        assertEquals(Prompts.draw(1, 20, Split.HELD_OUT, 2), Prompts.draw(1, 20, Split.HELD_OUT, 2));
        assertFalse(Prompts.draw(1, 20, Split.HELD_OUT, 1).equals(Prompts.draw(2, 20, Split.HELD_OUT, 1)));
        var texts = new HashSet<String>();
        for (var test : Prompts.draw(1, 200, Split.HELD_OUT, 2)) {
            texts.add(test.caption().text());
            assertEquals(2, test.caption().promise().objects().size());
            test.scene().objects().forEach(o -> assertTrue(o.combination().isHeldOut()));
        }
        assertTrue(texts.size() > 190);
    }
}
