package org.zoetrope.scenes;

import java.util.List;
import java.util.stream.IntStream;

/// Draws the questions a model is examined with.
public final class Prompts {
    /// Streams 0 and 1 of a seed belong to [Scene#draw(long, Split)] and [Scene#caption(long)], which training uses: an
    /// examination of the same seed shows none of its clips.
    private static final int FIRST_STREAM = 2;

    private Prompts() {}

    /// `count` captions of scenes with this many objects; every object's combination belongs to the split.
    public static List<PromptCase> draw(long seed, int count, Split split, int objects) {
        return IntStream.range(0, count).mapToObj(i -> {
            var random = SplitMix64.of(seed, FIRST_STREAM + i);
            var scene = Scene.draw(random, split, objects);
            return new PromptCase(split, Captions.draw(scene, random), scene);
        }).toList();
    }
}
