package org.zoetrope.server;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.WeightsException;

/// The ten operations of OpenAI's videos service, and ours beside them: events, cancel, the deletion of characters,
/// models.
final class VideosApi {
    private static final Logger LOG = LoggerFactory.getLogger(VideosApi.class);
    private static final int PAGE = 20, LARGEST_PAGE = 100;
    private static final Duration HEARTBEAT = Duration.ofSeconds(1);

    private final ServerSettings settings;
    private final JobStore store;
    private final Admission admission;
    private final Characters characters;
    private final ContentUrl urls;
    private final Models models;
    private final Live live;
    private final Metrics metrics;

    VideosApi(ServerSettings settings, JobStore store, Admission admission, Characters characters, ContentUrl urls,
            Models models, Live live, Metrics metrics) {
        this.settings = settings;
        this.store = store;
        this.admission = admission;
        this.characters = characters;
        this.urls = urls;
        this.models = models;
        this.live = live;
        this.metrics = metrics;
    }

    void addTo(RoutesConfig routes) {
        routes.post("/v1/videos", ctx -> accepted(ctx, admission.create(form(ctx), asker(ctx))));
        routes.get("/v1/videos", this::list);
        routes.post("/v1/videos/edits", this::edit);
        routes.post("/v1/videos/extensions", this::extend);
        routes.post("/v1/videos/characters", this::createCharacter);
        routes.get("/v1/videos/characters/{id}", ctx -> json(ctx, VideoJson.character(character(ctx))));
        routes.delete("/v1/videos/characters/{id}", this::deleteCharacter);
        routes.get("/v1/videos/{id}", ctx -> json(ctx, video(job(ctx))));
        routes.delete("/v1/videos/{id}", this::delete);
        routes.get("/v1/videos/{id}/content", this::content);
        routes.head("/v1/videos/{id}/content", this::content);
        routes.post("/v1/videos/{id}/remix", ctx -> accepted(ctx, admission.remix(job(ctx), form(ctx), asker(ctx))));
        routes.post("/v1/videos/{id}/cancel", this::cancel);
        routes.get("/v1/videos/{id}/events", this::events);
        routes.get("/v1/models", this::listModels);
        routes.post("/v1/models/{name}/load", ctx -> {
            load(known(ctx));
            json(ctx, model(ctx.pathParam("name")));
        });
        routes.post("/v1/models/{name}/unload", ctx -> {
            models.unload(known(ctx));
            json(ctx, model(ctx.pathParam("name")));
        });
    }

    // ---------------------------------------------------------------- operations

    private void list(Context ctx) {
        var limit = number(ctx, "limit", PAGE, 1, LARGEST_PAGE);
        var order = Optional.ofNullable(ctx.queryParam("order")).orElse("desc");
        if (!order.equals("asc") && !order.equals("desc")) {
            throw ApiException.invalid("invalid_value", "order", "\"order\" is asc or desc");
        }
        var after = Optional.ofNullable(ctx.queryParam("after")).filter(id -> !id.isEmpty())
                .map(id -> store.find(id).filter(job -> job.owner().equals(owner(ctx)))
                        .orElseThrow(() -> ApiException.invalid("invalid_value", "after",
                                "there is no video \"%s\" to go on from".formatted(shown(id)))));
        var words = Optional.ofNullable(ctx.queryParam("search")).filter(text -> !text.isBlank());
        var page = store.page(owner(ctx), after, order.equals("desc"), limit + 1, words);
        json(ctx, VideoJson.list(page.stream().limit(limit).map(this::video).toList(), page.size() > limit));
    }

    private void delete(Context ctx) {
        var job = job(ctx);
        store.delete(job.id());
        if (live.moment(job.id()).isEmpty()) {
            JobFolder.of(settings.data(), job.id()).delete(); // otherwise its worker does, when it has noticed
        }
        json(ctx, VideoJson.deleted(job.id()));
    }

