package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.zoetrope.tensor.Tensor;

/// In what order null-text learns. All of them are ours; on a toy model none but the rate mattered much.
public sealed interface Curriculum {
    /// A part of the work of one sampling step.
    ///
    /// @param layout     what may change
    /// @param guidance   scale at which the error is measured
    /// @param iterations share of the step's budget
    /// @param stride     1 for the whole clip, 2 for every second frame of tokens as a clip of its own
    record Stage(NullText.Layout layout, double guidance, int iterations, int stride) {
        Stage(NullText.Layout layout, double guidance, int iterations) {
            this(layout, guidance, iterations, 1);
        }
    }

    /// The stages of one step; their iterations add up to the budget.
    ///
    /// @param layout   of the last stage
    /// @param guidance of the run
    default List<Stage> stages(NullText.Layout layout, double guidance, int budget) {
        return List.of(new Stage(layout, guidance, budget));
    }

    /// Most stages of a step.
    default int mostStages() {
        return 1;
    }

    /// Evaluations that all stages of a step take together besides their looks.
    default int besides() {
        return 0;
    }

    /// Why this cannot be done with a clip, each reason with what to do instead; empty if it can.
    default List<String> obstacles(ClipShape clip) {
        return List.of();
    }

    /// Everything at once.
    record Plain() implements Curriculum {}

    /// From what frames share to what they have alone: one offset for all frames, slow changes, free frames. The step ends
    /// early where all frames miss by about the same.
    ///
    /// @param terms cosine terms of the slow changes
    /// @param even  largest error of a frame over the mean of all, up to which frames are alike
    record Temporal(int terms, double even) implements Curriculum {
        private static final double[] SHARES = {0.4, 0.3, 0.3};

        public Temporal {
            require(terms >= 1 && even >= 1, "%d cosine terms and an evenness of %s; give 1 or more of both", terms, even);
        }

        @Override
        public List<Stage> stages(NullText.Layout layout, double guidance, int budget) {
            var layouts = new ArrayList<NullText.Layout>();
            layouts.add(new NullText.Layout.Shared());
            if (layout instanceof NullText.Layout.PerFrame) {
                layouts.add(new NullText.Layout.Cosine(terms));
            }
            if (!(layout instanceof NullText.Layout.Shared)) {
                layouts.add(layout);
            }
            var parts = split(budget, layouts.size(), SHARES);
            var stages = new ArrayList<Stage>();
            for (var i = 0; i < layouts.size(); i++) {
                stages.add(new Stage(layouts.get(i), guidance, parts[i]));
            }
            return stages;
        }

        @Override
        public int mostStages() {
            return SHARES.length;
        }
    }

    /// From little guidance to that of the run, in three even stages: what has to be corrected grows with it.
    record Guidance() implements Curriculum {
        private static final double[] SHARES = {0.2, 0.3, 0.5};

        @Override
        public List<Stage> stages(NullText.Layout layout, double guidance, int budget) {
            var parts = split(budget, SHARES.length, SHARES);
            var stages = new ArrayList<Stage>();
            for (var i = 1; i <= SHARES.length; i++) {
                var scale = i == SHARES.length ? guidance : 1 + (guidance - 1) * i / SHARES.length;
                stages.add(new Stage(layout, scale, parts[i - 1]));
            }
            return stages;
        }

        @Override
        public int mostStages() {
            return SHARES.length;
        }
    }

    /// A shorter clip first: every second frame of tokens, shown to the network as a clip of its own, costs half or less. What
    /// was found goes to the whole clip, the frames between halfway from neighbour to neighbour, and learns on. For networks
    /// that take clips of any length, since to them the short one moves twice as fast.
    record ClipLength() implements Curriculum {
        private static final double[] SHARES = {0.4, 0.6};

        @Override
        public List<Stage> stages(NullText.Layout layout, double guidance, int budget) {
            var parts = split(budget, SHARES.length, SHARES);
            return List.of(new Stage(layout, guidance, parts[0], 2), new Stage(layout, guidance, parts[1]));
        }

        @Override
        public int mostStages() {
            return SHARES.length;
        }

        /// The prompted velocity of the short clip.
        @Override
        public int besides() {
            return 1;
        }

        @Override
        public List<String> obstacles(ClipShape clip) {
            var all = new ArrayList<>(clip.inParts("learning from every second frame first"));
            if (clip.fixed()) {
                all.add("learning from every second frame first shows the model a shorter clip, and this one has learned its positions "
                        + "and knows one length; choose another curriculum");
            }
            return all;
        }

        /// Every second of so many frames.
        static long[] kept(int frames) {
            return IntStream.range(0, (frames + 1) / 2).mapToLong(f -> 2L * f).toArray();
        }

        /// From every second frame to all: those between are the mean of their neighbours, and a last one without a second
        /// neighbour is as its first [frames, kept].
        static Tensor between(int frames) {
            var kept = (frames + 1) / 2;
            var values = new float[frames * kept];
            for (var f = 0; f < frames; f++) {
                values[f * kept + f / 2] += 0.5f;
                values[f * kept + Math.min(kept - 1, (f + 1) / 2)] += 0.5f;
            }
            return Tensor.of(values, frames, kept);
        }
    }

    /// Each step gets a share of all iterations in proportion to the error that guidance makes at its pivot.
    record Budget() implements Curriculum {}

    /// Splits whole iterations as the shares say; the last part gets what rounding leaves.
    private static int[] split(int budget, int parts, double[] shares) {
        var counts = new int[parts];
        var spent = 0;
        var due = 0.0;
        for (var i = 0; i < parts; i++) {
            due += shares[i] * budget;
            counts[i] = i == parts - 1 ? budget - spent : (int) Math.round(due) - spent;
            spent += counts[i];
        }
        return counts;
    }

    /// Shares out a total in proportion to weights, in whole numbers, the largest remainders first.
    static int[] proportional(int total, List<Double> weights) {
        var sum = weights.stream().mapToDouble(Double::doubleValue).sum();
        var counts = new int[weights.size()];
        var rest = new double[weights.size()];
        var left = total;
        for (var i = 0; i < counts.length; i++) {
            var due = sum > 0 ? total * weights.get(i) / sum : (double) total / counts.length;
            counts[i] = (int) due;
            rest[i] = due - counts[i];
            left -= counts[i];
        }
        for (; left > 0; left--) {
            var most = 0;
            for (var i = 1; i < rest.length; i++) {
                most = rest[i] > rest[most] ? i : most;
            }
            counts[most]++;
            rest[most] = -1;
        }
        return counts;
    }
}
