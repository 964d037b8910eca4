package org.zoetrope.scenes;

import java.util.ArrayList;
import java.util.List;

/// What a caption always names. Every tenth combination is held out of training, to ask for later: a model that draws
/// it has put together parts it never saw together.
public record Combination(Colour colour, Shape shape, Motion motion) {
    private static final int ONE_IN = 10;

    /// Whether training never shows this combination.
    ///
    /// The rule is a sum of positions modulo ten with steps that share no factor with ten. So the held-out combinations
    /// spread evenly: of the motions of one colour and shape at most two are missing, of the shapes of one colour and
    /// motion at most one, of the colours of one shape and motion at most one.
    public boolean isHeldOut() {
        return (colour.ordinal() + 3 * shape.ordinal() + 7 * motion.ordinal()) % ONE_IN == 0;
    }

    public Split split() {
        return isHeldOut() ? Split.HELD_OUT : Split.TRAIN;
    }

    /// All combinations of one split, colours first, motions fastest.
    public static List<Combination> of(Split split) {
        var all = new ArrayList<Combination>();
        for (var colour : Colour.values()) {
            for (var shape : Shape.values()) {
                for (var motion : Motion.values()) {
                    var combination = new Combination(colour, shape, motion);
                    if (combination.split() == split) {
                        all.add(combination);
                    }
                }
            }
        }
        return List.copyOf(all);
    }
}
