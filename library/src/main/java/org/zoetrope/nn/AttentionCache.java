package org.zoetrope.nn;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Pyramid attention broadcast: see [Reuse.Attention]. An attention is what it adds to the stream, so that its projections
/// are not computed either.
final class AttentionCache extends FeatureCache {
    private final Reuse.Attention rule;
    private final Map<Place, Kept> kept = new HashMap<>();

    AttentionCache(Reuse.Attention rule) {
        this.rule = rule;
    }

    private record Place(Branch branch, int block, AttentionTap.Kind kind) {}

    /// @param output [1, S, D]
    /// @param uses   calls that it served, the one that computed it included
    private record Kept(Tensor output, int uses) {}

    @Override
    Tensor attend(Turn turn, int block, AttentionTap.Kind kind, Supplier<Tensor> run, Runnable reused) {
        var places = turn.samples().stream().map(branch -> new Place(branch, block, kind)).toList();
        var within = rule.low() < turn.timestep() && turn.timestep() < rule.high();
        if (within && !turn.isLast() && places.stream().allMatch(place -> isFresh(place))) {
            reused.run();
            places.forEach(place -> kept.computeIfPresent(place, (_, k) -> new Kept(k.output, k.uses + 1)));
            return Tensor.cat(places.stream().map(kept::get).map(Kept::output).toList(), 0);
        }
        var output = run.get();
        for (var i = 0; i < places.size(); i++) {
            var before = kept.put(places.get(i), new Kept(Scope.disown(output.narrow(0, i, 1)), 1));
            if (before != null) {
                before.output.close();
            }
        }
        return output;
    }

    private boolean isFresh(Place place) {
        var one = kept.get(place);
        return one != null && one.uses < rule.range(place.kind);
    }

    @Override
    public void close() {
        kept.values().forEach(one -> one.output.close());
        kept.clear();
    }
}
