package org.zoetrope.pipeline;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.zoetrope.diffusion.Denoiser;
import org.zoetrope.diffusion.Guidance;
import org.zoetrope.diffusion.Noise;
import org.zoetrope.diffusion.Sampler;
import org.zoetrope.diffusion.SkipGuidance;
import org.zoetrope.diffusion.State;
import org.zoetrope.diffusion.Step;
import org.zoetrope.media.Frames;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.nn.ChunkListener;
import org.zoetrope.nn.FeatureCache;
import org.zoetrope.nn.FeatureCache.Branch;
import org.zoetrope.nn.Pass;
import org.zoetrope.nn.Reuse;
import org.zoetrope.pipeline.OpenOptions.Branches;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.Weights;

/// A published model folder, ready to turn requests into videos.
///
/// ```java
/// try (var model = VideoModel.open(Path.of("models/mini"))) {
///     var video = model.generate(Request.of("a red circle moves right").seed(7), progress -> {});
///     VideoWriter.write(video.frames(), Path.of("circle.mp4"));
/// }
/// ```
///
/// A run is: words to text features, noise to latents (the sampler, the guidance and the network take turns), latents
/// to frames. The order of draws from the seed: the posterior of a given picture or clip, the starting noise [1, T, C,
/// H, W], then what the sampler draws on its way; all float32 on the CPU, so that a seed means the same on every
/// machine.
///
/// One thread at a time may use a model; a second one waits.
///
/// Axes: T latent frames, C latent channels, H W latent height and width, L text tokens, D width of text features.
public final class VideoModel implements AutoCloseable {
    private static final long GIB = 1L << 30;
    private static final long KEPT = 4 * GIB; // weights below this stay in memory, all of them
    private static final long WHOLE_PICTURES = 2 * GIB; // a chunk above this is decoded in tiles
    // Each thread keeps what its tensors leave to itself, out of the autoencoder's reach; below this new pages cost more than it is worth.
    private static final long KEPT_APART = 32L << 20;
    private static final long ONE_BATCH = GIB / 2; // of activations: with more, the two branches of a step run one by one

    private final Parts parts;
    private final OpenOptions options;
    private final String name;
    private final NumberType numberType;
    private final boolean staysInMemory;
    private final Optional<Part<T5Encoder>> text;
    private final Optional<Part<Eye>> eye;
    private final Part<Network> network;
    private final Part<Codec> codec;

    private VideoModel(ModelFolder folder, OpenOptions options) {
        this.options = options;
        name = options.name().orElse(folder.name());
        parts = Parts.read(folder);
        var textSurvey = parts.common().text().map(c -> kept(survey("text_encoder", w -> new T5Encoder(c, w))));
        var eyeSurvey = parts.eye().map(build -> survey("image_encoder", build));
        var networkSurvey = kept(survey("transformer", parts::network));
        var codecSurvey = survey("vae", parts::codec);

        var sizes = Stream.of(textSurvey, eyeSurvey, Optional.of(networkSurvey), Optional.of(codecSurvey))
                .flatMap(Optional::stream).mapToLong(Part.Survey::parameters).toArray();
        var weights = LongStream.of(sizes).sum();
        var largest = LongStream.of(sizes).max().orElseThrow();
        numberType = options.dtype().map(NumberType::asked).orElseGet(
                () -> NumberType.choose(weights, largest, options.device(), Machine.here(), Speeds::here));
        var dtype = numberType.dtype();
        staysInMemory = switch (options.residency()) {
            case TOGETHER -> true;
            case ONE_AT_A_TIME -> false;
            case AUTO -> weights * dtype.bytes() < KEPT;
        };
        // The widest activations of published T5 encoders exceed 65504, where float16 ends.
        var textType = dtype == DType.FLOAT16 ? DType.BFLOAT16 : dtype;
        text = textSurvey.map(s -> s.in(textType, options.device(), staysInMemory));
        eye = eyeSurvey.map(s -> s.in(dtype, options.device(), staysInMemory));
        network = networkSurvey.in(dtype, options.device(), staysInMemory);
        codec = codecSurvey.in(parts.codecType(dtype), options.device(), staysInMemory);
    }

