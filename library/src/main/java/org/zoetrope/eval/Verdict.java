package org.zoetrope.eval;

import java.util.List;
import java.util.Optional;
import org.zoetrope.scenes.Promise;

/// Which parts of a promise a clip keeps; what was not promised is empty.
///
/// @param count      whether the clip shows as many objects as promised, no fewer, and nothing else even for a moment
/// @param items      one per promised object, in the order of the promise
/// @param background whether the background is the promised one
public record Verdict(boolean count, List<Item> items, Optional<Boolean> background) {
    /// The verdict on one promised object.
    ///
    /// @param found whether anything was seen that could be it
    public record Item(boolean found, boolean colour, boolean shape, boolean motion, Optional<Boolean> size) {
        static Item missing(Promise.Item promised) {
            return new Item(false, false, false, false, promised.size().map(_ -> false));
        }

        int correct() {
            return (found ? 1 : 0) + (colour ? 1 : 0) + (shape ? 1 : 0) + (motion ? 1 : 0)
                    + (size.orElse(false) ? 1 : 0);
        }
    }

    public Verdict {
        items = List.copyOf(items);
    }

    /// Whether every promised object was found.
    public boolean found() {
        return items.stream().allMatch(Item::found);
    }

    /// Whether every object has its colour.
    public boolean colour() {
        return items.stream().allMatch(Item::colour);
    }

    /// Whether every object has its shape.
    public boolean shape() {
        return items.stream().allMatch(Item::shape);
    }

    /// Whether every object moves as promised.
    public boolean motion() {
        return items.stream().allMatch(Item::motion);
    }

    /// Whether every object of a promised size has it; empty when no size was promised.
    public Optional<Boolean> size() {
        return items.stream().flatMap(item -> item.size().stream()).reduce(Boolean::logicalAnd);
    }

    /// Whether the clip keeps the whole promise.
    public boolean allCorrect() {
        return count && colour() && shape() && motion() && size().orElse(true) && background.orElse(true);
    }
}
