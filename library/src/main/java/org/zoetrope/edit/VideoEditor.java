package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.zoetrope.diffusion.FlowForm;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.diffusion.Step;
import org.zoetrope.media.Frames;
import org.zoetrope.nn.FeatureCache;
import org.zoetrope.nn.Pass;
import org.zoetrope.nn.Reuse;
import org.zoetrope.pipeline.Estimate;
import org.zoetrope.pipeline.Latents;
import org.zoetrope.pipeline.NetworkCall;
import org.zoetrope.pipeline.Progress;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.Recipe;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.RequestException;
import org.zoetrope.pipeline.Speeds;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;

/// Edits clips with a model.
///
/// ```java
/// try (var model = VideoModel.open(Path.of("models/mini"))) {
///     var editor = new VideoEditor(model);
///     var edit = editor.prepare(clip, EditRequest.of("a red circle moves right", "a blue square moves right"));
///     var video = editor.finish(editor.run(edit, ProgressListener.none()), clip, ProgressListener.none());
/// }
/// ```
///
/// An edit is: words to text features, the clip to latents, the method and the network in turns, latents to frames, and
/// the frames back to the size, length and rate of the clip.
public final class VideoEditor {
    private static final int MOST_STEPS = 1000;
    private static final int MOST_FRAMES = 1000;
    private static final long EXACT_IN_JSON = 1L << 53;

    private static final PromptFit PROMPT_FIT = PromptFit.defaults();

    private final VideoModel model;

    public VideoEditor(VideoModel model) {
        this.model = model;
    }

    /// A request that the model has accepted, and what it takes.
    ///
    /// @param source      the clip
    /// @param editor      the method
    /// @param fit         how it is brought to the model
    /// @param recipe      every open choice made; evaluations as expected
    /// @param windows     in how many parts the clip is looked at
    /// @param evaluations of the network for the edit
    /// @param forMask     evaluations for finding the mask
    /// @param forPrompt   evaluations for finding out whether the source prompt describes the clip
    /// @param recording   what a gradient keeps in memory, if the edit takes any
    /// @param estimate    what one evaluation takes, and one decoding; there are two decodings. Its memory is that of the edit
    /// @param notices     what the user should know although it is no reason to refuse
    public record Prepared(Frames source, EditRequest request, Editor editor, ClipFit fit, EditRecipe recipe, Windows windows,
            long evaluations, long forMask, long forPrompt, Recording recording, Estimate estimate, List<String> notices) {
        public Prepared {
            notices = List.copyOf(notices);
        }

        /// Gradients through the network at most, each behind an evaluation.
        public long gradients() {
            return editor.gradients(recipe.steps());
        }

        /// Floating-point operations of the whole edit.
        public double flops() {
            return estimate.encodeFlops() * 3 + estimate.denoiseFlops() * (evaluations + forMask + forPrompt)
                    + backward().flops() * gradients() * windows.count() + 2 * estimate.decodeFlops();
        }

        /// Seconds of the whole edit, at these speeds.
        public double seconds(Speeds speeds) {
            var device = estimate.device();
            return estimate.loadSeconds() + 3 * estimate.encoding().seconds(speeds, device)
                    + (evaluations + forMask + forPrompt) * estimate.denoising().seconds(speeds, device)
                    + backward().seconds(speeds, device) * gradients() * windows.count()
                    + 2 * estimate.decoding().seconds(speeds, device);
        }

        private Estimate.Stage backward() {
            return estimate.backward(recording.again());
        }
    }

    // ---------------------------------------------------------------- before the run