    private <M> Part.Survey<M> survey(String component, Function<Weights, M> build) {
        return Part.Survey.of(folder().component(component), options.variant(), build);
    }

    private <M> Part.Survey<M> kept(Part.Survey<M> survey) {
        return switch (options.matrices()) {
            case AS_NUMBERS -> survey;
            case INT8 -> survey.inInt8();
        };
    }

    // ---------------------------------------------------------------- opening

    /// Opens a folder with [OpenOptions#defaults()].
    public static VideoModel open(Path folder) {
        return open(folder, OpenOptions.defaults());
    }

    /// Reads the configs of all components and compares names and shapes of all weights with them. The weights
    /// themselves are brought into memory when they are first needed.
    ///
    /// @throws ConfigException if the folder or a config cannot be used, with everything found
    /// @throws org.zoetrope.weights.WeightsException if a checkpoint does not fit its config
    public static VideoModel open(Path folder, OpenOptions options) {
        options.dtype().ifPresent(type -> ConfigException.require(type.isFloating() && type.bytes() > 1,
                "networks cannot run in %s; choose float32, bfloat16 or float16", type));
        return new VideoModel(ModelFolder.read(folder), options);
    }

    /// The folder this model was opened from.
    public ModelFolder folder() {
        return parts.common().folder();
    }

    /// What recipes call this model.
    public String name() {
        return name;
    }

    /// What a request may leave open.
    public Defaults defaults() {
        return parts.defaults();
    }

    /// The shape of text features, [1, L, D], for callers that have their own.
    public long[] textShape() {
        return new long[] {1, parts.textTokens(), parts.textWidth()};
    }

    /// How this model cuts clips.
    public Geometry geometry() {
        return parts.geometry();
    }

    /// The scheduler of the folder as a sampler.
    public Sampler sampler() {
        return parts.common().sampler();
    }

    /// Published class of the scheduler.
    public String samplerName() {
        return parts.common().samplerName();
    }

    /// The number type the transformer runs in.
    public DType dtype() {
        return network.dtype();
    }

    /// That type, and what decided it.
    public NumberType numberType() {
        return numberType;
    }

    // ---------------------------------------------------------------- running

    /// Makes a video.
    ///
    /// @throws RequestException if the model cannot do this, with every reason
    /// @throws CancelledException if the listener or an interrupt asked to stop
    /// @throws org.zoetrope.diffusion.SamplingException at the first step that is not finite
    /// @throws GenerationException if the frames are not finite, or one colour everywhere
    public Video generate(Request request, ProgressListener listener) {
        try (var _ = Scope.open()) {
            return decode(denoise(request, listener), listener);
        }
    }

    /// The first, long part of [#generate]: from the words to the latents.
    public Latents denoise(Request request, ProgressListener listener) {
        return denoise(request, Given.nothing(), listener);
    }

    /// As [#denoise(Request, ProgressListener)], with some of the inputs given instead of computed.
    public synchronized Latents denoise(Request request, Given given, ProgressListener listener) {
        var order = Order.of(request, given, parts, name, dtype(), options.matrices());
        order.notices().forEach(notice -> listener.on(new Progress.Notice(notice)));
        return Torch.withoutGradients(() -> Scope.run(() -> {
            var features = features(order, given, listener);
            var rng = new Rng(order.recipe().seed());
            var start = start(order, given, rng, listener);
            var latents = network.use(listener, n -> sample(order, n, features, start, rng, given.checkpoint(), listener));
            var padding = parts.padding(order.recipe().frames());
            var kept = latents.narrow(1, padding, latents.size(1) - padding).to(Device.CPU).contiguous();
            return new Latents(kept.copy(), order.recipe(), order.notices());
        }));
    }

