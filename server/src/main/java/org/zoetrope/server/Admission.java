package org.zoetrope.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.zoetrope.edit.VideoEditor;
import org.zoetrope.media.Frames;
import org.zoetrope.media.ImageFile;
import org.zoetrope.media.Limits;
import org.zoetrope.media.MediaException;
import org.zoetrope.media.Resize;
import org.zoetrope.media.VideoReader;
import org.zoetrope.media.VideoWriter;
import org.zoetrope.pipeline.Machine;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.RequestException;
import org.zoetrope.pipeline.Smaller;
import org.zoetrope.pipeline.Tiers;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.WeightsException;

/// The door for jobs. A request is checked once, completely, by the model that will run it; every open choice is made;
/// the job is recorded, and then it waits for a worker. What cannot run is refused here, with what could.
final class Admission {
    private static final Duration RETRIES = Duration.ofMinutes(10); // how long a client may repeat itself
    private static final long EXACT_IN_JSON = 1L << 53;
    private static final Pattern SIZE = Pattern.compile("(\\d{1,5})x(\\d{1,5})");
    private static final int ALIAS_WIDTH = 720, ALIAS_HEIGHT = 1280; // what OpenAI makes for those who ask for no size
    private static final String ALIAS_SECONDS = "4"; // and for no length
    private static final Set<String> SETTINGS = Set.of("negative_prompt", "seed", "steps", "guidance_scale",
            "num_frames", "fps", "priority", "speed", "reuse_threshold");
    private static final Set<String> EDIT = Set.of("prompt", "video", "method", "source_prompt", "negative_prompt",
            "seed", "steps", "guidance_scale", "mask", "priority", "speed", "reuse_threshold");
    private static final Set<String> EXTEND = union(SETTINGS, Set.of("prompt", "seconds", "video"));
    private static final String SOURCE = JobFolder.Variant.SOURCE.file, MASK = "mask"; // files of a job
    private static final int CLIPS = 4; // in memory during an edit: the video, what its codec keeps, the edit, the end
    private static final SecureRandom RANDOM = new SecureRandom();

    /// Who asks, and how.
    ///
    /// @param key   what the client calls this request
    /// @param again whether the client says that it repeats itself
    record Asker(String owner, Optional<String> key, boolean again) {
        /// Of a client that repeats itself without a name for the request: since when it may have been answered before.
        Optional<Long> repeatsSince() {
            return again && key.isEmpty() ? Optional.of(System.currentTimeMillis() - RETRIES.toMillis()) : Optional.empty();
        }
    }

    /// A job with the files it starts from.
    private record Draft(Job job, Map<String, byte[]> files) {}

    private final ServerSettings settings;
    private final JobStore store;
    private final JobQueue queue;
    private final Models models;
    private final UploadDecoder uploads;
    private final ContentUrl urls;
    private final Characters characters;

    Admission(ServerSettings settings, JobStore store, JobQueue queue, Models models, UploadDecoder uploads,
            ContentUrl urls, Characters characters) {
        this.settings = settings;
        this.store = store;
        this.queue = queue;
        this.models = models;
        this.uploads = uploads;
        this.urls = urls;
        this.characters = characters;
    }

    // ---------------------------------------------------------------- the kinds of request

    /// A video from words, and from a picture or a video where the model starts from one.
    Job create(Form form, Asker asker) {
        form.allow(union(SETTINGS, Set.of("prompt", "model", "seconds", "size", "input_reference", "strength",
                "characters")));
        return accept("create", form, asker, () -> {
            var asked = asked(form);
            var name = named(asked);
            var speed = speed(form);
            var model = open(name, speed.matrices());
            var notices = new ArrayList<String>();
            prompt(form);
            var given = character(form, asker, name, model, notices).or(() -> given(form));
            var kind = given.flatMap(Container::of);
            var seen = kind.map(k -> seen(k, given.orElseThrow(), "input_reference"));
            seen.ifPresent(video -> notices.addAll(video.notices()));
            var picture = given.filter(_ -> kind.isEmpty());
            var alias = !name.equals(asked);
            var clip = seen.map(UploadDecoder.Seen::blank);
            var wanted = wanted(form, model, alias, notices, picture.map(_ -> "input"), clip)
                    .video(kind.map(Container::file), form.real("strength"));
            var seconds = form.text("seconds").orElse(alias ? ALIAS_SECONDS : seconds(wanted));
            var size = form.text("size").orElse(alias ? "%dx%d".formatted(ALIAS_WIDTH, ALIAS_HEIGHT) : size(wanted));
            check(name, model, wanted, picture.map(bytes -> decoded("input_reference", bytes)), clip);
            return new Draft(Job.queued(id(), Job.Kind.CREATE, name, asked, wanted, seconds, size, asker.owner(),
                    priority(form), notices, Optional.empty()),
                    given.map(bytes -> Map.of(kind.map(Container::file).orElse("input"), bytes)).orElse(Map.of()));
        });
    }

