package org.zoetrope.pipeline;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.zoetrope.diffusion.Guidance;
import org.zoetrope.diffusion.Plan;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.diffusion.SkipGuidance;
import org.zoetrope.media.Frames;
import org.zoetrope.media.Resize;
import org.zoetrope.nn.Reuse;
import org.zoetrope.pipeline.OpenOptions.Matrices;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Tensor;

/// A request that a model has accepted: every open choice made, every given clip at its size.
///
/// @param reuse   what is taken over from earlier steps, thresholds decided
/// @param picture the first frame as it was given
/// @param image   the first frame, at the size of the video
/// @param video   the clip to start from, at the size and length of the video
/// @param notices what the user should know although it is no reason to refuse
record Order(Recipe recipe, Guidance guidance, Optional<SkipGuidance> skip, Optional<Reuse> reuse, Plan plan, Optional<Frames> picture, Optional<Frames> image,
        Optional<Frames> video,
        List<String> notices) {
    private static final double STRENGTH = 0.8; // the published video-to-video pipeline's
    private static final double SKIPPED_DEPTH = 0.38; // block 11 of 30, the public code's for CogVideoX-2B
    private static final int MOST_STEPS = 1000;
    private static final double HIGHEST_FPS = 1000;
    private static final int WORDS_NAMED = 40;
    private static final long EXACT_IN_JSON = 1L << 53; // readers of other languages keep numbers as doubles
    private static final int UNPROMPTED = 1; // the published pipelines leave the negative prompt out up to this scale

    /// @throws RequestException with every reason why the model cannot do this
    static Order of(Request request, Given given, Parts parts, String model, DType dtype, Matrices matrices) {
        return new Door(request, given, parts).order(model, dtype, matrices);
    }

    /// What makes a run faster and its result a little different, in the words of recipes; empty if nothing does.
    static Optional<String> speed(Optional<Reuse> reuse, Matrices matrices) {
        var words = Stream.concat(reuse.stream().map(Reuse::toString),
                Stream.of(matrices).filter(m -> m == Matrices.INT8).map(_ -> "int8 matrices")).toList();
        return words.isEmpty() ? Optional.empty() : Optional.of(String.join(" + ", words));
    }

    /// The threshold is the model's choice unless somebody names one.
    static Reuse decided(Reuse wanted, Parts parts) {
        return wanted instanceof Reuse.Stack(var threshold) && threshold.isEmpty()
                ? Reuse.Stack.usual().threshold(parts.drift().threshold()) : wanted;
    }

    /// Collects what is wrong with one request.
    private static final class Door {
        private final Request r;
        private final Given given;
        private final Parts parts;
        private final List<String> problems = new ArrayList<>();
        private final List<String> notices = new ArrayList<>();

        Door(Request request, Given given, Parts parts) {
            r = request;
            this.given = given;
            this.parts = parts;
        }

        Order order(String model, DType dtype, Matrices matrices) {
            var defaults = parts.defaults();
            int width = r.width().orElse(defaults.width()), height = r.height().orElse(defaults.height());
            var frames = r.frames().orElseGet(this::defaultFrames);
            var fps = r.fps().or(() -> r.initVideo().map(Frames::fps)).orElse(defaults.fps());
            var steps = r.steps().orElse(defaults.steps());
            var guidance = simplest(
                    r.guidance().orElseGet(() -> new Guidance.ClassifierFree(defaults.guidanceScale())));

            checkStart(frames);
            if (checkFrames(frames) & checkSize(width, height)) {
                parts.beyondPositions(width, height, frames).ifPresent(problems::add);
            }
            require(Double.isFinite(fps) && fps > 0 && fps <= HIGHEST_FPS,
                    "a rate of %s frames per second; give more than 0 and at most %s", fps, HIGHEST_FPS);
            checkGuidance(guidance);
            checkPrompt("prompt", r.prompt(), given.prompt());
            if (!(guidance instanceof Guidance.Off)) {
                checkPrompt("negative prompt", r.negativePrompt(), given.negativePrompt());
            } else if (!r.negativePrompt().isBlank()) {
                notices.add("guidance 1 leaves the negative prompt out; raise it for the negative prompt to count");
            }
            var skip = r.skip().map(this::skip);
            var plan = plan(steps);
            var reuse = r.reuse().map(this::reuse);
            plan.ifPresent(p -> reuse.ifPresent(_ -> checkReuse(p)));
            var strength = r.initVideo().map(_ -> r.strength().orElse(STRENGTH));
            var recipe = new Recipe(Recipe.VERSION, model, r.prompt(), r.negativePrompt(),
                    r.seed().orElseGet(() -> ThreadLocalRandom.current().nextLong(EXACT_IN_JSON)),
                    width, height, frames, fps, steps, skip.map(s -> guidance + " + " + s).orElse(guidance.toString()), parts.common().samplerName(),
                    dtype.name().toLowerCase(Locale.ROOT),
                    r.initImage().map(_ -> "image").or(() -> r.initVideo().map(_ -> "video")), strength,
                    speed(reuse, matrices));
            if (problems.isEmpty()) {
                checkTensors(recipe);
            }
            if (!problems.isEmpty()) {
                throw new RequestException(model + " cannot run this request", problems);
            }
            var picture = r.initImage().map(i -> i.slice(0, 1));
            var image = picture.map(i -> fitted("the image", i, width, height));
            var video = r.initVideo().map(v -> fitted("the video", v.slice(0, frames), width, height));
            return new Order(recipe, guidance, skip, reuse, plan.orElseThrow(), picture, image, video, List.copyOf(notices));
        }

        /// Without a wish, a given clip decides: as much of it as the model takes.
        private int defaultFrames() {
            var wanted = parts.defaults().frames();
            return r.initVideo()
                    .map(v -> Math.min(wanted, (v.count() - 1) / parts.strideT() * parts.strideT() + 1))
                    .orElse(wanted);
        }

        private void checkStart(int frames) {
            if (parts.common().folder().kind().takesImage()) {
                require(r.initImage().isPresent(),
                        "this model animates a picture, and there is none; give it an init image");
                require(r.initVideo().isEmpty(),
                        "this model starts from a picture, not from a video; open a text-to-video model for that");
            } else {
                require(r.initImage().isEmpty(),
                        "this model does not start from a picture; open an image-to-video model, or give a video");
            }
            require(r.strength().isEmpty() || r.initVideo().isPresent(),
                    "strength says how much of an init video is given up, and there is none");
            r.strength()
                    .ifPresent(s -> require(s > 0 && s <= 1, "a strength of %s; give more than 0 and at most 1", s));
            r.initVideo().ifPresent(v -> {
                require(v.count() >= frames, "the init video has %d frames, and %d were asked for; ask for at most %d",
                        v.count(), frames, v.count());
                if (v.count() > frames) {
                    notices.add("the init video has %d frames, of which the first %d are used".formatted(v.count(),
                            frames));
                }
            });
        }

        private boolean checkFrames(int frames) {
            var stride = parts.strideT();
            if (frames < 1) {
                problems.add("%d frames; give 1 or more".formatted(frames));
                return false;
            }
            if ((frames - 1) % stride != 0) {
                var below = (frames - 1) / stride * stride + 1;
                problems.add("%d frames; this model takes a multiple of %d and one more: %d or %d".formatted(frames,
                        stride, below, below + stride));
                return false;
            }
            return true;
        }

        private boolean checkSize(int width, int height) {
            var step = parts.sizeStep();
            if (width < 1 || height < 1 || width % step != 0 || height % step != 0) {
                problems.add("%d x %d pixels; width and height must be multiples of %d: width %s, height %s".formatted(
                        width, height, step, nearest(width, step), nearest(height, step)));
                return false;
            }
            return true;
        }

        private static String nearest(int length, int step) {
            var below = Math.max(0, length / step * step);
            return length > 0 && length % step == 0 ? Integer.toString(length)
                    : below == 0 || below > Integer.MAX_VALUE - step ? Integer.toString(Math.max(below, step))
                            : below + " or " + (below + step);
        }

        private static Guidance simplest(Guidance guidance) {
            return guidance instanceof Guidance.ClassifierFree(var scale) && scale == UNPROMPTED ? new Guidance.Off()
                    : guidance;
        }

        private void checkGuidance(Guidance guidance) {
            switch (guidance) {
                case Guidance.Off() -> {}
                case Guidance.ClassifierFree(var scale) -> checkScale(scale);
                case Guidance.Rescaled(var scale, _) -> checkScale(scale);
                case Guidance.Interval(var scale, _, _) -> checkScale(scale);
                case Guidance.Dynamic(var rise, _) -> require(Double.isFinite(rise) && rise >= 0,
                        "a dynamic guidance that rises by %s; give 0 or more", rise);
                case Guidance.Ramp(var first, var last, _) -> {
                    checkScale(first);
                    checkScale(last);
                }
                case Guidance.Oscillating(var high, var low, _) -> {
                    checkScale(high);
                    checkScale(low);
                }
            }
        }

        private void checkScale(double scale) {
            require(Double.isFinite(scale) && scale >= UNPROMPTED,
                    "a guidance scale of %s; give 1 (the prompt alone) or more", scale);
        }

        /// The blocks are the model's choice unless the request names some.
        private SkipGuidance skip(SkipGuidance wanted) {
            var blocks = parts.geometry().blocks();
            wanted.blocks().forEach(b -> require(b >= 0 && b < blocks,
                    "block %d to be skipped; this network has blocks 0 to %d", b, blocks - 1));
            return wanted.blocks().isEmpty() ? wanted.blocks(List.of((int) Math.round(SKIPPED_DEPTH * (blocks - 1)))) : wanted;
        }

        private Reuse reuse(Reuse wanted) {
            switch (wanted) {
                case Reuse.Stack(var threshold) -> threshold.ifPresent(t -> require(Double.isFinite(t) && t >= 0,
                        "a threshold of %s for reusing blocks; give 0 (never) or more", t));
                case Reuse.Attention(var every, var everyCross, var low, var high) -> {
                    require(every >= 1 && everyCross >= 1, "one of %d and one of %d attentions computed; give 1 (all) or "
                            + "more", every, everyCross);
                    require(low <= high, "attentions reused within the timesteps %s to %s, which are none", low, high);
                }
            }
            return decided(wanted, parts);
        }

        private void checkReuse(Plan plan) {
            require(plan.steps().stream().allMatch(s -> s.at().equals(s.from())), "%s calls the network between steps, "
                    + "where nothing may be reused; compute everything, or use a folder with another scheduler",
                    parts.common().samplerName());
            if (plan.steps().size() <= 2) {
                notices.add("nothing is reused in %d steps: the first and the last are always computed".formatted(
                        plan.steps().size()));
            }
            if (given.checkpoint().isPresent()) {
                notices.add("what could be reused was not kept with the checkpoint: the result differs a little from that "
                        + "of a run without a break");
            }
        }

        private void checkPrompt(String what, String words, Optional<Tensor> features) {
            if (features.isPresent()) {
                return;
            }
            var common = parts.common();
            if (common.tokenizer().isEmpty() || common.text().isEmpty()) {
                problems.add("this folder has no %s, so it cannot read a %s; give text features instead".formatted(
                        common.tokenizer().isEmpty() ? "tokenizer" : "text encoder", what));
                return;
            }
            if (words.isBlank() && what.equals("prompt")) {
                notices.add("the prompt is empty: the model shows whatever it likes");
            }
            var dropped = parts.tokens(words).dropped();
            if (!dropped.isEmpty()) {
                var text = "the %s is longer than the %d tokens this model reads; it does not read the last %s: %s"
                        .formatted(
                                what, parts.textTokens(),
                                dropped.size() == 1 ? "word" : dropped.size() + " words", named(dropped));
                (r.strict() ? problems : notices).add(text);
            }
        }

        private static String named(List<String> words) {
            return words.size() <= WORDS_NAMED ? String.join(" ", words)
                    : "%s ... (%d words between) ... %s".formatted(String.join(" ", words.subList(0, WORDS_NAMED / 2)),
                            words.size() - WORDS_NAMED,
                            String.join(" ", words.subList(words.size() - WORDS_NAMED / 2, words.size())));
        }

        private Optional<Plan> plan(int steps) {
            if (steps < 1 || steps > MOST_STEPS) {
                problems.add("%d steps; give 1 to %d".formatted(steps, MOST_STEPS));
                return Optional.empty();
            }
            var strength = r.initVideo().map(_ -> r.strength().orElse(STRENGTH)).orElse(1.0);
            if (!(strength > 0 && strength <= 1)) {
                return Optional.empty(); // reported with the start
            }
            try {
                return Optional.of(parts.common().sampler().plan(steps, strength));
            } catch (SamplingException e) {
                problems.add("%d steps: %s".formatted(steps, e.getMessage()));
                return Optional.empty();
            }
        }

        private void checkTensors(Recipe recipe) {
            given.checkpoint()
                    .ifPresent(c -> require(c.recipe().equals(recipe),
                            "the checkpoint belongs to another request: %s then, %s now", c.recipe(), recipe));
            given.noise()
                    .ifPresent(n -> require(Arrays.equals(n.shape(), parts.latentShape(recipe)),
                            "the given noise is %s, expected %s", n, Arrays.toString(parts.latentShape(recipe))));
            given.prompt()
                    .ifPresent(p -> require(
                            p.rank() == 3 && p.size(0) == 1 && p.size(2) == parts.textWidth(),
                            "the given text features are %s, expected [1, L, %d]", p, parts.textWidth()));
            given.negativePrompt()
                    .ifPresent(n -> require(
                            given.prompt().isEmpty() || Arrays.equals(n.shape(), given.prompt().get().shape()),
                            "the given features of the negative prompt are %s, those of the prompt %s", n,
                            given.prompt()));
        }

        private Frames fitted(String what, Frames clip, int width, int height) {
            var fitted = Resize.toFill(clip, width, height);
            fitted.changes().forEach(change -> notices.add("%s was %s".formatted(what, change)));
            return fitted.frames();
        }

        private void require(boolean holds, String format, Object... values) {
            if (!holds) {
                problems.add(format.formatted(values));
            }
        }
    }
}
