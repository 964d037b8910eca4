package org.zoetrope.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.zoetrope.pipeline.Recipe;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Torch;

/// Measures this machine and what our networks make of it.
///
/// Every case takes turns with its yardstick, a product of matrices or a copy, for about the same time each. What counts
/// is the ratio of the two speeds: other programs change both alike, and absolute numbers of one moment say little.
public final class Bench {
    private static final double LONGEST = 1.5;  // seconds of a yardstick's turn

    private final Plan plan;
    private final Map<DType, Double> products = new EnumMap<>(DType.class);
    private double copies;

    private Bench(Plan plan) {
        this.plan = plan;
    }

    /// Hears of a run's progress.
    public interface Listener {
        /// A measurement begins.
        void measuring(String name, int index, int count);

        /// Whether to end the run with the rows that are there.
        boolean isCancelled();
    }

    /// Measures everything in the plan.
    ///
    /// @param model  a folder to generate a video with, or none
    /// @param wanted number types of the networks
    /// @throws org.zoetrope.weights.ConfigException if the folder cannot be used
    public static Report run(Plan plan, List<DType> wanted, Optional<Path> model, Listener listener) {
        return Torch.withoutGradients(() -> new Bench(plan).measure(wanted, model, listener));
    }

    /// What a plan measures, such as `wan stack 1506 float32`.
    public static List<String> names(Plan plan, List<DType> wanted, Optional<Path> model) {
        return Suite.cases(plan, wanted, model).stream().map(Case::label).toList();
    }

    private Report measure(List<DType> wanted, Optional<Path> model, Listener listener) {
        var cases = Suite.cases(plan, wanted, model);
        var rows = new ArrayList<Row>();
        for (var yardstick : List.of(new Yardstick.Product(DType.FLOAT32), new Yardstick.Product(DType.BFLOAT16),
                new Yardstick.Copy())) {
            listener.measuring(yardstick.label(), 0, cases.size());
            Scope.run(() -> best(yardstick, turn(yardstick.probe(plan), Turn.SHORTEST)));
        }
        for (var one : cases) {
            if (listener.isCancelled()) {
                break;
            }
            listener.measuring(one.label(), rows.size() + 1, cases.size());
            Scope.run(() -> row(one, listener)).ifPresent(rows::add);
        }
        var host = Host.of(products.getOrDefault(DType.FLOAT32, 0.0) / 1e9,
                products.getOrDefault(DType.BFLOAT16, 0.0) / 1e9, copies / 1e9);
        return new Report(Recipe.VERSION, host, rows);
    }

    /// Nothing if the run was cancelled meanwhile.
    private Optional<Row> row(Case one, Listener listener) {
        var probe = one.yardstick().probe(plan);
        var run = new Yardstick.Probe(one.work(), one.prepare().apply(new Rng(1)));
        turn(probe, 0);
        var once = turn(run, 0); // also warms up
        Torch.forgetPeak();
        var fastest = Double.POSITIVE_INFINITY;
        var fractions = new double[plan.rounds()];
        var coreFractions = new double[plan.rounds()];
        for (var round = 0; round < plan.rounds(); round++) {
            if (listener.isCancelled()) {
                return Optional.empty();
            }
            var half = Math.clamp(once.seconds() / 2, Turn.SHORTEST / 2, LONGEST / 2);
            var before = turn(probe, half);
            var mine = turn(run, Turn.SHORTEST);
            var beside = before.and(turn(probe, half));
            best(one.yardstick(), beside);
            fastest = Math.min(fastest, mine.fastest());
            fractions[round] = mine.speed() / beside.speed();
            coreFractions[round] = mine.coreSpeed() / beside.coreSpeed();
        }
        var seconds = fastest;
        return Optional.of(new Row(one.name(), label(one.dtype()), one.yardstick().label(), one.flops(), one.bytes(), seconds,
                median(fractions), median(coreFractions), Torch.peakResidentBytes(),
                one.pace().map(pace -> new Row.Pace(seconds / pace.amount(), pace.unit()))));
    }

    private Turn turn(Yardstick.Probe probe, double atLeast) {
        return Turn.of(probe, plan.isNarrow() ? 0 : atLeast);
    }

    private static double median(double[] values) {
        var sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private Turn best(Yardstick yardstick, Turn turn) {
        var rate = turn.speed();
        switch (yardstick) {
            case Yardstick.Product(var dtype) -> products.merge(dtype, rate, Math::max);
            case Yardstick.Copy() -> copies = Math.max(copies, rate);
        }
        return turn;
    }

    private static String label(DType dtype) {
        return dtype.name().toLowerCase(Locale.ROOT);
    }
}