    /// Checks a request as a whole.
    ///
    /// @throws RequestException with every reason why the model cannot do this
    public Prepared prepare(Frames source, EditRequest request) {
        var problems = new ArrayList<String>();
        var notices = new ArrayList<String>();
        var defaults = model.defaults();
        int steps = request.steps().orElse(defaults.steps());
        var editor = request.editor().orElseGet(() -> FlowEdit.of(defaults.edits()));
        if (model.folder().has("text_encoder") && model.folder().has("tokenizer")) {
            checkPrompt("source prompt", request.from(), problems, notices);
            checkPrompt("target prompt", request.to(), problems, notices);
        } else {
            problems.add("this folder has no text encoder with a tokenizer, so it cannot read prompts");
        }
        if (steps < 1 || steps > MOST_STEPS) {
            problems.add("%d steps; give 1 to %d".formatted(steps, MOST_STEPS));
        } else {
            try {
                FlowForm.of(model.sampler(), steps);
            } catch (SamplingException e) {
                problems.add("%d steps: %s".formatted(steps, e.getMessage()));
            }
        }
        if (model.geometry().takesImage()) {
            problems.add("this model animates a picture; open a text-to-video model");
        }
        if (source.count() > MOST_FRAMES) {
            problems.add("%d frames; an edit takes at most %d: cut the video into parts".formatted(source.count(),
                    MOST_FRAMES));
        }
        if (problems.isEmpty() && editor instanceof InversionEdit edit) {
            edit.control().stream().flatMap(control -> control.weights().keySet().stream())
                    .filter(word -> columns(word, request.to()).length == 0).sorted()
                    .forEach(word -> problems.add("a weight for \"%s\", which the target prompt does not say; weigh words of \"%s\""
                            .formatted(word, request.to())));
        }
        if (request.mask() instanceof MaskSource.Drawn(var pixels, _)) {
            problems.addAll(pixels.misfits(source));
        }
        Optional<ClipFit> fit = Optional.empty();
        try {
            fit = Optional.of(ClipFit.of(source, model.geometry(), defaults, request.size()));
        } catch (RequestException e) {
            problems.addAll(e.problems());
        }
        var shape = fit.map(f -> ClipShape.of(source.count(), model.geometry(), windows(f)));
        shape.ifPresent(clip -> problems.addAll(editor.obstacles(clip)));
        if (request.reuse().isPresent()) {
            checkReuse(request, editor, fit.map(this::windows), problems);
        }
        if (!problems.isEmpty()) {
            throw new RequestException(model.name() + " cannot edit this", problems);
        }
        notices.addAll(fit.orElseThrow().changes());
        notices.addAll(shape.orElseThrow().shortness());
        notices.addAll(editor.caveats(shape.orElseThrow()));
        if (request.from().strip().equals(request.to().strip())) {
            notices.add("both prompts are the same: at equal guidance scales the clip comes back, at others it is led "
                    + "away from the negative prompt");
        }
        return prepared(source, request, editor, fit.orElseThrow(), steps, notices);
    }

    private Prepared prepared(Frames source, EditRequest request, Editor editor, ClipFit fit, int steps, List<String> notices) {
        var windows = windows(fit);
        var evaluations = editor.evaluations(steps, windows.count());
        var forMask = request.mask() instanceof MaskSource.VelocityDifference(var how, _)
                ? how.evaluations(windows.count()) : 0;
        var forPrompt = editor instanceof InversionEdit ? PROMPT_FIT.evaluations(windows.count()) : 0;
        var recipe = new EditRecipe(Recipe.VERSION, model.name(), request.from(), request.to(),
                request.negativePrompt(), editor.toString(), request.mask().toString(),
                request.seed().orElseGet(() -> ThreadLocalRandom.current().nextLong(EXACT_IN_JSON)), steps, fit.width(),
                fit.height(), fit.frames(), source.width(), source.height(), source.count(), source.fps(),
                model.samplerName(), model.dtype().name().toLowerCase(Locale.ROOT), request.composite(),
                evaluations + forMask + forPrompt, model.speed(request.reuse()));
        var seen = Math.min(fit.frames(), model.defaults().frames());
        var one = Request.of(request.to()).size(fit.width(), fit.height()).frames(seen).steps(1).guidance(1).seed(0);
        var estimate = request.reuse().map(reuse -> reusing(one, reuse)).orElseGet(() -> model.estimate(one));
        var recording = recording(fit, windows, estimate.device());
        return new Prepared(source, request, editor, fit, recipe, windows, evaluations, forMask, forPrompt, recording,
                editor.gradients(steps) > 0 ? estimate.besides(recording.bytes()) : estimate, notices);
    }