    private void content(Context ctx) throws IOException {
        var job = job(ctx);
        var word = Optional.ofNullable(ctx.queryParam("variant")).orElse("video");
        var variant = Arrays.stream(JobFolder.Variant.values())
                .filter(v -> v.name().toLowerCase(Locale.ROOT).equals(word)).findFirst()
                .orElseThrow(() -> ApiException.invalid("invalid_value", "variant",
                        "there are the variants video, thumbnail, spritesheet, poster and source, found \"%s\"".formatted(
                                shown(word))));
        if (job.status() != Job.Status.COMPLETED) {
            // Not 409: clients repeat that at once.
            throw ApiException.invalid("video_not_ready", job.status() == Job.Status.FAILED
                    ? "%s failed, so there is no video: %s".formatted(job.id(),
                            job.failure().map(Job.Failure::message).orElse(""))
                    : "%s is %s, %d percent; ask again when it is completed".formatted(job.id(), job.status().word(),
                            job.progress()));
        }
        var file = JobFolder.of(settings.data(), job.id()).existing(variant)
                .orElseThrow(() -> ApiException.notFound(absence(variant).formatted(job.id())));
        ctx.res().setHeader("Content-Disposition", "inline; filename=\"%s\"".formatted(
                job.id() + variant.file.substring(variant.file.indexOf('.'))));
        ctx.res().setHeader("Cache-Control", "private, max-age=31536000, immutable");
        Ranges.send(ctx.req(), ctx.res(), file, variant.mediaType);
    }

    private static String absence(JobFolder.Variant of) {
        return switch (of) {
            case SOURCE -> "%s was not made from a video";
            case POSTER -> "%s was made before there were posters";
            case VIDEO, THUMBNAIL, SPRITESHEET -> "the files of %s are not in this server's folder any more";
        };
    }

    private void cancel(Context ctx) {
        var job = job(ctx);
        store.cancel(job.id());
        var now = store.find(job.id()).orElseThrow(() -> missing(job.id()));
        if (now.status() == Job.Status.FAILED) {
            JobFolder.of(settings.data(), job.id()).delete(); // there was no worker to do it
        }
        json(ctx, video(now));
    }

    private void extend(Context ctx) {
        var form = form(ctx);
        var upload = upload(form);
        accepted(ctx, upload.isPresent() ? admission.extend(upload.get(), form, asker(ctx))
                : admission.extend(source(ctx, form), form, asker(ctx)));
    }

    private void edit(Context ctx) {
        var form = form(ctx);
        var upload = upload(form);
        accepted(ctx, upload.isPresent() ? admission.edit(upload.get(), form, asker(ctx))
                : admission.edit(source(ctx, form), form, asker(ctx)));
    }

    private void createCharacter(Context ctx) {
        var form = form(ctx);
        var video = upload(form).orElseThrow(() -> ApiException.invalid("missing_required_parameter", "video",
                "\"video\" is missing; send the video of the character along, as a file"));
        json(ctx, VideoJson.character(characters.create(video, form, asker(ctx))));
    }

    private void deleteCharacter(Context ctx) {
        var one = character(ctx);
        characters.delete(one);
        json(ctx, VideoJson.deleted(one.id(), "character"));
    }

    private Characters.Entry character(Context ctx) {
        return characters.find(ctx.pathParam("id"), owner(ctx));
    }

    /// The video that a request brought along, as a file or by a URL.
    private Optional<Supplier<byte[]>> upload(Form form) {
        var text = form.text("video").filter(words -> !words.isBlank() && !JobFolder.isId(words));
        var sent = form.file("video").<Supplier<byte[]>>map(file -> () -> file).or(() -> text.map(
                url -> urls.video("video", url)));
        if (sent.isPresent() && (form.text("video[id]").isPresent() || form.file("video").isPresent()
                && form.text("video").isPresent())) {
            throw ApiException.invalid("invalid_value", "video", "two videos were sent; give a file or an id");
        }
        return sent;
    }

    /// The video that an edit or an extension starts from: one of ours, by its id.
    private Job source(Context ctx, Form form) {
        var id = form.text("video[id]").or(() -> form.text("video").filter(JobFolder::isId));
        return find(ctx, id.orElseThrow(() -> ApiException.invalid("missing_required_parameter", "video",
                "\"video\" is missing; give the id of a video, or send one along")));
    }

    // ---------------------------------------------------------------- watching

    /// Server-sent events: `progress` whenever there is something new, then `completed` or `failed` with the video.
    private void events(Context ctx) throws IOException, InterruptedException {
        var id = job(ctx).id();
        var response = ctx.res();
        response.setContentType("text/event-stream; charset=utf-8");
        response.setHeader("Cache-Control", "no-store");
        response.setHeader("X-Accel-Buffering", "no");
        metrics.watching(1);
        try {
            watch(id, response.getOutputStream());
        } catch (IOException _) {
            // The client went away.
        } finally {
            metrics.watching(-1);
        }
    }