    /// Another video that starts from a finished one, under other words.
    Job remix(Job source, Form form, Asker asker) {
        form.allow(union(SETTINGS, Set.of("prompt", "strength")));
        return accept("remix " + source.id(), form, asker, () -> {
            requireFinished(source);
            var then = source.wanted();
            var speed = form.text("speed").isPresent() || form.text("reuse_threshold").isPresent() ? speed(form)
                    : then.tiers();
            var model = open(source.model(), speed.matrices());
            var file = JobFolder.of(settings.data(), source.id()).file(JobFolder.Variant.VIDEO);
            var clip = VideoReader.read(file);
            var wanted = new Wanted(prompt(form), form.text("negative_prompt").orElse(then.negativePrompt()),
                    clip.width(), clip.height(), form.integer("num_frames").orElse(then.frames()),
                    form.real("fps").orElse(then.fps()), form.integer("steps").orElse(then.steps()),
                    form.real("guidance_scale").orElse(then.guidanceScale()),
                    form.longInteger("seed").orElse(then.seed()), form.real("strength"), Optional.empty(),
                    Optional.of(SOURCE), Optional.empty(), Optional.of(speed.words()), speed.threshold());
            check(source.model(), model, wanted, Optional.empty(), Optional.of(clip));
            return new Draft(Job.queued(id(), Job.Kind.REMIX, source.model(), source.asked(), wanted,
                    source.seconds(), source.size(), asker.owner(), priority(form), List.of(),
                    Optional.of(source.id())), Map.of(SOURCE, bytes(file)));
        });
    }

    /// A finished video, followed by what a model that starts from a picture makes of its last frame.
    Job extend(Job source, Form form, Asker asker) {
        form.allow(EXTEND);
        return accept("extend", form, asker, () -> {
            requireFinished(source);
            var file = JobFolder.of(settings.data(), source.id()).file(JobFolder.Variant.VIDEO);
            var name = animating(source.model());
            return extended(new Start(name, name, VideoReader.read(file), SOURCE, bytes(file), "", "", "",
                    Optional.of(source.id()), List.of()), form, asker);
        });
    }

    /// The same with a video that the client has sent along, or that is fetched after what can be checked without it.
    Job extend(Supplier<byte[]> given, Form form, Asker asker) {
        form.allow(union(EXTEND, Set.of("model")));
        return accept("extend", form, asker, () -> {
            prompt(form);
            var asked = asked(form);
            var first = named(asked);
            var name = animating(first);
            if (!name.equals(first) && form.text("model").isPresent() && first.equals(asked)) {
                throw ApiException.invalid("unsupported", "model", "%s does not start from a picture, as extending a video "
                        .formatted(first) + "takes; %s does".formatted(name));
            }
            var upload = given.get();
            var kind = kind(upload);
            var seen = seen(kind, upload, "video");
            return extended(new Start(name, name.equals(first) ? asked : name, seen.blank(), kind.file(), upload, "",
                    "", "", Optional.empty(), seen.notices()), form, asker);
        });
    }

    /// A model that starts from a picture: this one, if it does.
    private String animating(String preferred) {
        return Stream.concat(Stream.of(preferred), models.names().stream())
                .filter(candidate -> models.names().contains(candidate) && animates(candidate))
                .findFirst().orElseThrow(() -> ApiException.invalid("unsupported",
                        ("extending a video takes a model that starts from a picture (CogVideoX I2V), and none is "
                                + "installed here; there is %s. Fetch one (zoetrope pull THUDM/CogVideoX-5b-I2V) "
                                + "and start the server with --model for it")
                                .formatted(String.join(", ", models.names()))));
    }