    /// The estimate of a request without guidance, with what is remembered of two predictions.
    private Estimate reusing(Request one, Reuse reuse) {
        var of = model.estimate(one.reuse(reuse));
        return of.besides(of.peakBytes() - model.estimate(one).peakBytes());
    }

    private static void checkReuse(EditRequest request, Editor editor, Optional<Windows> windows, List<String> problems) {
        if (!editor.followsOnePath()) {
            problems.add("nothing can be taken over from earlier steps: this method looks at other noise in every step, or at "
                    + "a level more than once; sdedit and random, which follow one path, can be cached or broadcast, and every "
                    + "method goes with lossless and int8");
        }
        if (request.mask() instanceof MaskSource.Attention) {
            problems.add("a mask that is found in attention needs every attention computed; draw one, or go without, to have "
                    + "some taken over from earlier steps");
        }
        windows.filter(w -> w.count() > 1).ifPresent(w -> problems.add(("the clip is looked at in %d parts, which remember "
                + "nothing of earlier steps; cut it, or have everything computed").formatted(w.count())));
    }

    private Windows windows(ClipFit fit) {
        return ClipFit.windows(fit.frames(), model.geometry(), model.defaults());
    }

    private void checkPrompt(String what, String words, List<String> problems, List<String> notices) {
        if (words.isBlank()) {
            problems.add("the %s is empty; say what the clip %s".formatted(what,
                    what.startsWith("source") ? "shows" : "should show"));
            return;
        }
        var dropped = model.tokens(words).dropped();
        if (!dropped.isEmpty()) {
            notices.add("the %s is longer than the model reads; it does not read the last words: %s".formatted(what,
                    String.join(" ", dropped)));
        }
    }

    // ---------------------------------------------------------------- from the clip to latents

    /// The long part: from the clip and the words to the latents of the edit.
    ///
    /// @throws org.zoetrope.pipeline.CancelledException if the listener or an interrupt asked to stop
    /// @throws SamplingException at the first step that is not finite
    public EditedLatents run(Prepared edit, ProgressListener listener) {
        return run(edit, Optional.empty(), EditListener.of(listener));
    }

    /// The same with every step kept, from one that an earlier run of the same edit has kept.
    ///
    /// @throws RequestException if the checkpoint belongs to another edit
    public EditedLatents run(Prepared edit, Optional<EditCheckpoint> from, EditListener listener) {
        from.filter(checkpoint -> !checkpoint.recipe().equals(edit.recipe())).ifPresent(checkpoint -> {
            throw new RequestException("the checkpoint belongs to another edit", List.of("%s then, %s now".formatted(
                    checkpoint.recipe(), edit.recipe())));
        });
        edit.notices().forEach(notice -> listener.on(new Progress.Notice(notice)));
        var request = edit.request();
        return Torch.withoutGradients(() -> Scope.run(() -> {
            var features = model.features(List.of(request.from(), request.to(), request.negativePrompt()), listener);
            var source = model.latents(edit.fit().there(edit.source()), listener);
            return model.withNetwork(listener, network -> edited(edit, network, features, source, from, listener));
        }));
    }

    /// Where a run stands before its first step.
    private static Progress.Denoising begun(Editor editor, EditRecipe recipe, Optional<Course.Reached> behind, Tensor source) {
        var steps = editor.stepsTaken(recipe.steps());
        return new Progress.Denoising(behind.map(r -> r.done() - (recipe.steps() - steps)).orElse(0), steps,
                behind.map(Course.Reached::state).orElse(source));
    }

