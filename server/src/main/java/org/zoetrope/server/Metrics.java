package org.zoetrope.server;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;

/// Counts for monitoring, in the text format of Prometheus (version 0.0.4).
final class Metrics {
    private static final double[] BOUNDS = {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300};
    private static final long PAGE = 4096; // bytes; /proc/self/statm counts pages

    /// A distribution of seconds.
    private static final class Histogram {
        private final LongAdder[] buckets = new LongAdder[BOUNDS.length + 1];
        private final DoubleAdder sum = new DoubleAdder();

        Histogram() {
            Arrays.setAll(buckets, _ -> new LongAdder());
        }

        void add(double seconds) {
            var i = 0;
            while (i < BOUNDS.length && seconds > BOUNDS[i]) {
                i++;
            }
            buckets[i].increment();
            sum.add(seconds);
        }

        void print(StringBuilder text, String name, String labels) {
            long total = 0;
            var comma = labels.isEmpty() ? "" : ",";
            for (var i = 0; i < buckets.length; i++) {
                total += buckets[i].sum();
                text.append("%s_bucket{%s%sle=\"%s\"} %d\n".formatted(name, labels, comma,
                        i < BOUNDS.length ? number(BOUNDS[i]) : "+Inf", total));
            }
            var braces = labels.isEmpty() ? "" : "{" + labels + "}";
            text.append("%s_sum%s %s\n%s_count%s %d\n".formatted(name, braces, number(sum.sum()), name, braces, total));
        }
    }

    private final Histogram steps = new Histogram();
    private final Map<String, Histogram> stages = new ConcurrentHashMap<>();
    private final Map<String, Histogram> requests = new ConcurrentHashMap<>();
    private final Map<String, LongAdder> outcomes = new ConcurrentHashMap<>();
    private final Map<String, LongAdder> refusals = new ConcurrentHashMap<>();
    private final LongAdder retries = new LongAdder();
    private final LongAdder watchers = new LongAdder();

    void step(double seconds) {
        steps.add(seconds);
    }

    void stage(String name, double seconds) {
        stages.computeIfAbsent(name, _ -> new Histogram()).add(seconds);
    }

    /// A job has ended: `completed`, `cancelled`, or the code of its failure.
    void finished(String outcome, double seconds) {
        outcomes.computeIfAbsent(outcome, _ -> new LongAdder()).increment();
        if (seconds > 0) {
            stage("whole", seconds);
        }
    }

    void retried() {
        retries.increment();
    }

    /// A request was answered.
    ///
    /// @param route the pattern, not the path: ids would make a series each
    void answered(String method, String route, int status, double seconds) {
        requests.computeIfAbsent("method=\"%s\",route=\"%s\",status=\"%d\"".formatted(method, route, status),
                _ -> new Histogram()).add(seconds);
    }

    void refused(String code) {
        refusals.computeIfAbsent(code, _ -> new LongAdder()).increment();
    }

    void watching(int change) {
        watchers.add(change);
    }

    /// The page of metrics.
    String print(JobStore store, Models models) {
        var text = new StringBuilder();
        head(text, "zoetrope_jobs", "gauge", "Jobs that are not finished, by status.");
        for (var status : new Job.Status[] {Job.Status.QUEUED, Job.Status.IN_PROGRESS}) {
            text.append("zoetrope_jobs{status=\"%s\"} %d\n".formatted(status.word(), store.count(status)));
        }
        head(text, "zoetrope_jobs_finished_total", "counter", "Jobs that ended on this node, by outcome.");
        new TreeMap<>(outcomes).forEach((outcome, count) -> text
                .append("zoetrope_jobs_finished_total{outcome=\"%s\"} %d\n".formatted(outcome, count.sum())));
        head(text, "zoetrope_job_retries_total", "counter", "Attempts that failed and were repeated.");
        text.append("zoetrope_job_retries_total %d\n".formatted(retries.sum()));
        head(text, "zoetrope_step_seconds", "histogram", "Seconds of one step of a sampler.");
        steps.print(text, "zoetrope_step_seconds", "");
        head(text, "zoetrope_stage_seconds", "histogram", "Seconds of the stages of a job.");
        new TreeMap<>(stages).forEach((stage, seconds) -> seconds.print(text, "zoetrope_stage_seconds",
                "stage=\"%s\"".formatted(stage)));
        head(text, "zoetrope_http_request_seconds", "histogram", "Seconds until a request was answered.");
        new TreeMap<>(requests).forEach((labels, seconds) -> seconds.print(text, "zoetrope_http_request_seconds",
                labels));
        head(text, "zoetrope_requests_refused_total", "counter", "Requests that were refused, by code.");
        new TreeMap<>(refusals).forEach((code, count) -> text
                .append("zoetrope_requests_refused_total{code=\"%s\"} %d\n".formatted(code, count.sum())));
        head(text, "zoetrope_watchers", "gauge", "Clients that watch a job's events.");
        text.append("zoetrope_watchers %d\n".formatted(watchers.sum()));
        head(text, "zoetrope_model_loaded", "gauge", "Whether a model's weights are in memory.");
        models.names().forEach(name -> text.append("zoetrope_model_loaded{model=\"%s\"} %d\n".formatted(
                name.replace("\\", "\\\\").replace("\"", "\\\""),
                models.isLoaded(name) ? 1 : 0)));
        var heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
        head(text, "zoetrope_heap_bytes", "gauge", "Memory of Java objects.");
        text.append("zoetrope_heap_bytes %d\n".formatted(heap));
        head(text, "zoetrope_resident_bytes", "gauge", "Memory of the process, weights included.");
        text.append("zoetrope_resident_bytes %d\n".formatted(residentBytes()));
        return text.toString();
    }

    /// Memory of this process; 0 where the platform does not say.
    static long residentBytes() {
        try {
            return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]) * PAGE;
        } catch (IOException | RuntimeException _) {
            return 0;
        }
    }

    private static void head(StringBuilder text, String name, String type, String help) {
        text.append("# HELP %s %s\n# TYPE %s %s\n".formatted(name, help, name, type));
    }

    private static String number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15 ? Long.toString((long) value)
                : String.format(Locale.ROOT, "%.6g", value);
    }
}
