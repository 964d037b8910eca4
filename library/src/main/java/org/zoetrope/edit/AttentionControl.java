package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.zoetrope.diffusion.Step;
import org.zoetrope.nn.AttentionKernel;
import org.zoetrope.nn.AttentionTap.Kind;
import org.zoetrope.nn.AttentionTap.Site;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// Attention-controlled editing (the second stage of VideoDirector, arXiv 2411.17592, section 3.4, after Prompt-to-Prompt,
/// arXiv 2208.01626, and MasaCtrl, arXiv 2304.08465), carried over to transformers. The edit is evaluated beside the pivot
/// of its step, as the second sample of a batch, and its attention sees the pivot's:
///
/// - maps (SA-I): the video looks around as the pivot's does, with the pivot's queries and keys, at values of its own. The
///   published form replaces the attention map itself, which over all tokens of a clip is too large to write down.
/// - sharing (SA-II): the video also sees the pivot's video outside the mask. Without a mask there is nothing to share: the
///   pivot's inside would come back instead of the edit.
/// - words (CA): where the target prompt continues the source prompt, the video finds words by the pivot's text keys, and
///   reads the edit's values.
/// - weights: a word's scores are raised by the logarithm of its weight, and probabilities stay probabilities.
///
/// @param mapsUntil  share of the steps until which maps are the pivot's, on the prompted side; 0 for none
/// @param sharedFrom share of the steps from which the video outside the mask is shared, on both sides; 1 for never
/// @param wordsUntil share of the steps until which words are found as in the source, on the prompted side; 0 for none
/// @param weights    of words of the target prompt, all steps
public record AttentionControl(double mapsUntil, double sharedFrom, double wordsUntil, Map<String, Double> weights) {
    public AttentionControl {
        for (var share : List.of(mapsUntil, sharedFrom, wordsUntil)) {
            require(share >= 0 && share <= 1, "attention is controlled for %s of the steps; give 0 to 1", share);
        }
        weights.forEach((word, weight) -> require(weight > 0 && Double.isFinite(weight),
                "a weight of %s for \"%s\"; give more than 0 (1 changes nothing)", weight, word));
        weights = Map.copyOf(new TreeMap<>(weights));
    }

    /// Sharing from a fifth of the steps on, words until four fifths, maps never.
    public static AttentionControl defaults() {
        return new AttentionControl(0, 0.2, 0.8, Map.of());
    }

    /// Nothing is controlled.
    public static AttentionControl none() {
        return new AttentionControl(0, 1, 0, Map.of());
    }

    /// The same with another end of the pivot's maps.
    public AttentionControl mapsUntil(double share) {
        return new AttentionControl(share, sharedFrom, wordsUntil, weights);
    }

    /// The same with another beginning of sharing.
    public AttentionControl sharedFrom(double share) {
        return new AttentionControl(mapsUntil, share, wordsUntil, weights);
    }

    /// The same with another end of the source's words.
    public AttentionControl wordsUntil(double share) {
        return new AttentionControl(mapsUntil, sharedFrom, share, weights);
    }

    /// The same with weights of words.
    public AttentionControl weights(Map<String, Double> factors) {
        return new AttentionControl(mapsUntil, sharedFrom, wordsUntil, factors);
    }

    List<String> obstacles(ClipShape clip) {
        return equals(none()) ? List.of() : clip.inParts("attention to the source");
    }

    /// Most evaluations of the pivot beside so many steps of the edit.
    long mostEvaluations(int steps, double guidanceScale) {
        return equals(none()) ? 0 : (long) steps * Editor.perPrediction(guidanceScale);
    }

    /// What is done at one step.
    ///
    /// @param visible pivot tokens that the edit sees; empty for none
    /// @param sources text token of the pivot for every text token of the edit, or -1; empty for none
    /// @param factors logarithms of weights for every text token; empty for none
    private record Plan(boolean maps, Optional<long[]> visible, Optional<int[]> sources, Optional<float[]> factors) {
        boolean isEmpty() {
            return !maps && visible.isEmpty() && sources.isEmpty() && factors.isEmpty();
        }

        /// The same for the side whose words are not those of the prompts.
        Plan unprompted() {
            return new Plan(false, visible, Optional.empty(), Optional.empty());
        }
    }

    /// What is predicted for the edit.
    ///
    /// @param pivot    of the step
    /// @param awayFrom the branch that guidance leads away from
    Prediction predicted(EditTask task, Step step, Tensor pivot, Tensor x, double guidanceScale, Branch awayFrom) {
        var plan = plan(task, step);
        if (plan.isEmpty()) {
            return task.target(x, step, guidanceScale, awayFrom);
        }
        require(task.windows().count() == 1, "attention to the source needs a clip that the model takes as a whole; this one is "
                + "looked at in %d windows", task.windows().count());
        return Scope.run(() -> {
            var cond = task.beside(task.from(), pivot, task.to(), x, step, kernel(plan));
            if (guidanceScale == 1) {
                return new Prediction(cond, Optional.empty(), guidanceScale);
            }
            var other = plan.unprompted();
            var uncond = other.isEmpty() ? task.velocity(awayFrom, x, step)
                    : task.beside(task.unprompted(), pivot, awayFrom, x, step, kernel(other));
            return new Prediction(cond, Optional.of(uncond), guidanceScale);
        });
    }