    /// The second part of [#generate]: from the latents to the frames.
    ///
    /// @throws RequestException if another model made the latents
    public Video decode(Latents latents, ProgressListener listener) {
        var images = new ArrayList<byte[]>();
        decode(latents, listener, chunk -> images.addAll(chunk.images()));
        var recipe = latents.recipe();
        return new Video(new Frames(recipe.width(), recipe.height(), recipe.fps(), images), recipe, latents.notices());
    }

    /// As [#decode(Latents, ProgressListener)], handing over the frames chunk by chunk as they are decoded. Throws
    /// after the last chunk if all of them were one colour.
    public void decode(Latents latents, ProgressListener listener, Consumer<Frames> receiver) {
        var flat = new FlatCheck();
        pixels(latents, listener, chunk -> {
            var frames = Frames.of(chunk, latents.recipe().fps());
            flat.look(frames);
            receiver.accept(frames);
        });
        flat.refuse(latents.recipe());
    }

    /// The decoder's output before it is rounded to colours.
    ///
    /// @param receiver takes chunks [1, 3, f, height, width], about -1 to 1, that are valid during the call only
    public synchronized void pixels(Latents latents, ProgressListener listener, Consumer<Tensor> receiver) {
        checkFits(latents);
        Torch.withoutGradients(() -> codec.use(listener, c -> {
            c.decode(latents.values().to(options.device(), codec.dtype()), isTiled(latents.recipe()), watching(listener), receiver);
            return 0;
        }));
    }

    /// Reports each chunk, and ends the run as soon as one is not finite or the listener wants it.
    private ChunkListener watching(ProgressListener listener) {
        return new ChunkListener() {
            @Override
            public void begin(int all) {
                listener.on(new Progress.Decoding(0, all));
            }

            @Override
            public void after(Tensor chunk, int done, int all) {
                if (!chunk.isFinite()) {
                    throw new GenerationException("the decoder gave frames that are not finite in chunk %d of %d, from finite latents; it ran in %s: try another number type"
                            .formatted(done, all, codec.dtype()));
                }
                listener.on(new Progress.Decoding(done, all));
                checkCancelled(listener, "after decoding %d of %d chunks".formatted(done, all));
            }
        };
    }

    // ---------------------------------------------------------------- for callers who arrange a run anew

    /// Text features [1, L, D] of each prompt, as the network reads them.
    ///
    /// @throws ConfigException if the folder cannot read words
    public synchronized List<Tensor> features(List<String> prompts, ProgressListener listener) {
        ConfigException.require(text.isPresent() && parts.common().tokenizer().isPresent(),
                "%s has no text encoder with a tokenizer, so it cannot read prompts", name);
        return Torch.withoutGradients(() -> text.orElseThrow().use(listener, encoder -> prompts.stream()
                .map(prompt -> placed(encode(encoder, "prompt", prompt, listener))).toList()));
    }

    /// How a prompt reaches the network: its tokens, and the words that do not fit.
    public TokenizedPrompt tokens(String prompt) {
        return parts.tokens(prompt);
    }

    /// The latents of a clip as the network knows them [1, T, C, H, W], padding included: the mean of the autoencoder's
    /// posterior, so that nothing is drawn.
    ///
    /// @param clip a size and a number of frames that the model takes
    public synchronized Tensor latents(Frames clip, ProgressListener listener) {
        return Torch.withoutGradients(() -> Scope.run(() -> {
            var tiled = isTiled(clip.width(), clip.height(), clip.count());
            var clean = encode("video", listener, clip, (c, pixels) -> c.encode(pixels, tiled, Tensor::zeros));
            return padded(clean, clean.size(1) + parts.padding(clip.count())).contiguous();
        }));
    }