    private EditedLatents edited(Prepared edit, NetworkCall network, List<Tensor> features, Tensor source,
            Optional<EditCheckpoint> from, EditListener listener) {
        var recipe = edit.recipe();
        var form = FlowForm.of(model.sampler(), recipe.steps());
        var behind = from.map(EditCheckpoint::reached).map(r -> new Course.Reached(r.done(), r.state().like(source)));
        listener.on(begun(edit.editor(), recipe, behind, source));
        var counter = new EvaluationCounter();
        var task = new EditTask(source, form.plan(), branch(form, network, features.get(0)),
                branch(form, network, features.get(1)), branch(form, network, features.get(2)), TokenGrid.of(model.geometry()),
                words(recipe, (int) features.get(1).size(1)), edit.recording().again(), edit.windows(),
                EditMask.everywhere(), Draws.of(recipe.seed()), counter, Course.plain());
        var mask = mask(edit, task);
        var editor = edit.editor().within(mask.inside().map(LatentMask::area).orElse(1.0));
        mask.inside().filter(_ -> !(mask instanceof AttentionMask)).ifPresent(inside -> listener
                .on(new Progress.Notice(coverage(inside.area()))));
        if (edit.forPrompt() > 0 && mask.inside().filter(inside -> inside.area() == 0 && mask instanceof EditMask.Fixed).isEmpty()) {
            listener.on(new Progress.Notice(PromptFit.said(PROMPT_FIT.ratio(task))));
        }
        from.ifPresent(checkpoint -> {
            checkpoint.inside().ifPresent(mask::goOn);
            counter.goOn(checkpoint.evaluations());
        });
        var begun = begun(editor, recipe, behind, source);
        var done = new AtomicInteger(begun.done());
        var whole = task.withMask(mask).withCourse(new Course(
                (_, latents) -> listener.on(new Progress.Denoising(done.incrementAndGet(), begun.steps(), latents)),
                (reached, clean) -> listener.after(new EditCheckpoint(recipe, reached, mask.inside(), counter.forwards()), clean),
                behind));
        var edited = edit.request().reuse().isEmpty() ? editor.edit(whole)
                : remembering(edit, editor, form, network, whole, listener);
        return new EditedLatents(edited.to(Device.CPU).contiguous().copy(), source.to(Device.CPU).contiguous().copy(),
                mask.inside(), recipe.evaluations(counter.forwards()), notices(edit, from));
    }

    private static List<String> notices(Prepared edit, Optional<EditCheckpoint> from) {
        return from.isEmpty() || edit.request().reuse().isEmpty() ? edit.notices()
                : Stream.concat(edit.notices().stream(), Stream.of("what could be reused was not kept with the state that the "
                        + "edit went on from: the result differs a little from that of an edit without a break")).toList();
    }

    /// Only the edit remembers: what came before it looked at other latents.
    private Tensor remembering(Prepared edit, Editor editor, FlowForm form, NetworkCall network, EditTask task, ProgressListener listener) {
        try (var cache = model.cache(edit.request().reuse().orElseThrow())) {
            var edited = editor.edit(task.withTarget(
                    new Remembering(form, network, task.to().features(), cache, FeatureCache.Branch.COND),
                    new Remembering(form, network, task.unprompted().features(), cache, FeatureCache.Branch.UNCOND)));
            listener.on(new Progress.Reused(cache.counts()));
            return edited;
        }
    }

    private static String coverage(double area) {
        return area == 0 ? "the mask is empty: nothing will change"
                : area == 1 ? "the mask covers the whole clip: nothing is kept from the edit"
                : String.format(Locale.ROOT, "the edit may act on %.0f %% of the clip", 100 * area);
    }

    private WordMap words(EditRecipe recipe, int length) {
        return WordMap.of(model.tokens(recipe.from()), model.tokens(recipe.to()), length, phrase -> columns(phrase, recipe.to()));
    }

    private Recording recording(ClipFit fit, Windows windows, Device device) {
        var g = model.geometry();
        var tokens = (long) Math.ceilDiv(windows.length(), g.patchFrames()) * (fit.height() / g.sizeStep()) * (fit.width() / g.sizeStep());
        return Recording.of(g, tokens + (g.joint() ? model.textShape()[1] : 0), windows.count(), model.dtype(), device);
    }

    private static Branch branch(FlowForm form, NetworkCall network, Tensor features) {
        return new Prompted(form, network, features.to(DType.FLOAT32));
    }

    /// The network of a model under one prompt.
    record Prompted(FlowForm form, NetworkCall network, Tensor features) implements Branch {
        @Override
        public Tensor velocity(Tensor x, Step step, Pass pass) {
            return form.velocity((z, own) -> network.predict(z, own, features, pass)).predict(x, step);
        }

        @Override
        public Branch with(Tensor other) {
            return new Prompted(form, network, other);
        }
    }