    private Plan plan(EditTask task, Step step) {
        var maps = step.index() < mapsUntil * step.total();
        var shared = !maps && step.index() >= sharedFrom * step.total();
        var words = step.index() < wordsUntil * step.total() && task.words().isAligned();
        return new Plan(maps, shared ? task.mask().inside().flatMap(inside -> outside(task, inside)) : Optional.empty(),
                words ? Optional.of(task.words().source()) : Optional.empty(), factors(task));
    }

    private static Optional<long[]> outside(EditTask task, LatentMask inside) {
        var tokens = task.tokens().inside(inside).toFloats();
        var visible = IntStream.range(0, tokens.length).filter(at -> tokens[at] == 0).asLongStream().toArray();
        return visible.length == 0 ? Optional.empty() : Optional.of(visible);
    }

    private Optional<float[]> factors(EditTask task) {
        var length = (int) task.to().features().size(1);
        var factors = new float[length];
        var any = false;
        for (var entry : weights.entrySet()) {
            for (var column : task.words().columns().apply(entry.getKey())) {
                factors[column] += (float) Math.log(entry.getValue());
                any = true;
            }
        }
        return any ? Optional.of(factors) : Optional.empty();
    }

    // ---------------------------------------------------------------- attention

    private static AttentionKernel kernel(Plan plan) {
        return (_, site) -> {
            var pivot = site.sample(0);
            return Tensor.cat(List.of(pivot.attended(), edited(site.sample(1), pivot, plan)), 0);
        };
    }

    /// What the edit sees beside its pivot.
    static Tensor edited(Site edit, Site pivot, boolean maps, Optional<long[]> visible, Optional<int[]> sources,
            Optional<float[]> factors) {
        return edited(edit, pivot, new Plan(maps, visible, sources, factors));
    }

    private static Tensor edited(Site edit, Site pivot, Plan plan) {
        if (edit.kind() == Kind.CROSS) {
            var keys = plan.sources.map(sources -> found(edit.k(), pivot.k(), sources)).orElse(edit.k());
            return attended(edit.q(), keys, edit.v(), edit.scale(), plan.factors.map(f -> bias(f, edit.k())));
        }
        var texts = edit.textTokens();
        var videoQueries = plan.maps ? pivot.videoQueries() : edit.videoQueries();
        var videoKeys = plan.maps ? pivot.videoKeys() : edit.videoKeys();
        var keys = new ArrayList<>(List.of(edit.textKeys(), videoKeys));
        var values = new ArrayList<>(List.of(edit.v()));
        plan.visible.ifPresent(visible -> {
            var wanted = Tensor.of(visible, visible.length).to(edit.k().device());
            keys.add(pivot.videoKeys().indexSelect(2, wanted));
            values.add(pivot.v().narrow(2, texts, pivot.v().size(2) - texts).indexSelect(2, wanted));
        });
        var k = Tensor.cat(keys, 2);
        var v = Tensor.cat(values, 2);
        if (edit.kind() == Kind.SELF) {
            return attended(videoQueries, k, v, edit.scale(), Optional.empty());
        }
        if (plan.sources.isEmpty() && plan.factors.isEmpty()) {
            return attended(Tensor.cat(List.of(edit.textQueries(), videoQueries), 2), k, v, edit.scale(), Optional.empty());
        }
        // Words are found differently by the video; the text reads itself as it is.
        keys.set(0, plan.sources.map(sources -> found(edit.textKeys(), pivot.textKeys(), sources)).orElse(edit.textKeys()));
        var video = Tensor.cat(keys, 2);
        return Tensor.cat(List.of(attended(edit.textQueries(), k, v, edit.scale(), Optional.empty()),
                attended(videoQueries, video, v, edit.scale(), plan.factors.map(f -> bias(f, video)))), 2);
    }

    /// Text keys of the edit, and of the pivot where a word continues one of the source.
    private static Tensor found(Tensor own, Tensor pivot, int[] sources) {
        var both = Tensor.cat(List.of(own, pivot), 2);
        var length = (int) own.size(2);
        var places = IntStream.range(0, length)
                .mapToLong(at -> at < sources.length && sources[at] >= 0 ? length + sources[at] : at).toArray();
        return both.indexSelect(2, Tensor.of(places, length).to(own.device()));
    }

    /// Raises the scores of words: [1, 1, 1, keys].
    private static Tensor bias(float[] factors, Tensor keys) {
        var all = new float[(int) keys.size(2)];
        System.arraycopy(factors, 0, all, 0, factors.length);
        return Tensor.of(all, 1, 1, 1, all.length).like(keys);
    }

    private static Tensor attended(Tensor q, Tensor k, Tensor v, double scale, Optional<Tensor> bias) {
        return q.attention(k, v, bias.orElse(null), scale);
    }
}