    /// Runs the body with the network in memory.
    ///
    /// @throws ConfigException if this model does not start from latents alone
    public synchronized <R> R withNetwork(ProgressListener listener, Function<NetworkCall, R> body) {
        ConfigException.require(!parts.geometry().takesImage(),
                "%s animates a picture; open a text-to-video model instead", name);
        return Torch.withoutGradients(() -> network.use(listener, model -> body.apply((x, step, features, pass) -> {
            checkCancelled(listener, "in step %d of %d".formatted(step.index() + 1, step.total()));
            return forward(model, sampler().scaleInput(x, step).to(network.dtype()), step, features.to(network.dtype()), Optional.empty(),
                    pass);
        })));
    }

    /// What makes a run of this model that may take things over faster and its result a little different, in the words of
    /// recipes; empty if nothing does.
    public Optional<String> speed(Optional<Reuse> reuse) {
        return Order.speed(reuse.map(wanted -> Order.decided(wanted, parts)), options.matrices());
    }

    /// Remembers for one run of [#withNetwork] what may be taken over.
    public FeatureCache cache(Reuse reuse) {
        return FeatureCache.of(reuse, parts.drift());
    }

    // ---------------------------------------------------------------- between runs

    /// How latents of this model look without decoding them; fitted to its autoencoder in a moment.
    public synchronized LatentColours colours(ProgressListener listener) {
        var side = LatentColours.sampleSize(parts.strideXY());
        var clip = LatentColours.sample(side, side, 2 * parts.strideT() + 1, LatentColours.patch(parts.strideXY()));
        var rng = new Rng(0);
        return Torch.withoutGradients(() -> Scope.run(() -> LatentColours.fit(
                encode("colours", listener, clip, (c, pixels) -> c.encode(pixels, false, rng::normal)), clip,
                parts.strideT())));
    }

    /// Brings all components into memory that stay there, so that the first run does not wait for them.
    public synchronized void load(ProgressListener listener) {
        if (staysInMemory) {
            Stream.of(text, eye, Optional.of(network), Optional.of(codec)).flatMap(Optional::stream)
                    .forEach(part -> part.use(listener, _ -> part));
        }
    }

    /// Whether weights are in memory between runs.
    public boolean isLoaded() {
        return network.isLoaded();
    }

    // ---------------------------------------------------------------- text to features