    /// The same, taking over what it can from earlier steps.
    private record Remembering(FlowForm form, NetworkCall network, Tensor features, FeatureCache cache,
            FeatureCache.Branch whose) implements Branch {
        @Override
        public Tensor velocity(Tensor x, Step step, Pass pass) {
            require(pass.equals(Pass.plain()), "a call with something special about it can take nothing over");
            return form.velocity((z, own) -> network.predict(z, own, features, cache.pass(own.timestep(), own.isLast(), whose)))
                    .predict(x, step);
        }

        @Override
        public Branch with(Tensor other) {
            return new Remembering(form, network, other, cache, whose);
        }
    }

    private EditMask mask(Prepared edit, EditTask task) {
        var recipe = edit.recipe();
        return switch (edit.request().mask()) {
            case MaskSource.Everywhere() -> EditMask.everywhere();
            case MaskSource.Drawn(var pixels, var edge) ->
                EditMask.fixed(pixels.latent(edit.fit(), model.geometry()), edge);
            case MaskSource.VelocityDifference(var how, var edge) -> EditMask.fixed(how.find(task), edge);
            case MaskSource.Attention(var edge, var source, var target) -> {
                var differing = Phrases.differing(recipe.from(), recipe.to());
                yield new AttentionMask(watchedBlocks(), columns(source.orElse(differing.source()), recipe.from()),
                        columns(target.orElse(differing.target()), recipe.to()),
                        task.tokens(), edge, task.source().shape());
            }
        };
    }

    /// Block 18 of 30 in cross-attention networks, as published; the middle third of joint ones.
    private Set<Integer> watchedBlocks() {
        var blocks = model.geometry().blocks();
        return model.geometry().joint()
                ? IntStream.range(blocks / 3, Math.max(blocks / 3 + 1, 2 * blocks / 3)).boxed().collect(Collectors.toSet())
                : Set.of(Math.min(blocks - 1, (int) Math.round(0.6 * blocks)));
    }

    /// The places of a phrase's tokens among those of a prompt.
    private int[] columns(String phrase, String prompt) {
        return columns(model, phrase, prompt);
    }

    static int[] columns(VideoModel model, String phrase, String prompt) {
        var words = model.tokens(phrase);
        var end = phrase.isBlank() ? 0 : Math.max(0, words.length() - 1); // the end token is not the phrase's
        return Phrases.find(Arrays.copyOf(words.ids(), end), model.tokens(prompt).ids());
    }

    // ---------------------------------------------------------------- from latents to the clip

    /// The second part: from the latents to the edited clip.
    ///
    /// @param source the clip the edit was made from
    /// @throws RequestException if it is another clip, or another model made the latents
    public EditedVideo finish(EditedLatents latents, Frames source, ProgressListener listener) {
        var recipe = latents.recipe();
        if (source.width() != recipe.sourceWidth() || source.height() != recipe.sourceHeight()
                || source.count() != recipe.sourceFrames()) {
            throw new RequestException("this is not the clip that was edited", List.of(
                    "%d frames of %d x %d were edited, these are %d of %d x %d".formatted(recipe.sourceFrames(),
                            recipe.sourceWidth(), recipe.sourceHeight(), source.count(), source.width(),
                            source.height())));
        }
        var fit = new ClipFit(recipe.width(), recipe.height(), recipe.frames(), List.of());
        var edited = fit.back(decoded(latents.edited(), latents, listener), source);
        var codec = fit.back(decoded(latents.source(), latents, listener), source);
        var frames = recipe.composite() && latents.inside().isPresent() ? Composite.of(edited, codec, source,
                latents.inside().get(), model.geometry(), model.geometry().padding(recipe.frames())) : edited;
        return new EditedVideo(frames, codec, recipe, latents.notices());
    }

    private Frames decoded(Tensor values, EditedLatents latents, ProgressListener listener) {
        return Scope.run(() -> {
            var padding = model.geometry().padding(latents.recipe().frames());
            var kept = values.narrow(1, padding, values.size(1) - padding).contiguous();
            return model.decode(new Latents(kept, latents.recipe().decoding(), List.of()), listener).frames();
        });
    }
}
