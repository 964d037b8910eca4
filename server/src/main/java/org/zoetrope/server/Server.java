package org.zoetrope.server;

import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import io.javalin.http.HttpResponseException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/// A server of videos: the studio, the API, the queue and the workers of one node.
///
/// ```java
/// try (var server = Server.start(ServerSettings.of(folder, models))) {
///     System.in.read();
/// }
/// ```
///
/// Closing it drains: it is no longer ready, takes no new jobs, saves the running one behind its step and gives it back.
public final class Server implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Server.class);
    private static final String REQUEST_ID = "request_id";
    private static final String STARTED = "started";
    private static final String POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; "
            + "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; form-action 'self'; "
            + "base-uri 'none'; frame-ancestors 'none'";
    /// The files of the studio: none is found by a path that a client makes up.
    private static final Map<String, String> STUDIO = Map.of("index.html", "text/html; charset=utf-8", "studio.css",
            "text/css; charset=utf-8", "studio.js", "text/javascript; charset=utf-8", "icon.svg", "image/svg+xml");
    private static final Duration SWEEP = Duration.ofSeconds(30);

    private final ServerSettings settings;
    private final Database database;
    private final JobStore store;
    private final JobQueue queue;
    private final Worker worker;
    private final Models models;
    private final Live live = new Live();
    private final Metrics metrics = new Metrics();
    private final Gate gate;
    private final VideosApi api;
    private final Javalin http;
    private final AtomicBoolean draining = new AtomicBoolean();

    private Server(ServerSettings settings, UrlFetcher.Network network) {
        this.settings = settings;
        gate = new Gate(Keys.read(settings.data()), settings);
        database = Database.open(settings.data(), settings.database());
        var node = "%d-%08x".formatted(ProcessHandle.current().pid(), ThreadLocalRandom.current().nextInt());
        store = new JobStore(database);
        models = new Models(settings.models(), settings.options(), settings.data());
        var uploads = new UploadDecoder(settings);
        uploads.tidy();
        worker = new Worker(settings, node, store, models, uploads, live, metrics);
        queue = new JobQueue(database, node, settings.workers(), worker::run);
        var urls = new ContentUrl(settings.fetchUrls()
                ? Optional.of(new UrlFetcher(network, settings.limits().bodyBytes(), UrlFetcher.TIME))
                : Optional.empty());
        var characters = new Characters(settings, database, uploads);
        characters.tidy();
        api = new VideosApi(settings, store, new Admission(settings, store, queue, models, uploads, urls, characters),
                characters, urls, models, live, metrics);
        http = Javalin.create(this::configure);
    }

    /// Opens the database, takes up the jobs that an earlier process has left, and listens.
    ///
    /// @throws ServerException if the folder, the database, a key or the address cannot be used
    public static Server start(ServerSettings settings) {
        return start(settings, UrlFetcher.Network.real());
    }

    static Server start(ServerSettings settings, UrlFetcher.Network network) {
        var started = System.nanoTime();
        var server = new Server(settings, network);
        try {
            server.models.get(server.models.first()); // a first model that cannot be read is told now
            server.takeUp();
            server.http.start(settings.host(), settings.port());
            server.queue.start();
            Thread.ofVirtual().name("sweep").start(server::sweep);
            LOG.info("listening on {} after {} ms", server.address(), (System.nanoTime() - started) / 1_000_000);
            return server;
        } catch (RuntimeException e) {
            server.database.close();
            if (e instanceof ServerException) {
                throw e;
            }
            throw new ServerException("cannot start on %s port %d: %s".formatted(settings.host(), settings.port(),
                    e.getMessage()), e);
        }
    }

    /// Where it listens.
    public String address() {
        return "http://%s:%d".formatted(settings.host().contains(":") && !settings.host().startsWith("[")
                ? "[" + settings.host() + "]" : settings.host(), http.port());
    }

    /// Lines up every unfinished job that is not: a process may have died between recording it and lining it up.
    private void takeUp() {
        store.unfinished().forEach(job -> queue.add(job.id(), job.priority()));
    }

    private void sweep() {
        while (!draining.get()) {
            try {
                Thread.sleep(SWEEP);
                if (!draining.get()) {
                    takeUp();
                }
            } catch (InterruptedException _) {
                return;
            } catch (RuntimeException e) {
                LOG.warn("could not look for jobs that are not lined up; trying again in {} s", SWEEP.toSeconds(), e);
            }
        }
    }

    @Override
    public void close() {
        if (!draining.compareAndSet(false, true)) {
            return;
        }
        LOG.info("draining");
        worker.stop();
        queue.close();
        http.stop();
        models.close();
        database.close();
        LOG.info("stopped");
    }

    // ---------------------------------------------------------------- HTTP

    private void configure(JavalinConfig config) {
        config.startup.showJavalinBanner = false;
        config.startup.showOldJavalinVersionWarning = false;
        config.startup.startupWatcherEnabled = false;
        config.concurrency.useVirtualThreads = true;
        config.http.maxRequestSize = settings.limits().bodyBytes();
        config.http.compressionStrategy = CompressionStrategy.NONE;
        config.jetty.modifyHttpConfiguration(jetty -> jetty.setSendServerVersion(false));
        var routes = config.routes;
        routes.before(this::begin);
        routes.before("/v1/*", ctx -> {
            gate.admit(ctx);
            if (draining.get() && ctx.req().getMethod().equals("POST")) {
                throw ApiException.unavailable("this server is stopping; try again in a moment");
            }
        });
        routes.after(this::end);
        routes.exception(ApiException.class, this::refuse);
        routes.exception(HttpResponseException.class, (e, ctx) -> refuse(
                e.getStatus() == 413 ? ApiException.tooLarge("the request is larger than %d bytes".formatted(
                        settings.limits().bodyBytes()))
                        : e.getStatus() == 404 || e.getStatus() == 405 ? nothingHere(ctx)
                                : ApiException.invalid("invalid_request", String.valueOf(e.getMessage())),
                ctx));
        routes.exception(IOException.class, (e, ctx) -> LOG.debug("a client went away", e));
        routes.exception(Exception.class, (e, ctx) -> {
            LOG.error("{} {} failed", ctx.req().getMethod(), ctx.path(), e);
            refuse(ApiException.broken(requestId(ctx)), ctx);
        });
        routes.error(404, ctx -> {
            if (ctx.res().getContentType() == null || !ctx.res().getContentType().startsWith("application/json")) {
                refuse(nothingHere(ctx), ctx);
            }
        });
        api.addTo(routes);
        routes.get("/live", ctx -> ctx.contentType("text/plain").result("live\n"));
        routes.get("/ready", this::ready);
        routes.get("/metrics", ctx -> {
            gate.admit(ctx);
            ctx.contentType("text/plain; version=0.0.4; charset=utf-8").result(metrics.print(store, models));
        });
        routes.get("/openapi.json", ctx -> resource(ctx, "openapi.json", "application/json"));
        routes.get("/", ctx -> resource(ctx, "studio/index.html", "text/html; charset=utf-8"));
        STUDIO.forEach((name, type) -> routes.get("/studio/" + name, ctx -> resource(ctx, "studio/" + name, type)));
        routes.post("/studio/key", this::keepKey);
    }

    private void begin(Context ctx) {
        var id = "req_" + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
        ctx.attribute(REQUEST_ID, id);
        ctx.attribute(STARTED, System.nanoTime());
        ctx.header("x-request-id", id);
        ctx.header("X-Content-Type-Options", "nosniff");
        ctx.header("Referrer-Policy", "no-referrer");
        ctx.header("Content-Security-Policy", POLICY);
        ctx.header("Cross-Origin-Resource-Policy", "same-origin");
        MDC.put(REQUEST_ID, id);
        gate.check(ctx);
        try {
            ctx.queryParamMap();
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid("invalid_request", "the query of this address is not encoded: " + e.getMessage());
        }
    }

    private void end(Context ctx) {
        var started = (Object) ctx.attribute(STARTED);
        var seconds = started instanceof Long nanos ? (System.nanoTime() - nanos) / 1e9 : 0;
        var status = ctx.res().getStatus();
        metrics.answered(ctx.req().getMethod(), status == 404 ? "none" : pattern(ctx.path()), status, seconds);
        if (status >= 400 || !ctx.req().getMethod().equals("GET")) {
            LOG.info("{} {} {} in {} ms", ctx.req().getMethod(), ctx.path(), status, Math.round(seconds * 1000));
        }
        MDC.remove(REQUEST_ID);
    }

    /// A path without what differs from client to client.
    private static String pattern(String path) {
        return path.replaceAll("/(video|char)_[0-9a-f]+", "/{id}").replaceAll("/models/[^/]+", "/models/{name}")
                .replaceAll("[^A-Za-z0-9/{}._-]", "");
    }

    private static String requestId(Context ctx) {
        return String.valueOf((Object) ctx.attribute(REQUEST_ID));
    }

    private static ApiException nothingHere(Context ctx) {
        var path = ctx.path();
        return ApiException.notFound("there is nothing at %s %s; the operations are in /openapi.json".formatted(
                ctx.req().getMethod(), path.length() > 80 ? path.substring(0, 80) + "..." : path));
    }

    private void refuse(ApiException e, Context ctx) {
        metrics.refused(e.code());
        if (e.status() == 429 || e.status() == 503) {
            ctx.header("Retry-After", "2");
        }
        ctx.status(e.status()).contentType("application/json; charset=utf-8")
                .result(VideoJson.error(e, requestId(ctx)).toString());
    }

    /// Live means that the process answers; ready, that a job sent here would run.
    private void ready(Context ctx) {
        var problem = draining.get() ? "stopping" : database.isAlive() ? "" : "the database does not answer";
        ctx.status(problem.isEmpty() ? 200 : 503).contentType("text/plain")
                .result(problem.isEmpty() ? "ready\n" : problem + "\n");
    }

    /// Keeps a key in the browser, where scripts cannot read it and other sites cannot send it.
    private void keepKey(Context ctx) {
        var key = Form.read(ctx, settings.limits()).required("key");
        if (!key.matches("[A-Za-z0-9_]{1,128}")) {
            throw ApiException.unauthorized("this key is unknown here");
        }
        ctx.header("Set-Cookie", "%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000".formatted(Gate.COOKIE,
                key));
        ctx.status(204);
    }

    private static void resource(Context ctx, String name, String type) throws IOException {
        try (var in = Objects.requireNonNull(Server.class.getResourceAsStream(name), name)) {
            var text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            ctx.header("Cache-Control", "no-cache").contentType(type).result(text);
        }
    }
}