    private record Features(Tensor cond, Optional<Tensor> uncond) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return Stream.concat(Stream.of(cond), uncond.stream()).toList();
        }
    }

    private Features features(Order order, Given given, ProgressListener listener) {
        var guided = !(order.guidance() instanceof Guidance.Off);
        if (given.prompt().isPresent() && (!guided || given.negativePrompt().isPresent())) {
            return new Features(placed(given.prompt().get()),
                    given.negativePrompt().filter(_ -> guided).map(this::placed));
        }
        return text.orElseThrow().use(listener, encoder -> new Features(
                placed(given.prompt().orElseGet(() -> encode(encoder, "prompt", order.recipe().prompt(), listener))),
                guided ? Optional.of(placed(given.negativePrompt()
                        .orElseGet(
                                () -> encode(encoder, "negative prompt", order.recipe().negativePrompt(), listener))))
                        : Optional.empty()));
    }

    private Tensor encode(T5Encoder encoder, String what, String prompt, ProgressListener listener) {
        listener.on(new Progress.Encoding(what));
        var features = parts.features(encoder, parts.tokens(prompt), options.device());
        checkCancelled(listener, "after reading the " + what);
        return features;                                                                          // [1, L, D]
    }

    private Tensor placed(Tensor features) {
        return features.to(options.device(), network.dtype());
    }

    // ---------------------------------------------------------------- where a run starts

    /// @param x     the starting latents [1, T, C, H, W], float32
    /// @param first   what the network sees of a first frame beside them [1, T, ., H, W]
    /// @param picture features of the first frame [1, I, D], for networks that read them
    private record Start(Tensor x, Optional<Tensor> first, Optional<Tensor> picture) implements Tensors {
        @Override
        public List<Tensor> tensors() {
            return Stream.of(Optional.of(x), first, picture).flatMap(Optional::stream).toList();
        }
    }

    private Start start(Order order, Given given, Rng rng, ProgressListener listener) {
        var recipe = order.recipe();
        var picture = order.picture().flatMap(p -> eye.map(part -> part.use(listener, e -> {
            listener.on(new Progress.Encoding("picture"));
            var features = placed(e.look(p));
            checkCancelled(listener, "after looking at the picture");
            return features;
        })));
        var first = order.image().map(frame -> encode("first frame", listener, frame,
                (c, pixels) -> c.firstFrame(pixels, recipe.frames(), isTiled(recipe), rng::normal)));
        var video = order.video().map(clip -> encode("video", listener, clip,
                (c, pixels) -> c.encode(pixels, isTiled(recipe), rng::normal)));
        var shape = parts.latentShape(recipe);
        var noise = given.noise().orElseGet(() -> rng.normal(shape)).to(options.device(), DType.FLOAT32);
        var x = video.map(clean -> order.plan().start().noisy(padded(clean, shape[1]), noise))
                .orElseGet(() -> order.plan().fromNoise(noise));
        return new Start(x, first, picture);
    }

    private Tensor encode(String what, ProgressListener listener, Frames clip, BiFunction<Codec, Tensor, Tensor> encoding) {
        return codec.use(listener, c -> {
            listener.on(new Progress.Encoding(what));
            var latents = encoding.apply(c, clip.toTensor().to(options.device(), codec.dtype()));
            checkCancelled(listener, "after encoding the " + what);
            return latents;                                                                       // [1, T, ., H, W]
        });
    }

    private static Tensor padded(Tensor clean, long frames) {
        var missing = frames - clean.size(1);
        return missing == 0 ? clean : Tensor.cat(List.of(clean.narrow(1, 0, 1).repeat(1, missing, 1, 1, 1), clean), 1);
    }

    // ---------------------------------------------------------------- noise to latents

    /// All that the steps of one run share.
    private record Run(Order order, Network model, Features features, Start start, FeatureCache cache) {
        /// A prediction, in float32.
        ///
        /// @param samples whose predictions the samples of the batch are
        Tensor forward(Tensor input, Step step, Tensor prompt, Optional<Tensor> picture, Branch... samples) {
            return VideoModel.forward(model, input, step, prompt, picture, pass(step, samples));
        }

        Pass pass(Step step, Branch... samples) {
            return cache.pass(step.timestep(), step.isLast(), samples);
        }
    }

    private Tensor sample(Order order, Network model, Features features, Start start, Rng rng,
            Optional<Checkpoint> checkpoint, ProgressListener listener) {
        var steps = order.plan().steps().size();
        checkpoint.ifPresent(c -> rng.restore(c.stream()));
        var from = checkpoint.map(c -> c.state().to(options.device())).orElseGet(() -> State.of(start.x()));
        var done = new AtomicInteger(from.done());
        listener.on(new Progress.Denoising(from.done(), steps, from.x()));
        try (var cache = order.reuse().map(r -> FeatureCache.of(r, parts.drift())).orElseGet(FeatureCache::none)) {
            var run = new Run(order, model, features, start, cache);
            Denoiser denoiser = (x, step) -> {
                checkCancelled(listener, "after %d of %d steps".formatted(done.get(), steps));
                return predict(run, x, step);
            };
            var sampler = parts.common().sampler();
            var latents = sampler.sample(order.plan(), from, denoiser, Noise.from(rng), move -> {
                listener.on(new Progress.Denoising(done.incrementAndGet(), steps, move.to().x()));
                listener.after(new Checkpoint(order.recipe(), move.to(), rng.state()), () -> sampler.clean(move));
            }).x();
            order.reuse().ifPresent(_ -> listener.on(new Progress.Reused(cache.counts())));
            long words = features.cond().size(1);
            if (branches(order, words) == Branches.SIDE_BY_SIDE && denoiseBytes(order, words) > KEPT_APART) {
                Torch.giveBackMemory();
            }
            return latents;
        }
    }

    /// The guided prediction, in float32: a difference of two predictions is multiplied by the guidance scale, and with
    /// it their rounding.
    private Tensor predict(Run run, Tensor x, Step step) {
        var start = run.start;
        var cond = run.features.cond();
        var input = start.first().map(f -> Tensor.cat(List.of(x, f), 2)).orElse(x).to(network.dtype());
        var guidance = run.order.guidance();
        if (run.features.uncond().isEmpty() || !guidance.needsUncond(step)) {
            var prompted = run.forward(input, step, cond, start.picture(), Branch.COND);
            return pushed(run, input, step, prompted, prompted);
        }
        var uncond = run.features.uncond().get();
        var how = branches(run.order, uncond.size(1));
        var both = switch (how == Branches.TOGETHER && !Arrays.equals(uncond.shape(), cond.shape()) ? Branches.APART : how) {
            case TOGETHER -> run.forward(Tensor.cat(List.of(input, input), 0), step, Tensor.cat(List.of(cond, uncond), 0),
                    start.picture().map(p -> Tensor.cat(List.of(p, p), 0)), Branch.COND, Branch.UNCOND).chunk(2, 0);
            case SIDE_BY_SIDE -> Torch.sideBySide(List.of(
                    () -> run.forward(input, step, cond, start.picture(), Branch.COND),
                    () -> run.forward(input, step, uncond, start.picture(), Branch.UNCOND)));
            case APART, AUTO -> List.of(
                    Scope.run(() -> run.forward(input, step, cond, start.picture(), Branch.COND)),
                    Scope.run(() -> run.forward(input, step, uncond, start.picture(), Branch.UNCOND)));
        };
        return pushed(run, input, step, guidance.combine(both.getFirst(), both.getLast(), step), both.getFirst());
    }

    /// A guided prediction, pushed away from that of the network without some blocks if the order says so.
    private static Tensor pushed(Run run, Tensor input, Step step, Tensor guided, Tensor cond) {
        return run.order.skip().map(skip -> {
            var features = run.features;
            var words = skip.kind() == SkipGuidance.Kind.PROMPTED ? features.cond() : features.uncond().orElse(features.cond());
            return skip.combine(guided, cond, Scope.run(() -> forward(run.model, input, step, words, run.start.picture(),
                    run.pass(step, Branch.WEAKENED).skipping(Set.copyOf(skip.blocks())))));
        }).orElse(guided);
    }

    private static Tensor forward(Network model, Tensor input, Step step, Tensor prompt, Optional<Tensor> picture,
            Pass pass) {
        var timestep = Tensor.full(step.timestep(), DType.FLOAT32, input.device(), input.size(0));
        return model.predict(input, timestep, prompt, picture, pass).to(DType.FLOAT32);
    }

    /// How the two predictions of a step are computed: what is asked for, as far as it can be had. One alone is apart.
    private Branches branches(Order order, long words) {
        if (order.guidance() instanceof Guidance.Off) {
            return Branches.APART;
        }
        var wanted = options.branches() == Branches.AUTO ? automatic(words, videoTokens(order.recipe())) : options.branches();
        var mayPart = order.reuse().isEmpty() && options.device().kind() == Device.Kind.CPU;
        return wanted == Branches.SIDE_BY_SIDE && !mayPart ? Branches.TOGETHER : wanted;
    }

    private Branches automatic(long words, long tokens) {
        return parts.denoiseBytes(words, tokens, network.dtype(), 2) >= ONE_BATCH ? Branches.APART
                : Torch.threads() == 2 ? Branches.SIDE_BY_SIDE
                : Branches.TOGETHER;
    }

    // ---------------------------------------------------------------- latents to frames

    private void checkFits(Latents latents) {
        var recipe = latents.recipe();
        var expected = new long[] {1, parts.latentFrames(recipe.frames()), parts.latentChannels(),
                recipe.height() / parts.strideXY(), recipe.width() / parts.strideXY()};
        if (!Arrays.equals(latents.values().shape(), expected)) {
            throw new RequestException("%s cannot decode these latents of %s".formatted(name, recipe.model()), List.of(
                    "they are %s; %d frames of %d x %d are %s here".formatted(Arrays.toString(latents.values().shape()),
                            recipe.frames(), recipe.width(), recipe.height(), Arrays.toString(expected))));
        }
        if (!latents.values().isFinite()) {
            throw new GenerationException("the latents to decode are not finite; make them again");
        }
    }

    private boolean isTiled(Recipe r) {
        return isTiled(r.width(), r.height(), r.frames());
    }

    private boolean isTiled(int width, int height, int frames) {
        return switch (options.tiling()) {
            case ALWAYS -> true;
            case NEVER -> false;
            case AUTO -> parts.decodeBytes(width, height, parts.latentFrames(frames),
                    codec.dtype()) > WHOLE_PICTURES;
        };
    }

    /// A video of one colour is what overflow and broken weights look like after clamping.
    private static final class FlatCheck {
        private int colour = -1;
        private boolean varied;

        void look(Frames frames) {
            colour = colour < 0 ? frames.pixel(0, 0, 0) : colour;
            for (var f = 0; f < frames.count() && !varied; f++) {
                for (var y = 0; y < frames.height() && !varied; y++) {
                    for (var x = 0; x < frames.width() && !varied; x++) {
                        varied = frames.pixel(f, x, y) != colour;
                    }
                }
            }
        }

        void refuse(Recipe recipe) {
            if (!varied) {
                throw new GenerationException(
                        "every pixel of the %d frames has the colour #%06x, which is no video; another seed, fewer "
                                .formatted(recipe.frames(), colour)
                                + "guidance or another number type than %s may help".formatted(recipe.dtype()));
            }
        }
    }

    private static void checkCancelled(ProgressListener listener, String where) {
        if (listener.isCancelled() || Thread.currentThread().isInterrupted()) {
            throw new CancelledException(where);
        }
    }

    // ---------------------------------------------------------------- before and after

    /// What a request would take.
    ///
    /// @throws RequestException if the model cannot do this, with every reason
    public Estimate estimate(Request request) {
        return estimate(request, Given.nothing());
    }

    /// As [#estimate(Request)], with some of the inputs given instead of computed.
    public Estimate estimate(Request request, Given given) {
        var order = Order.of(request, given, parts, name, dtype(), options.matrices());
        var r = order.recipe();
        long words = given.prompt().map(p -> p.size(1)).orElse((long) parts.textTokens());
        var textPart = text.filter(_ -> given.prompt().isEmpty()).map(Part::estimate);
        var eyePart = eye.map(Part::estimate);
        var networkPart = network.estimate();
        var codecPart = codec.estimate(order.image().isPresent() || order.video().isPresent());
        var list = Stream.of(textPart, eyePart, Optional.of(networkPart), Optional.of(codecPart))
                .flatMap(Optional::stream).toList();

        var reading = textPart.map(_ -> Estimate.activations(parts.common().text().orElseThrow(), words,
                text.orElseThrow().dtype())).orElse(0L);
        var denoising = denoiseBytes(order, words);
        var decoding = decodeBytes(r);
        long kept = 0, peak = 0; // a component that stays is there from its first use on
        for (var stage : List.of(new Moment(textPart, reading), new Moment(eyePart, 0), new Moment(Optional.of(networkPart), denoising),
                new Moment(Optional.of(codecPart), decoding))) {
            var weights = stage.part.map(Estimate.Part::resident).orElse(0L);
            peak = Math.max(peak, kept + weights + stage.activations);
            kept += staysInMemory ? weights : 0;
        }
        return new Estimate(list, parts.sequence(words, videoTokens(r)), Math.max(reading, Math.max(denoising, decoding)),
                peak + Estimate.FIRST_RUN, options.device(), encodeWork(order, words, textPart.isPresent()), denoiseWork(order, words),
                decodeWork(r));
    }

    /// A part of a run, with the component that it needs and the bytes of its temporaries.
    private record Moment(Optional<Estimate.Part> part, long activations) {}

    private long videoTokens(Recipe r) {
        return parts.videoTokens(r.width(), r.height(), r.frames());
    }

    private long denoiseBytes(Order order, long words) {
        var r = order.recipe();
        var branches = order.guidance() instanceof Guidance.Off ? 1 : 2;
        return parts.denoiseBytes(words, videoTokens(r), network.dtype(), branches(order, words) == Branches.APART ? 1 : 2)
                + order.reuse().map(reuse -> branches * Estimate.kept(reuse, parts.geometry(),
                        parts.sequence(words, videoTokens(r)), network.dtype())).orElse(0L);
    }

    private long decodeBytes(Recipe r) {
        var tile = tile(r);
        int width = Math.min(tile.width(), r.width()), height = Math.min(tile.height(), r.height()), latents = parts.latentFrames(r.frames());
        return parts.decodeBytes(width, height, latents, codec.dtype()) + parts.scrapBytes(width, height, latents, codec.dtype())
                + parts.tailBytes(width, height, codec.dtype())
                + colours(r) // the frames themselves, a byte for each colour
                + (isTiled(r) ? Math.round(colours(r) * codec.dtype().bytes() * tile.overlap(r.width(), r.height())) : 0); // and of all tiles
    }

    private static long colours(Recipe r) {
        return 3L * r.width() * r.height() * r.frames();
    }

    private Parts.Tile tile(Recipe r) {
        return isTiled(r) ? parts.tile() : new Parts.Tile(r.width(), r.height(), r.width(), r.height());
    }

    private Estimate.Stage encodeWork(Order order, long words, boolean readsWords) {
        var branches = order.guidance() instanceof Guidance.Off ? 1 : 2;
        var work = new ArrayList<Estimate.Work>();
        parts.common().text().filter(_ -> readsWords).ifPresent(c -> work.add(new Estimate.Work(Speeds.Kind.LAYERS,
                text.orElseThrow().dtype(), branches * Estimate.encode(c, words), (double) words * c.dModel() * c.dModel())));
        eye.ifPresent(part -> work.add(new Estimate.Work(Speeds.Kind.LAYERS, part.dtype(), parts.lookFlops(), Speeds.LARGE)));
        return new Estimate.Stage(work);
    }

    /// All calls of the network. Attention among few tokens goes with the layers, as where their speed is measured.
    private Estimate.Stage denoiseWork(Order order, long words) {
        var r = order.recipe();
        var tokens = parts.sequence(words, videoTokens(r));
        var batch = branches(order, words) == Branches.APART ? 1 : 2;
        double calls = order.plan().steps().stream().mapToLong(step -> order.guidance().needsUncond(step) ? 2 : 1).sum()
                + (order.skip().isPresent() ? order.plan().steps().size() : 0);
        double all = calls * parts.denoiseFlops(words, videoTokens(r)), attention = calls * parts.attentionFlops(words, videoTokens(r));
        var width = (double) parts.geometry().width();
        var apart = tokens < SpeedProbe.ATTENDING ? 0 : attention;
        return new Estimate.Stage(List.of(
                new Estimate.Work(Speeds.Kind.LAYERS, network.dtype(), all - apart, batch * tokens * width * width),
                new Estimate.Work(Speeds.Kind.ATTENTION, network.dtype(), apart, Speeds.LARGE)));
    }

    private Estimate.Stage decodeWork(Recipe r) {
        var whole = parts.decodeFlops(r.width(), r.height(), parts.latentFrames(r.frames()));
        return new Estimate.Stage(List.of(new Estimate.Work(parts.decoderKind(), codec.dtype(),
                whole * tile(r).overlap(r.width(), r.height()), whole / r.frames() / r.width() / r.height())));
    }

    /// Frees the weights. A run that is under way is waited for; one that comes later brings them back.
    @Override
    public synchronized void close() {
        text.ifPresent(Part::close);
        eye.ifPresent(Part::close);
        network.close();
        codec.close();
    }
}