    /// Whether a model starts from a picture.
    private boolean animates(String name) {
        return open(name).geometry().takesImage();
    }

    private Draft extended(Start start, Form form, Asker asker) {
        var model = open(start.model(), speed(form).matrices());
        var clip = start.clip();
        var notices = new ArrayList<>(start.notices());
        var wanted = wanted(form, model, false, notices, Optional.empty(), Optional.empty())
                .video(Optional.of(start.file()), Optional.empty());
        var last = clip.slice(clip.count() - 1, clip.count());
        Resize.toFill(last, wanted.width(), wanted.height()).changes().forEach(change -> notices.add(
                "the video was %s, since %s makes %s".formatted(change, start.model(), size(wanted))));
        var after = (long) Math.ceil(wanted.seconds() * clip.fps());
        check(start.model(), model, wanted, Optional.of(last), Optional.empty(), bytes(clip)
                + (clip.count() + after) * wanted.width() * wanted.height() * Frames.CHANNELS * 2);
        return new Draft(Job.queued(id(), Job.Kind.EXTEND, start.model(), start.asked(), wanted,
                trimmed(wanted.seconds() + clip.duration()), size(wanted), asker.owner(), priority(form), notices,
                start.source()), Map.of(start.file(), start.content()));
    }

    /// A finished video in which only what the words say has changed.
    Job edit(Job source, Form form, Asker asker) {
        form.allow(EDIT);
        return accept("edit", form, asker, () -> {
            requireFinished(source);
            var file = JobFolder.of(settings.data(), source.id()).file(JobFolder.Variant.VIDEO);
            return edited(new Start(source.model(), source.asked(), VideoReader.read(file), SOURCE, bytes(file),
                    source.wanted().prompt(), source.seconds(), source.size(), Optional.of(source.id()), List.of()),
                    form, asker);
        });
    }

    /// The same with a video that the client has sent along, or that is fetched after what can be checked without it.
    Job edit(Supplier<byte[]> given, Form form, Asker asker) {
        form.allow(union(EDIT, Set.of("model")));
        return accept("edit", form, asker, () -> {
            var shows = form.text("source_prompt").filter(words -> !words.isBlank()).orElseThrow(() -> ApiException
                    .invalid("missing_required_parameter", "source_prompt", "\"source_prompt\" is missing: an edit "
                            + "goes from what a video shows to what it should show, and nobody here knows what an uploaded "
                            + "one shows; describe it in a sentence"));
            prompt(form);
            var asked = asked(form);
            var name = named(asked);
            var upload = given.get();
            var kind = kind(upload);
            var seen = seen(kind, upload, "video");
            var clip = seen.blank();
            return edited(new Start(name, asked, clip, kind.file(), upload, shows, trimmed(clip.duration()),
                    "%dx%d".formatted(clip.width(), clip.height()), Optional.empty(), seen.notices()), form, asker);
        });
    }

    static Container kind(byte[] upload) {
        return Container.of(upload).orElseThrow(() -> ApiException.invalid("invalid_video", "video",
                "this is no video of a kind that is read here, which are %s".formatted(Container.words())));
    }

