package org.zoetrope.server;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.zoetrope.diffusion.SamplingException;
import org.zoetrope.edit.EditCheckpoint;
import org.zoetrope.edit.EditListener;
import org.zoetrope.edit.EditedLatents;
import org.zoetrope.edit.VideoEditor;
import org.zoetrope.media.Frames;
import org.zoetrope.media.ImageFile;
import org.zoetrope.media.MediaException;
import org.zoetrope.media.Resize;
import org.zoetrope.media.VideoReader;
import org.zoetrope.media.VideoWriter;
import org.zoetrope.pipeline.CancelledException;
import org.zoetrope.pipeline.Checkpoint;
import org.zoetrope.pipeline.GenerationException;
import org.zoetrope.pipeline.Given;
import org.zoetrope.pipeline.LatentColours;
import org.zoetrope.pipeline.Latents;
import org.zoetrope.pipeline.Progress;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.RequestException;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.WeightsException;

/// Makes the video of a job, wherever an earlier worker has left it: from the start, from a checkpoint between two steps,
/// or from the finished latents.
final class Worker {
    private static final Logger LOG = LoggerFactory.getLogger(Worker.class);
    private static final int DENOISED = 90; // percent of a job that is denoising; the rest is decoding and writing
    private static final int DECODED = 98;
    private static final Duration BETWEEN_REPORTS = Duration.ofMillis(500);
    private static final Duration BETWEEN_PREVIEWS = Duration.ofMillis(200);

    private final ServerSettings settings;
    private final String node;
    private final JobStore store;
    private final Models models;
    private final UploadDecoder uploads;
    private final Live live;
    private final Metrics metrics;
    private volatile boolean stopping;

    Worker(ServerSettings settings, String node, JobStore store, Models models, UploadDecoder uploads, Live live,
            Metrics metrics) {
        this.settings = settings;
        this.node = node;
        this.store = store;
        this.models = models;
        this.uploads = uploads;
        this.live = live;
        this.metrics = metrics;
    }

    /// From now on a running job is saved behind its step and given back.
    void stop() {
        stopping = true;
    }

    /// Why a run ended early.
    private static final class Ended extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final Reason reason;

        enum Reason { LOST, STOPPING }