    private void watch(String id, OutputStream out) throws IOException, InterruptedException {
        long version = 0;
        var told = "";
        while (true) {
            var job = store.find(id);
            if (job.isEmpty()) {
                send(out, "deleted", VideoJson.deleted(id));
                return;
            }
            if (job.get().status().isFinal()) {
                send(out, job.get().status().word(), video(job.get()));
                return;
            }
            var moment = live.moment(id);
            if (moment.isPresent() && moment.get().version() > version) {
                version = moment.get().version();
                send(out, "progress", VideoJson.moment(moment.get()).put("status", "in_progress"));
            } else if (moment.isEmpty()) {
                var now = video(job.get());
                var text = now.toString();
                if (!text.equals(told)) {
                    told = text;
                    send(out, "progress", now);
                }
            }
            live.await(id, version, HEARTBEAT);
            out.write(":\n\n".getBytes(StandardCharsets.UTF_8)); // also finds out whether somebody listens
            out.flush();
        }
    }

    private static void send(OutputStream out, String event, ObjectNode data) throws IOException {
        out.write("event: %s\ndata: %s\n\n".formatted(event, data).getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    // ---------------------------------------------------------------- models

    private void listModels(Context ctx) {
        var json = VideoJson.object().put("object", "list");
        json.putArray("data").addAll(models.names().stream().map(this::model).toList());
        json(ctx, json);
    }

    private ObjectNode model(String name) {
        var json = VideoJson.object().put("id", name).put("object", "model").put("created", 0)
                .put("owned_by", "zoetrope");
        try {
            var model = models.get(name);
            var d = model.defaults();
            json.put("loaded", models.isLoaded(name)).put("takes_image", model.geometry().takesImage())
                    .put("width", d.width()).put("height", d.height()).put("num_frames", d.frames()).put("fps", d.fps()).put("steps", d.steps())
                    .put("guidance_scale", d.guidanceScale())
                    .put("edit_guidance_scale", d.edits().targetScale()).put("size_step", model.geometry().sizeStep())
                    .put("frame_step", model.geometry().strideT());
        } catch (RuntimeException e) {
            json.put("error", e.getMessage());
        }
        return json;
    }

    /// Weights that have become unreadable are told to who asks for them: the reason is not one that only the log needs.
    private void load(String name) {
        try {
            models.get(name).load(ProgressListener.none());
        } catch (ConfigException | WeightsException e) {
            throw ApiException.unusable(name, e);
        }
    }

    private String known(Context ctx) {
        var name = ctx.pathParam("name");
        if (!models.names().contains(name)) {
            throw ApiException.notFound("no model \"%s\" is installed here; there are %s".formatted(shown(name),
                    models.names().stream().collect(Collectors.joining(", "))));
        }
        return name;
    }

    // ---------------------------------------------------------------- requests

    private Form form(Context ctx) {
        return Form.read(ctx, settings.limits());
    }

    private static String owner(Context ctx) {
        return String.valueOf((Object) ctx.attribute(Gate.OWNER));
    }

    private static Admission.Asker asker(Context ctx) {
        var key = Optional.ofNullable(ctx.header("Idempotency-Key")).filter(k -> !k.isBlank());
        key.filter(k -> k.length() > 255).ifPresent(_ -> {
            throw ApiException.invalid("invalid_value", "Idempotency-Key", "at most 255 characters");
        });
        var retries = Optional.ofNullable(ctx.header("X-Stainless-Retry-Count")).orElse("0");
        return new Admission.Asker(owner(ctx), key, !retries.equals("0"));
    }

    private Job job(Context ctx) {
        return find(ctx, ctx.pathParam("id"));
    }

    /// Of two keys, neither sees whether the other has a video of some id.
    private Job find(Context ctx, String id) {
        return store.find(id).filter(job -> job.owner().equals(owner(ctx))).orElseThrow(() -> missing(id));
    }

    private static ApiException missing(String id) {
        return ApiException.notFound("there is no video \"%s\"".formatted(shown(id)));
    }

    /// What a client called something, in a message to it.
    static String shown(String text) {
        return text.length() > 64 ? text.substring(0, 64) + "..." : text;
    }

    private ObjectNode video(Job job) {
        return VideoJson.video(job, live, job.status() == Job.Status.QUEUED ? store.ahead(job) : 0);
    }

    /// What is logged of the job from now on names the job; this line names the request beside it.
    private void accepted(Context ctx, Job job) {
        LOG.info("accepted {}", job.id());
        json(ctx, video(job));
    }

    private static void json(Context ctx, ObjectNode json) {
        ctx.contentType("application/json; charset=utf-8").result(json.toString());
    }

    private static int number(Context ctx, String name, int byDefault, int least, int most) {
        var text = ctx.queryParam(name);
        if (text == null) {
            return byDefault;
        }
        try {
            var value = Integer.parseInt(text);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException _) {
            // Said below.
        }
        throw ApiException.invalid("invalid_value", name, "\"%s\" is a number from %d to %d".formatted(name, least,
                most));
    }
}