    private UploadDecoder.Seen seen(Container kind, byte[] upload, String field) {
        try {
            var seen = uploads.look(kind, upload);
            VideoWriter.check(settings.data().resolve(SOURCE), seen.blank().width(), seen.blank().height(), seen.fps());
            return seen;
        } catch (UploadException e) {
            throw ApiException.invalid(e.code(), field, String.valueOf(e.getMessage()));
        } catch (MediaException e) {
            throw ApiException.invalid("invalid_video", field, "the video is too narrow or too flat for .mp4: "
                    + String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        }
    }

    /// What an edit or an extension starts from.
    ///
    /// @param clip    the video, or one of its size, length and rate
    /// @param file    what it is called in the job's folder
    /// @param content of that file
    /// @param shows   of edits: the words for it, unless the request has others
    /// @param seconds of edits: length as the client knows it
    /// @param size    of edits: size as the client knows it
    private record Start(String model, String asked, Frames clip, String file, byte[] content, String shows,
            String seconds, String size, Optional<String> source, List<String> notices) {}

    private Draft edited(Start start, Form form, Asker asker) {
        var word = form.text("method").orElse(EditMethod.FLOWEDIT.word());
        var method = EditMethod.of(word).orElseThrow(() -> ApiException.invalid("invalid_value", "method",
                "there is no method \"%s\"; there are %s".formatted(word, EditMethod.words())));
        var speed = speed(form);
        if (speed.reuse().isPresent() && !method.followsOnePath()) {
            throw ApiException.invalid("invalid_value", "speed", ("%s looks at other noise in every step, so that "
                    + "nothing can be taken over from earlier ones; cached and broadcast go with %s, lossless and int8 "
                    + "with every method").formatted(word, EditMethod.onOnePath()));
        }
        var model = open(start.model(), speed.matrices());
        var guidance = form.real("guidance_scale").orElse(model.defaults().edits().targetScale());
        if (!(guidance >= 1)) {
            throw ApiException.invalid("invalid_value", "guidance_scale",
                    "a guidance scale of %s; give 1 (the prompt alone) or more".formatted(guidance));
        }
        var clip = start.clip();
        var mask = form.file("mask");
        var how = new Wanted.Edit(method, form.text("source_prompt").filter(words -> !words.isBlank())
                .orElse(start.shows()), mask.map(_ -> MASK));
        var wanted = new Wanted(prompt(form), form.text("negative_prompt").orElse(""), clip.width(), clip.height(),
                clip.count(), clip.fps(), form.integer("steps").orElse(model.defaults().steps()),
                guidance, form.longInteger("seed").orElseGet(() -> RANDOM.nextLong(EXACT_IN_JSON)), Optional.empty(),
                Optional.empty(), Optional.of(start.file()), Optional.of(how), Optional.of(speed.words()),
                speed.threshold());
        var notices = new ArrayList<>(start.notices());
        notices.addAll(checkEdit(start.model(), model, wanted, how, clip, mask.map(bytes -> decoded("mask", bytes))));
        var files = new LinkedHashMap<String, byte[]>();
        files.put(start.file(), start.content());
        mask.ifPresent(bytes -> files.put(MASK, bytes));
        return new Draft(Job.queued(id(), Job.Kind.EDIT, start.model(), start.asked(), wanted, start.seconds(),
                start.size(), asker.owner(), priority(form), notices, start.source()), files);
    }

    private static void requireFinished(Job source) {
        if (source.status() != Job.Status.COMPLETED) {
            throw ApiException.invalid("video_not_ready", "%s is %s; wait until it is completed".formatted(source.id(),
                    source.status().word()));
        }
    }

    // ---------------------------------------------------------------- accepting

    private Job accept(String operation, Form form, Asker asker, Supplier<Draft> drafting) {
        var fingerprint = form.fingerprint(operation);
        var before = asker.key().flatMap(key -> store.named(asker.owner(), key))
                .or(() -> asker.repeatsSince().flatMap(time -> store.same(asker.owner(), fingerprint, time)));
        if (before.isPresent()) {
            return repeated(before.get(), fingerprint);
        }
        if (store.unfinished(asker.owner()) >= settings.queueLength()) {
            throw ApiException.tooMany("unfinished jobs of yours: %d, as many as one key may have here; try again when "
                    .formatted(settings.queueLength()) + "one is done, or cancel one");
        }
        var draft = drafting.get();
        var folder = JobFolder.of(settings.data(), draft.job().id());
        draft.files().forEach((name, content) -> folder.write(name, content));
        var job = store.insert(draft.job(), asker.key(), fingerprint);
        if (!job.id().equals(draft.job().id())) {
            folder.delete(); // two requests of one name at the same moment
            return repeated(job, fingerprint);
        }
        queue.add(job.id(), job.priority());
        return job;
    }

    private Job repeated(Job job, String fingerprint) {
        if (!store.fingerprint(job.id()).equals(fingerprint)) {
            throw ApiException.invalid("idempotency_key_reused",
                    "this Idempotency-Key belongs to another request, which made " + job.id());
        }
        return job;
    }

    private static String id() {
        return unguessable("video_");
    }

    static String unguessable(String kind) {
        var random = new byte[16];
        RANDOM.nextBytes(random);
        return kind + HexFormat.of().formatHex(random);
    }

    // ---------------------------------------------------------------- what is wanted

    private String prompt(Form form) {
        var prompt = form.required("prompt");
        for (var name : List.of("prompt", "negative_prompt", "source_prompt")) {
            var text = form.text(name).orElse("");
            if (text.length() > settings.limits().promptLength()) {
                throw ApiException.invalid("string_above_max_length", name, "%d characters; at most %d are read"
                        .formatted(text.length(), settings.limits().promptLength()));
            }
            if (text.indexOf('\0') >= 0) {
                throw ApiException.invalid("invalid_value", name, "a prompt cannot hold the zero character");
            }
        }
        return prompt;
    }

    private String asked(Form form) {
        return form.text("model").filter(name -> !name.isBlank()).orElseGet(models::first);
    }

    private String named(String asked) {
        return models.resolve(asked).orElseThrow(() -> ApiException.invalid("model_not_found", "model",
                "no model \"%s\" is installed here; there %s %s".formatted(asked,
                        models.names().size() == 1 ? "is" : "are", String.join(", ", models.names()))));
    }

    /// @param clip what the video starts from; its rate and length are taken where the request has no others
    private Wanted wanted(Form form, VideoModel model, boolean alias, List<String> notices, Optional<String> image,
            Optional<Frames> clip) {
        var defaults = model.defaults();
        var fps = form.real("fps").or(() -> clip.map(Frames::fps)).orElse(defaults.fps());
        var most = clip.map(c -> Math.min(defaults.frames(), (c.count() - 1) / model.geometry().strideT()
                * model.geometry().strideT() + 1)).orElse(defaults.frames());
        if (!(fps > 0 && fps <= 1000)) {
            throw ApiException.invalid("invalid_value", "fps", "a rate of %s frames per second; give more than 0 and at "
                    .formatted(fps) + "most 1000");
        }
        var speed = speed(form);
        var wanted = new Wanted(prompt(form), form.text("negative_prompt").orElse(""), defaults.width(),
                defaults.height(), most, fps, form.integer("steps").orElse(defaults.steps()),
                form.real("guidance_scale").orElse(defaults.guidanceScale()),
                form.longInteger("seed").orElseGet(() -> RANDOM.nextLong(EXACT_IN_JSON)), Optional.empty(), image,
                Optional.empty(), Optional.empty(), Optional.of(speed.words()), speed.threshold());
        var size = form.text("size").map(Admission::parsedSize);
        var sized = alias ? fitted(size.orElse(new int[] {ALIAS_WIDTH, ALIAS_HEIGHT}), wanted, model, notices)
                : size.map(s -> wanted.size(s[0], s[1])).orElse(wanted);
        return frames(form, sized, model, alias, notices);
    }

    private static Tiers speed(Form form) {
        try {
            return Tiers.parse(form.text("speed").filter(words -> !words.isBlank()).orElse(
                    Tiers.Tier.LOSSLESS.word()), form.real("reuse_threshold"));
        } catch (RequestException e) {
            throw ApiException.invalid("invalid_value", "speed", String.join("; ", e.problems()));
        }
    }

    private Wanted frames(Form form, Wanted wanted, VideoModel model, boolean alias, List<String> notices) {
        var count = form.integer("num_frames");
        if (count.isPresent()) {
            if (count.get() > settings.limits().frames()) {
                throw ApiException.invalid("invalid_value", "num_frames", "%d frames; at most %d are made at a time"
                        .formatted(count.get(), settings.limits().frames()));
            }
            return wanted.frames(count.get());
        }
        var seconds = form.real("seconds").or(() -> alias ? Optional.of(Double.valueOf(ALIAS_SECONDS))
                : Optional.empty());
        if (seconds.isEmpty()) {
            return wanted;
        }
        if (!(seconds.get() > 0 && seconds.get() * wanted.fps() <= settings.limits().frames())) {
            throw ApiException.invalid("invalid_value", "seconds", "%s seconds; give more than 0 and at most %s"
                    .formatted(trimmed(seconds.get()), trimmed(settings.limits().frames() / wanted.fps())));
        }
        var step = model.geometry().strideT();
        var asked = (int) Math.max(0, Math.round((seconds.get() * wanted.fps() - 1) / step)) * step + 1;
        var made = alias ? Math.min(asked, wanted.frames()) : asked;
        if (made < asked) {
            notices.add("%s seconds were asked for and %s are made: ".formatted(trimmed(seconds.get()),
                    trimmed(made / wanted.fps())) + (made < model.defaults().frames() ? "the given video has no more"
                            : "%s was trained on %d frames at %s per second".formatted(model.name(), made,
                                    trimmed(wanted.fps()))));
        }
        return wanted.frames(made);
    }

    /// A size in the shape that was asked for, with as many pixels as the model was trained on: programs written for
    /// another service ask for its sizes.
    private static Wanted fitted(int[] asked, Wanted wanted, VideoModel model, List<String> notices) {
        var step = model.geometry().sizeStep();
        var trained = (double) model.defaults().width() * model.defaults().height();
        var scale = Math.min(1, Math.sqrt(trained / ((double) asked[0] * asked[1])));
        var width = (int) Math.max(1, Math.round(asked[0] * scale / step)) * step;
        var height = (int) Math.max(1, Math.round(asked[1] * scale / step)) * step;
        if (width != asked[0] || height != asked[1]) {
            notices.add("%dx%d was asked for and %dx%d is made: %s was trained on %dx%d".formatted(asked[0], asked[1],
                    width, height, model.name(), model.defaults().width(), model.defaults().height()));
        }
        return wanted.size(width, height);
    }

    private static int[] parsedSize(String text) {
        var size = SIZE.matcher(text.strip());
        if (!size.matches()) {
            throw ApiException.invalid("invalid_value", "size", "\"%s\" is no size; give one such as 1280x720"
                    .formatted(text.length() > 40 ? text.substring(0, 40) + "..." : text));
        }
        return new int[] {Integer.parseInt(size.group(1)), Integer.parseInt(size.group(2))};
    }

    private static int priority(Form form) {
        var priority = form.integer("priority").orElse(0);
        if (priority < -10 || priority > 10) {
            throw ApiException.invalid("invalid_value", "priority", "a priority of %d; give -10 to 10".formatted(
                    priority));
        }
        return priority;
    }

    // ---------------------------------------------------------------- what is given

    private Optional<byte[]> given(Form form) {
        if (form.text("input_reference[file_id]").isPresent()) {
            throw ApiException.invalid("unsupported", "input_reference[file_id]",
                    "there is no files service here; send the picture itself, or a data URL of it");
        }
        return form.file("input_reference").or(() -> form.text("input_reference[image_url]")
                .or(() -> form.text("input_reference"))
                .map(url -> url.startsWith("data:video/") ? urls.video("input_reference", url)
                        : urls.picture("input_reference", url)).map(Supplier::get));
    }

    /// What a model can take of the character of a request: the first frame of its video, as PNG.
    private Optional<byte[]> character(Form form, Asker asker, String name, VideoModel model, List<String> notices) {
        var ids = form.each("characters", "id");
        if (ids.isEmpty()) {
            return Optional.empty();
        }
        if (ids.size() > 1) {
            throw ApiException.invalid("unsupported", "characters", "%d characters; give one, since the first frame of its "
                    .formatted(ids.size()) + "video is the first frame of the new one");
        }
        if (form.has("input_reference")) {
            throw ApiException.invalid("invalid_value", "characters", "a character and an input_reference were sent; give "
                    + "one of them, since either is the first frame");
        }
        if (!model.geometry().takesImage()) {
            throw ApiException.invalid("unsupported", "characters", ("%s does not start from a picture, as a character "
                    + "takes: the first frame of its video is the first frame of the new one; %s").formatted(name,
                            models.names().stream().filter(this::animates).findFirst().map("%s does"::formatted)
                                    .orElse("none that is installed here does. Fetch one (zoetrope pull "
                                            + "THUDM/CogVideoX-5b-I2V) and start the server with --model for it")));
        }
        var one = characters.find(ids.getFirst(), asker.owner());
        notices.add("the video begins with the first frame of the character \"%s\"".formatted(one.name()));
        return Optional.of(characters.first(one));
    }

    private Frames decoded(String field, byte[] content) {
        try {
            var file = Files.createTempFile("zoetrope", ".picture");
            try {
                Files.write(file, content);
                return ImageFile.read(file, Limits.defaults().withBytes(Math.max(1, settings.limits().bodyBytes()))
                        .withPixels(settings.limits().pixels()));
            } catch (MediaException e) {
                throw ApiException.invalid("invalid_image", field, String.valueOf(e.getMessage())
                        .replace(file.toString(), "the picture").lines().findFirst().orElse(""));
            } finally {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// What the pixels of a clip take.
    private static long bytes(Frames clip) {
        return (long) clip.count() * clip.images().getFirst().length;
    }

    private static byte[] bytes(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    // ---------------------------------------------------------------- whether it can run

    private VideoModel open(String name) {
        return open(name, Tiers.lossless().matrices());
    }

    private VideoModel open(String name, OpenOptions.Matrices matrices) {
        try {
            return models.get(name, matrices);
        } catch (ConfigException | WeightsException e) {
            throw ApiException.unusable(name, e);
        }
    }

    /// @return what the user should know
    private List<String> checkEdit(String name, VideoModel model, Wanted wanted, Wanted.Edit how, Frames clip,
            Optional<Frames> mask) {
        try {
            var edit = new VideoEditor(model).prepare(clip, wanted.editRequest(how, mask, model));
            var allowed = settings.memoryBytes().orElseGet(Machine::availableBytes);
            var peak = edit.estimate().peakBytes() + CLIPS * bytes(clip);
            if (peak > allowed) {
                throw ApiException.invalid("too_large", "this edit with %s takes about %s of memory, and %s are free"
                        .formatted(name, gigabytes(peak), gigabytes(allowed)));
            }
            return edit.notices();
        } catch (RequestException e) {
            throw ApiException.invalid("invalid_value", e.problems());
        } catch (ShapeException e) {
            throw ApiException.invalid("invalid_value", String.valueOf(e.getMessage()));
        }
    }

    private void check(String name, VideoModel model, Wanted wanted, Optional<Frames> image, Optional<Frames> clip) {
        check(name, model, wanted, image, clip, 0);
    }

    /// @param beside bytes that the job takes besides its run
    private void check(String name, VideoModel model, Wanted wanted, Optional<Frames> image, Optional<Frames> clip,
            long beside) {
        long peak;
        try {
            peak = model.estimate(wanted.request(image, clip)).peakBytes() + beside;
        } catch (RequestException e) {
            throw ApiException.invalid("invalid_value", e.problems());
        }
        var allowed = settings.memoryBytes().orElseGet(Machine::availableBytes);
        if (peak > allowed) {
            throw ApiException.invalid("too_large", "%s at %s with %d frames takes about %s of memory, and %s are free; "
                    .formatted(name, size(wanted), wanted.frames(), gigabytes(peak), gigabytes(allowed))
                    + fitting(model, wanted, image, clip, allowed - beside));
        }
    }

    /// Sizes that fit, the largest first.
    private static String fitting(VideoModel model, Wanted wanted, Optional<Frames> image, Optional<Frames> clip,
            long allowed) {
        var fitting = Smaller.fitting(model, wanted.request(image, clip), allowed);
        return fitting.isEmpty() ? "nothing smaller fits either: the weights alone are too large"
                : "what fits: " + fitting.stream().map(Smaller::toString).collect(Collectors.joining(", "));
    }

    private static String gigabytes(long bytes) {
        return String.format(Locale.ROOT, bytes < 1L << 30 ? "%.2f GB" : "%.1f GB", bytes / 1e9);
    }

    private static String size(Wanted wanted) {
        return "%dx%d".formatted(wanted.width(), wanted.height());
    }

    private static String seconds(Wanted wanted) {
        return trimmed(wanted.seconds());
    }

    static String trimmed(double value) {
        return new BigDecimal(value).setScale(2, RoundingMode.HALF_UP).stripTrailingZeros()
                .toPlainString();
    }

    private static Set<String> union(Set<String> a, Set<String> b) {
        var all = new HashSet<>(a);
        all.addAll(b);
        return all;
    }
}