        Ended(Reason reason) {
            super(reason.toString(), null, false, false);
            this.reason = reason;
        }
    }

    /// Runs a job to its end.
    ///
    /// @throws JobQueue.Again if it is to run another time
    void run(String id) {
        if (stopping) {
            throw JobQueue.Again.elsewhere();
        }
        var claimed = store.claim(id, node);
        if (claimed.isEmpty()) {
            return; // finished, or deleted
        }
        var job = claimed.get();
        var folder = JobFolder.of(settings.data(), id);
        MDC.put("job", id);
        try {
            if (job.cancelled()) {
                failed(job, folder, new Job.Failure("cancelled", "the job was cancelled"));
            } else if (job.attempts() > settings.attempts()) {
                failed(job, folder, new Job.Failure("gave_up", ("the job was begun %d times and ended the process or "
                        + "failed each time without getting any further").formatted(job.attempts() - 1)));
            } else {
                attempt(job, folder);
            }
        } finally {
            letGo(id, folder);
            MDC.remove("job");
        }
    }

    /// Whoever deletes a job leaves its folder to the worker that has it. Looked at in this order, one of the two deletes
    /// it whenever the job was deleted.
    private void letGo(String id, JobFolder folder) {
        live.forget(id);
        if (store.find(id).isEmpty()) {
            folder.delete();
        }
    }

    private void attempt(Job job, JobFolder folder) {
        var started = System.nanoTime();
        try {
            make(job, folder);
            metrics.finished("completed", seconds(started));
            LOG.info("completed {} in {} s", job.id(), Math.round(seconds(started) * 10) / 10.0);
        } catch (Ended e) {
            if (e.reason == Ended.Reason.STOPPING) {
                giveBack(job);
            }
            LOG.info("left {}, which is deleted or in other hands", job.id());
        } catch (CancelledException e) {
            if (stopping && Thread.interrupted()) {
                giveBack(job);
            }
            metrics.finished("cancelled", seconds(started));
            failed(job, folder, new Job.Failure("cancelled", "the job was " + e.getMessage()));
        } catch (RequestException | MediaException e) {
            failedFor(job, folder, "invalid_request", e);
        } catch (UploadException e) {
            failedFor(job, folder, e.code(), e);
        } catch (ConfigException | WeightsException e) {
            failedFor(job, folder, "model_unusable", e);
        } catch (GenerationException | SamplingException e) {
            failedFor(job, folder, "generation_failed", e);
        } catch (RuntimeException | OutOfMemoryError e) {
            again(job, folder, e);
        }
    }

    private void giveBack(Job job) {
        if (store.giveBack(job)) {
            LOG.info("gave {} back, since this node stops", job.id());
            throw JobQueue.Again.elsewhere();
        }
    }

    /// Something that another attempt may not meet: memory, the disk, the database.
    private void again(Job job, JobFolder folder, Throwable e) {
        if (job.attempts() >= settings.attempts()) {
            failedFor(job, folder, e instanceof OutOfMemoryError ? "out_of_memory" : "internal_error", e);
            return;
        }
        metrics.retried();
        LOG.warn("attempt {} at {} failed and will be repeated", job.attempts(), job.id(), e);
        throw JobQueue.Again.later(job.attempts(), String.valueOf(e.getMessage()));
    }

    private void failedFor(Job job, JobFolder folder, String code, Throwable e) {
        LOG.warn("{} failed: {}", job.id(), code, e);
        metrics.finished(code, 0);
        failed(job, folder, new Job.Failure(code, String.valueOf(e.getMessage()).lines().findFirst().orElse(code)));
    }

    private void failed(Job job, JobFolder folder, Job.Failure failure) {
        if (store.fail(job, failure)) {
            folder.delete();
        }
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }

    // ---------------------------------------------------------------- making

    private void make(Job job, JobFolder folder) {
        var watch = new Watch(job, folder);
        var model = models.get(job.model(), job.wanted().tiers().matrices());
        models.unloadOthers(model);
        try (var _ = Scope.open()) {
            var how = job.wanted().edit();
            var finished = how.isPresent() ? edited(job, how.get(), folder, model, watch)
                    : generated(job, folder, model, watch);
            watch.stage("write", 0, 0, DECODED);
            write(folder, finished);
            if (!store.complete(job, finished.recipe(), Stream.concat(job.notices().stream(),
                    finished.notices().stream()).distinct().toList())) {
                throw new Ended(Ended.Reason.LOST);
            }
        }
        watch.close();
        folder.tidy();
    }

    /// What a job has made.
    private record Finished(Frames frames, String recipe, List<String> notices) {}

    private Finished generated(Job job, JobFolder folder, VideoModel model, Watch watch) {
        var before = job.kind() == Job.Kind.EXTEND ? Optional.of(clip(job, folder, watch)) : Optional.<Frames>empty();
        var video = model.decode(denoised(job, before, folder, model, watch), watch);
        return new Finished(before.map(clip -> appended(clip, video.frames())).orElse(video.frames()),
                video.recipe().toJson(), Stream.concat(video.notices().stream(), watch.reused.stream()).toList());
    }

    private Finished edited(Job job, Wanted.Edit how, JobFolder folder, VideoModel model, Watch watch) {
        var editor = new VideoEditor(model);
        var clip = clip(job, folder, watch);
        var mask = how.mask().map(name -> ImageFile.read(folder.input(name)));
        var latents = savedEdit(job, folder).orElseGet(() -> {
            watch.colours = colours(job, model);
            var made = edited(editor, editor.prepare(clip, job.wanted().editRequest(how, mask, model)), job, folder, watch);
            made.save(folder.latents());
            store.gotFurther(job);
            return made;
        });
        var video = editor.finish(latents, clip, watch);
        return new Finished(video.frames(), video.recipe().toJson(), Stream.concat(video.notices().stream(),
                watch.reused.stream()).toList());
    }

    private static EditedLatents edited(VideoEditor editor, VideoEditor.Prepared edit, Job job, JobFolder folder,
            Watch watch) {
        var from = kept(job, folder, EditCheckpoint::load).filter(checkpoint -> {
            // Otherwise it is that of a server with another number type, say.
            var fits = checkpoint.recipe().equals(edit.recipe());
            LOG.info(fits ? "{} goes on behind step {}" : "{} begins again: its checkpoint behind step {} does not fit",
                    job.id(), checkpoint.reached().done());
            return fits;
        });
        return editor.run(edit, from, watch);
    }

    /// What an earlier attempt has kept of a run, if it can be read.
    private static <T> Optional<T> kept(Job job, JobFolder folder, Function<Path, T> load) {
        if (!Files.isRegularFile(folder.checkpoint())) {
            return Optional.empty();
        }
        try {
            return Optional.of(load.apply(folder.checkpoint()));
        } catch (WeightsException | ConfigException e) {
            LOG.warn("the checkpoint of {} cannot be used; the job begins again", job.id(), e);
            return Optional.empty();
        }
    }

    /// The video that a job starts from. What came from a client is decoded by another process.
    private Frames clip(Job job, JobFolder folder, Watch watch) {
        var file = folder.input(job.wanted().video().orElse(JobFolder.Variant.SOURCE.file));
        if (!job.isUploaded()) {
            return VideoReader.read(file);
        }
        watch.stage("read", 0, 0, 0);
        var clip = uploads.read(file, () -> {
            if (watch.isCancelled()) {
                throw new CancelledException("while its video was read");
            }
        });
        VideoWriter.write(clip, folder.file(JobFolder.Variant.SOURCE)); // so that browsers can show it
        return clip;
    }

    private static Optional<EditedLatents> savedEdit(Job job, JobFolder folder) {
        if (!Files.isRegularFile(folder.latents())) {
            return Optional.empty();
        }
        try {
            return Optional.of(EditedLatents.load(folder.latents()));
        } catch (WeightsException | ConfigException e) {
            LOG.warn("the latents of {} are damaged; they are made again", job.id(), e);
            return Optional.empty();
        }
    }

    /// @param before the video that is extended, if one is
    private Latents denoised(Job job, Optional<Frames> before, JobFolder folder, VideoModel model, Watch watch) {
        if (Files.isRegularFile(folder.latents())) {
            try {
                return Latents.load(folder.latents());
            } catch (WeightsException e) {
                LOG.warn("the latents of {} are damaged; they are made again", job.id(), e);
            }
        }
        watch.colours = colours(job, model);
        var wanted = job.wanted();
        var request = wanted.request(
                before.map(clip -> clip.slice(clip.count() - 1, clip.count()))
                        .or(() -> wanted.image().map(name -> ImageFile.read(folder.input(name)))),
                wanted.video().filter(_ -> before.isEmpty())
                        .map(_ -> clip(job, folder, watch).atRate(wanted.fps())));
        var latents = denoised(model, request, checkpoint(job, folder), watch);
        latents.save(folder.latents());
        store.gotFurther(job);
        return latents;
    }

    private static Latents denoised(VideoModel model, Request request, Given given, Watch watch) {
        try {
            return model.denoise(request, given, watch);
        } catch (RequestException e) {
            if (given.checkpoint().isEmpty()) {
                throw e;
            }
            // Such as a server that was started again with another number type.
            LOG.warn("the checkpoint does not fit any more; the job begins again: {}", e.getMessage());
            return model.denoise(request, watch);
        }
    }

    private static Given checkpoint(Job job, JobFolder folder) {
        return kept(job, folder, Checkpoint::load).map(checkpoint -> {
            LOG.info("{} goes on behind step {}", job.id(), checkpoint.state().done());
            return Given.nothing().checkpoint(checkpoint);
        }).orElseGet(Given::nothing);
    }

    private Optional<LatentColours> colours(Job job, VideoModel model) {
        try {
            return Optional.of(models.colours(job.model(), model, ProgressListener.none()));
        } catch (RuntimeException e) {
            LOG.warn("no previews for {}: their colours could not be fitted", job.model(), e);
            return Optional.empty();
        }
    }

    /// The video that is extended, followed by what was made from its last frame on, at the rate of the former: a frame
    /// of the latter is shown several times or not at all, so that both move at their own pace.
    private static Frames appended(Frames before, Frames after) {
        var fitted = Resize.toFill(before, after.width(), after.height()).frames();
        var rate = before.fps() / after.fps();
        var more = IntStream.range(0, Math.max(1, (int) Math.round((after.count() - 1) * rate)))
                .mapToObj(f -> after.images().get(1 + (int) (f / rate)));
        return new Frames(after.width(), after.height(), before.fps(), Stream.concat(fitted.images().stream(), more)
                .toList());
    }

    private static void write(JobFolder folder, Finished finished) {
        var frames = finished.frames();
        var recipe = VideoWriter.Options.defaults().withComment(finished.recipe());
        VideoWriter.write(frames, folder.file(JobFolder.Variant.VIDEO), recipe);
        VideoWriter.write(Pictures.thumbnail(frames), folder.file(JobFolder.Variant.THUMBNAIL));
        VideoWriter.write(frames.slice(0, 1), folder.file(JobFolder.Variant.POSTER));
        folder.write(JobFolder.Variant.SPRITESHEET.file, Pictures.sheetJpeg(frames));
    }

    // ---------------------------------------------------------------- watching

    /// Tells clients, the database and the metrics where a run stands; saves checkpoints; stops the run.
    private final class Watch implements EditListener {
        private final Job job;
        private final JobFolder folder;
        private Optional<LatentColours> colours = Optional.empty();
        private Optional<String> reused = Optional.empty();
        private String stage = "";
        private int done, steps; // of denoising
        private long stageStarted = System.nanoTime();
        private long stepStarted = System.nanoTime();
        private long reported;
        private long previewed;
        private long saved = System.nanoTime();
        private boolean isSaved; // since this node stops

        Watch(Job job, JobFolder folder) {
            this.job = job;
            this.folder = folder;
        }

        @Override
        public void on(Progress progress) {
            leaveIfInterrupted();
            switch (progress) {
                case Progress.Notice _ -> {
                    // The finished video carries it.
                }
                case Progress.Reused now -> reused = Optional.of("reused " + now.words());
                case Progress.Loading _ -> stage("load", 0, 0, 0);
                case Progress.Encoding _ -> stage("encode", 0, 0, 0);
                case Progress.Denoising(var behind, var all, _) -> {
                    if (stage.equals("denoise")) {
                        metrics.step(seconds(stepStarted));
                    }
                    stepStarted = System.nanoTime();
                    done = behind;
                    steps = all;
                    stage("denoise", done, steps, DENOISED * done / steps);
                }
                case Progress.Decoding(var done, var chunks) ->
                    stage("decode", done, chunks, DENOISED + (DECODED - DENOISED) * done / Math.max(1, chunks));
            }
        }

        @Override
        public void after(Checkpoint checkpoint, Supplier<Tensor> clean) {
            after(checkpoint::save, clean);
        }

        @Override
        public void after(EditCheckpoint checkpoint, Supplier<Tensor> clean) {
            after(checkpoint::save, clean);
        }

        private void after(Consumer<Path> save, Supplier<Tensor> clean) {
            if (stopping || System.nanoTime() - saved >= settings.checkpointEvery().toNanos()) {
                save.accept(folder.checkpoint());
                store.gotFurther(job);
                saved = System.nanoTime();
                isSaved = stopping;
            }
            if (System.nanoTime() - previewed >= BETWEEN_PREVIEWS.toNanos()) {
                colours.ifPresent(c -> preview(c, clean));
                previewed = System.nanoTime();
            }
        }

        private void preview(LatentColours colours, Supplier<Tensor> clean) {
            try {
                var frames = colours.picture(clean.get(), job.wanted().fps());
                var rate = frames.count() / job.wanted().seconds();
                live.report(job.id(), stage, done, steps, DENOISED * done / steps,
                        Optional.of(new Live.Preview(Pictures.stripPng(frames), frames.width(), frames.height(),
                                frames.count(), rate)));
            } catch (SamplingException _) {
                // At the first level there may be no signal to show.
            }
        }

        /// A queue that closes interrupts a run whose step takes too long. The mark is taken away, since the file of the
        /// embedded database does not survive being used by an interrupted thread.
        private void leaveIfInterrupted() {
            if (stopping && Thread.interrupted()) {
                throw new Ended(Ended.Reason.STOPPING);
            }
        }

        void stage(String name, int done, int of, int percent) {
            var entered = !stage.equals(name);
            if (entered) {
                close();
                stage = name;
                stageStarted = System.nanoTime();
            }
            live.report(job.id(), name, done, of, percent, Optional.empty());
            if (entered || System.nanoTime() - reported >= BETWEEN_REPORTS.toNanos()) {
                store.report(job, name, done, of, percent);
                reported = System.nanoTime();
            }
        }

        /// The stage has ended.
        void close() {
            if (!stage.isEmpty()) {
                metrics.stage(stage, seconds(stageStarted));
            }
        }

        @Override
        public boolean isCancelled() {
            leaveIfInterrupted();
            if (stopping && (stage.equals("decode") || isSaved)) {
                throw new Ended(Ended.Reason.STOPPING);
            }
            return switch (store.standing(job)) {
                case GOES_ON -> false;
                case CANCELLED -> true;
                case LOST -> throw new Ended(Ended.Reason.LOST);
            };
        }
    }
}
