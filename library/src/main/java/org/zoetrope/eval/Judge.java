package org.zoetrope.eval;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.zoetrope.media.Frames;
import org.zoetrope.scenes.Promise;

/// Compares what is seen in a clip with what its prompt promised.
///
/// The judge looks first, at the pixels alone, and reads the promise afterwards: an [Observation] knows neither the
/// prompt nor how the clip came about, so a promise cannot talk it into seeing things.
public final class Judge {
    private Judge() {}

    /// The verdict on a clip.
    public static Verdict judge(Frames clip, Promise promise) {
        return compare(Observation.of(clip), promise);
    }

    /// The verdict on something already looked at.
    public static Verdict compare(Observation seen, Promise promise) {
        var background = promise.background().map(promised -> seen.background().equals(Optional.of(promised)));
        // Which thing answers which part of the promise is the judge's choice, made in favour of the clip.
        var best = assignments(promise.objects(), seen.objects()).stream()
                .max(Comparator.comparingInt(items -> items.stream().mapToInt(Verdict.Item::correct).sum()))
                .orElseThrow();
        var count = seen.objects().size() == promise.objects().size() && seen.strays() == 0;
        return new Verdict(count, best, background);
    }

    /// All ways to hold the promised objects against different seen ones, or against nothing.
    private static List<List<Verdict.Item>> assignments(List<Promise.Item> promised, List<Observation.Thing> seen) {
        if (promised.isEmpty()) {
            return List.of(List.of());
        }
        var first = promised.getFirst();
        var others = promised.subList(1, promised.size());
        var all = new ArrayList<List<Verdict.Item>>();
        for (var thing : seen) {
            var left = seen.stream().filter(other -> !other.equals(thing)).toList();
            assignments(others, left).forEach(items -> all.add(prepend(item(first, thing), items)));
        }
        assignments(others, seen).forEach(items -> all.add(prepend(Verdict.Item.missing(first), items)));
        return all;
    }

    private static Verdict.Item item(Promise.Item promised, Observation.Thing seen) {
        return new Verdict.Item(true,
                seen.colour().equals(Optional.of(promised.colour())),
                seen.shape().equals(Optional.of(promised.shape())),
                seen.motion().equals(Optional.of(promised.motion())),
                promised.size().map(size -> size == seen.size()));
    }

    private static List<Verdict.Item> prepend(Verdict.Item first, List<Verdict.Item> others) {
        var all = new ArrayList<Verdict.Item>();
        all.add(first);
        all.addAll(others);
        return all;
    }
}
