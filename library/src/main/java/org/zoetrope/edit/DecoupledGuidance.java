package org.zoetrope.edit;

import static org.zoetrope.tensor.Axis.axis;
import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.AttentionTap;
import org.zoetrope.nn.Pass;
import org.zoetrope.nn.Recomputation;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.tensor.Torch;

/// Spatial-temporal decoupled guidance (arXiv 2411.17592, section 3.3) for networks without temporal attention. While the
/// guided run leaves the pivots, what one block sees at its state is compared with what it sees at the pivot, and the
/// state is moved down the gradient of the difference:
///
/// - motion, see [Motion]: how a place of the picture looks at itself in other frames, or where in other frames it looks.
/// - appearance: the mean of the video tokens' keys over the mask, before they are rotated, frame by frame.
///
/// Each has a weight where the edit acts and one elsewhere. As published, the estimate of the clean clip is held while the
/// noise is moved; our own are the features and the strength, which is relative to what guidance does.
///
/// @param motionInside      weight of the motion where the edit acts
/// @param motionOutside     the same elsewhere; without a mask everything is elsewhere
/// @param appearanceInside  weight of the appearance where the edit acts
/// @param appearanceOutside the same elsewhere
/// @param motion            what of the attention stands for motion
/// @param pooled            compare means of keys over the mask; otherwise keys token by token, which also hold the motion
/// @param depth             of the watched block, 0 the first to 1 the last; later ones are not run
/// @param strength          size of the move in units of that of guidance; 0 is no guidance of this kind
/// @param until             share of the steps after which it ends
/// @param live              whether the shift is found anew where the edit stands, by what the network sees there under the source
///                          prompt, so that words alone shift nothing; otherwise it is found where the source comes back, and added
///                          to the edit as it is, as published
public record DecoupledGuidance(double motionInside, double motionOutside, double appearanceInside,
        double appearanceOutside, Motion motion, boolean pooled, double depth, double strength, double until,
        boolean live) {
    private static final double EPSILON = 1e-5; // of the published mean over a mask
    private static final double TEMPERATURE = 2; // of the flow; it multiplies scores, as published

    /// What of the attention over all tokens stands for motion.
    public enum Motion {
        /// The scores between tokens of one place, made probabilities over frames; at the frame that the pivot looks at most,
        /// they should be the pivot's. It sees motion that is small against a token. The published features are those of a
        /// temporal attention, after arXiv 2406.05338.
        SITES,
        /// How far from its own place a token looks in another frame, on average over the probabilities within that frame (the
        /// motion flow of DiTFlow, arXiv 2412.07776, section 3.2), in longer sides of the picture. Only places count that the
        /// pivot finds elsewhere in the other frame. It sees motion of any size. The score of every token with every other is
        /// written down once for all heads: 4 bytes for each pair, and as much again for the gradient.
        FLOW
    }

    public DecoupledGuidance {
        require(motionInside >= 0 && motionOutside >= 0 && appearanceInside >= 0 && appearanceOutside >= 0,
                "weights of guidance must not be negative");
        require(depth >= 0 && depth <= 1 && strength >= 0 && until >= 0 && until <= 1,
                "a depth of %s, a strength of %s, until %s of the steps; give 0 to 1, 0 or more, and 0 to 1", depth, strength,
                until);
    }

    /// The published weights: motion everywhere, appearance outside only; the first two fifths of the steps.
    public static DecoupledGuidance published() {
        return new DecoupledGuidance(0.5, 0.5, 0, 0.5, Motion.SITES, true, 0.45, 1, 0.4, false);
    }

    /// The same until another share of the steps.
    public DecoupledGuidance until(double share) {
        return new DecoupledGuidance(motionInside, motionOutside, appearanceInside, appearanceOutside, motion, pooled, depth,
                strength, share, live);
    }

    /// The same with another strength.
    public DecoupledGuidance strength(double times) {
        return new DecoupledGuidance(motionInside, motionOutside, appearanceInside, appearanceOutside, motion, pooled, depth,
                times, until, live);
    }

    /// The same with other weights.
    public DecoupledGuidance weights(double motionIn, double motionOut, double appearanceIn, double appearanceOut) {
        return new DecoupledGuidance(motionIn, motionOut, appearanceIn, appearanceOut, motion, pooled, depth, strength, until, live);
    }

    /// The same with something else for motion.
    public DecoupledGuidance motion(Motion other) {
        return new DecoupledGuidance(motionInside, motionOutside, appearanceInside, appearanceOutside, other, pooled, depth,
                strength, until, live);
    }

    /// The same, found where the edit stands.
    public DecoupledGuidance whereTheEditStands() {
        return new DecoupledGuidance(motionInside, motionOutside, appearanceInside, appearanceOutside, motion, pooled, depth,
                strength, until, true);
    }

    /// The same without appearance.
    public DecoupledGuidance motionAlone() {
        return weights(motionInside, motionOutside, 0, 0);
    }

    /// The same without motion.
    public DecoupledGuidance keysAlone() {
        return weights(0, 0, appearanceInside, appearanceOutside);
    }

    /// Why this cannot compare anything in a clip; empty if it can.
    List<String> obstacles(ClipShape clip) {
        if (isOff()) {
            return List.of();
        }
        var all = new ArrayList<>(clip.inParts("guidance by what the network sees"));
        if (clip.tokens() == 1 && appearanceInside + appearanceOutside == 0) {
            all.add("the model sees the clip as one frame, in which there is no motion to compare; compare keys or latents");
        }
        return all;
    }

    /// What cannot be compared although the rest can.
    List<String> caveats(ClipShape clip) {
        return clip.tokens() > 1 || isOff() || motionInside + motionOutside == 0 ? List.of()
                : List.of("the model sees the clip as one frame, in which nothing moves: only its appearance is held");
    }

    private boolean isOff() {
        return strength == 0 || until == 0 || motionInside + motionOutside + appearanceInside + appearanceOutside == 0;
    }

    /// Whether this moves anything at a step.
    boolean acts(Step step) {
        return !isOff() && step.index() < until * step.total();
    }

    /// At how many of the last steps of a run this acts.
    int mostSteps(int steps) {
        return isOff() ? 0 : Math.min(steps, (int) Math.ceil(until * steps));
    }

    /// What is added to the state after a step [1, T, C, H, W].
    ///
    /// @param x     the state before the step
    /// @param pivot where it should be
    /// @param gap   prompted minus unprompted velocity, whose size is that of guidance
    Tensor shift(EditTask task, Step step, Tensor x, Tensor pivot, Tensor gap) {
        return Scope.run(() -> {
            var gradient = gradient(task, step, x, pivot);
            var size = rms(gradient);
            var width = Math.abs(step.to().sigma() - step.from().sigma());
            return size == 0 ? gradient : gradient.times(-strength * rms(gap) * width / size);
        });
    }

    /// The gradient of the weighted difference with respect to the state, under the source prompt: two evaluations up to the
    /// watched block, and one gradient.
    Tensor gradient(EditTask task, Step step, Tensor x, Tensor pivot) {
        require(task.windows().count() == 1, "guidance by what the network sees needs a clip that it takes as a whole; this one "
                + "is looked at in %d windows: compare latents instead, or cut the clip", task.windows().count());
        return Scope.run(() -> {
            var reference = Torch.withoutGradients(() -> look(task, step, pivot, Pass.plain()));
            return Torch.withGradients(() -> {
                var leaf = x.detach().requireGradient(true);
                var memory = new Recomputation();
                var seen = look(task, step, leaf, task.recompute() ? Pass.plain().with(memory) : Pass.plain());
                var loss = loss(reference, seen, mask(task, seen));
                task.counter().backward(1);
                return task.recompute() ? memory.gradients(loss, List.of(leaf)).getFirst()
                        : Tensor.gradients(loss, List.of(leaf)).getFirst();
            });
        });
    }

    /// The weighted difference itself.
    double difference(EditTask task, Step step, Tensor x, Tensor pivot) {
        return Scope.run(() -> {
            var seen = look(task, step, x, Pass.plain());
            return loss(look(task, step, pivot, Pass.plain()), seen, mask(task, seen)).item();
        });
    }

    private Features look(EditTask task, Step step, Tensor x, Pass pass) {
        var block = (int) Math.round(depth * (task.tokens().blocks() - 1));
        int rows = (int) x.size(3) / task.tokens().patch(), columns = (int) x.size(4) / task.tokens().patch();
        var seen = new ArrayList<Features>();
        task.velocity(task.from(), x, step, pass.upTo(block).with(new AttentionTap() {
            @Override
            public boolean watches(int index) {
                return index == block;
            }

            @Override
            public void see(int index, Site site) {
                if (site.kind() != Kind.CROSS) {
                    var features = Features.of(site, motion, task.tokens().frames(x.size(1)), rows, columns);
                    features.tensors().forEach(Scope::disown); // the scope of a block ends before the call does
                    seen.add(features);
                }
            }
        }));
        try {
            return seen.getLast().here();
        } finally {
            seen.forEach(features -> features.tensors().forEach(Tensor::close));
        }
    }

    // ---------------------------------------------------------------- what is compared

    /// What a block sees. Axes: n heads, or rows and columns of a flow; S places of the picture, T frames of tokens, D width
    /// of keys.
    ///
    /// @param motion of a place from one frame to another [n, S, T, T]
    /// @param counts where it is compared with that of others, 1 or 0 [n or 1, S, T, T]
    /// @param keys   [T, S, D]
    record Features(Tensor motion, Tensor counts, Tensor keys) implements Tensors {
        static Features of(AttentionTap.Site site, Motion motion, int frames, int rows, int columns) {
            var count = axis("T", frames);
            var keys = site.videoContent().select(0, 0).rearrange("n (T S) d -> T S (n d)", count);
            return switch (motion) {
                case SITES -> {
                    var q = site.videoQueries().select(0, 0).rearrange("n (T S) d -> n S T d", count);
                    var k = site.videoKeys().select(0, 0).rearrange("n (T S) d -> n S T d", count);
                    yield sites(q.matmul(k.transpose(-2, -1)).times(site.scale()).softmax(-1), keys);
                }
                case FLOW -> {
                    var heads = site.q().size(1);
                    var q = site.videoQueries().select(0, 0).rearrange("n V d -> V (n d)");
                    var k = site.videoKeys().select(0, 0).rearrange("n V d -> V (n d)");
                    var scores = q.matmul(k.transpose(0, 1)).times(site.scale() / heads);         // mean over heads [T S, T S]
                    yield flow(scores.rearrange("V (T S) -> V T S", count), rows, columns, keys);
                }
            };
        }

        /// Probabilities over frames [n, S, T, T], compared where they are largest.
        static Features sites(Tensor probabilities, Tensor keys) {
            return new Features(probabilities, oneHot(probabilities.argmax(-1), probabilities), keys);
        }

        /// Expected displacements.
        ///
        /// @param scores of every token with every place of every frame [T S, T, S]
        static Features flow(Tensor scores, int rows, int columns, Tensor keys) {
            var from = axis("G", scores.size(1));
            var places = places(rows, columns).like(scores);                                      // [S, 2]
            var there = scores.times(TEMPERATURE).softmax(-1).matmul(places);                     // [T S, T, 2]
            var displacement = there.rearrange("(G S) T c -> c S G T", from)
                    .minus(places.rearrange("S c -> c S 1 1"));
            var own = Tensor.range(rows * columns).to(scores.device()).reshape(-1, 1, 1).like(scores);
            var found = scores.argmax(-1).rearrange("(G S) T -> S G T", from).to(scores.dtype());
            var moved = found.minus(own).abs().less(0.5).to(scores.dtype()).negate().plus(1).unsqueeze(0);
            return new Features(displacement, moved.detach(), keys);
        }

        /// Row and column of every place, in longer sides of the picture [S, 2].
        private static Tensor places(int rows, int columns) {
            var values = new double[2 * rows * columns];
            for (var at = 0; at < rows * columns; at++) {
                values[2 * at] = (double) (at / columns) / Math.max(rows, columns);
                values[2 * at + 1] = (double) (at % columns) / Math.max(rows, columns);
            }
            return Tensor.of(values, (long) rows * columns, 2);
        }

        private static Tensor oneHot(Tensor index, Tensor like) {
            var all = Tensor.range(like.size(-1)).to(like.device());
            return index.unsqueeze(-1).minus(all).abs().less(0.5).to(like.dtype());
        }

        /// The same numbers with their history, in the scope that is open.
        private Features here() {
            return new Features(motion.reshape(motion.shape()), counts.reshape(counts.shape()), keys.reshape(keys.shape()));
        }

        @Override
        public List<Tensor> tensors() {
            return List.of(motion, counts, keys);
        }
    }

    /// Where the edit acts [T, S].
    private static Optional<Tensor> mask(EditTask task, Features like) {
        return task.mask().inside().map(inside -> task.tokens().inside(inside).like(like.keys));
    }

    /// The weighted sum of the four differences.
    ///
    /// @param inside where the edit acts [T, S], 0 or 1; empty for nowhere
    Tensor loss(Features reference, Features seen, Optional<Tensor> inside) {
        var none = Tensor.zeros(seen.keys.dtype(), seen.keys.device(), seen.keys.size(0), seen.keys.size(1));
        var in = inside.orElse(none);
        var out = in.negate().plus(1);
        return motion(reference, seen, in).times(motionInside).plus(motion(reference, seen, out).times(motionOutside))
                .plus(appearance(reference, seen, in).times(appearanceInside))
                .plus(appearance(reference, seen, out).times(appearanceOutside));
    }

    /// The squared difference where the reference counts, mean over places and frames of the mask.
    static Tensor motion(Features reference, Features seen, Tensor mask) {
        var counts = reference.counts.times(mask.transpose(0, 1).unsqueeze(-1));                  // [n or 1, S, T, T]
        var parts = (double) reference.motion.size(0) / reference.counts.size(0);
        return reference.motion.minus(seen.motion).square().times(counts).sum()
                .div(counts.sum().item() * parts + EPSILON);
    }

    /// The squared difference of keys: of their means over the mask, frame by frame, or token by token.
    Tensor appearance(Features reference, Features seen, Tensor mask) {
        var weights = mask.unsqueeze(-1);                                                         // [T, S, 1]
        if (!pooled) {
            return seen.keys.minus(reference.keys).square().times(weights).sum()
                    .div(mask.sum().item() * seen.keys.size(2) + EPSILON);
        }
        var area = weights.sum(false, 1).plus(EPSILON);                                           // [T, 1]
        var change = seen.keys.minus(reference.keys).times(weights).sum(false, 1).div(area);      // [T, D]
        return change.square().mean();
    }

    /// The share of places and frames that look at themselves most, which says nothing of motion.
    static double still(Features seen) {
        var frames = seen.motion.size(2);
        var own = Tensor.range(frames).to(seen.motion.device());
        var same = seen.motion.argmax(-1).minus(own).abs().less(0.5);
        return same.to(seen.motion.dtype()).mean().item();
    }

    private static double rms(Tensor x) {
        return Scope.run(() -> Math.sqrt(x.square().mean().item()));
    }
}
