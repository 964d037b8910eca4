package org.zoetrope.cli;

import java.util.Locale;
import org.zoetrope.pipeline.Progress;
import org.zoetrope.pipeline.ProgressListener;

/// Shows the stages of a run, each with its true count: a bar that is drawn again on a terminal, a line when a stage
/// ends elsewhere (and, in stages of minutes, now and then on the way).
final class Stages implements ProgressListener, AutoCloseable {
    private static final int BAR = 24;
    private static final double SECONDS_BETWEEN_LINES = 30;
    private static final double SECONDS_BETWEEN_BARS = 0.1;

    private final Terminal terminal;
    private final Interruption interruption;
    private final boolean quiet;

    private String stage = "";
    private String detail = "";
    private String unit = "";
    private long done;
    private long total;
    private long started;
    private long shown;

    Stages(Terminal terminal, Interruption interruption, boolean quiet) {
        this.terminal = terminal;
        this.interruption = interruption;
        this.quiet = quiet;
    }

    @Override
    public void on(Progress progress) {
        switch (progress) {
            case Progress.Notice(var text) -> note(text);
            case Progress.Loading(var component, var bytes) -> enter("load", "%s, %s".formatted(component,
                    Terminal.bytes(bytes)));
            case Progress.Encoding(var what) -> enter("encode", what);
            case Progress.Denoising(var at, var steps, _) -> count("denoise", at, steps, "steps");
            case Progress.Reused now -> reused(now);
            case Progress.Decoding(var at, var chunks) -> count("decode", at, chunks, "chunks");
        }
    }

    @Override
    public boolean isCancelled() {
        return interruption.isRequested();
    }

    /// A stage without a count begins; the one before it has ended.
    void enter(String name, String about) {
        end();
        begin(name, about, 0, "");
        draw(true);
    }

    /// A stage with a count goes on, or begins.
    void count(String name, long at, long of, String units) {
        if (!stage.equals(name) || of != total) {
            end();
            begin(name, "", of, units);
        }
        done = at;
        draw(false);
    }

    private void reused(Progress.Reused now) {
        end();
        if (!quiet) {
            terminal.tell("reused    %s", now.words());
        }
    }

    /// Something the user should know.
    void note(String text) {
        clear();
        if (!quiet) {
            terminal.tell("note      %s", text);
        }
    }

    /// The stage has ended.
    @Override
    public void close() {
        end();
    }

    private void begin(String name, String about, long of, String units) {
        stage = name;
        detail = about;
        total = of;
        unit = units;
        done = 0;
        started = System.nanoTime();
        shown = started;
    }

    private void end() {
        if (!stage.isEmpty() && !quiet) {
            clear();
            terminal.tell("%-9s %s%s", stage, total > 0 ? "%d of %d %s, ".formatted(done, total, unit)
                    : detail + ", ", Terminal.duration(seconds(started)));
        }
        stage = "";
    }

    private void draw(boolean always) {
        if (quiet || (!always && done > 0 && seconds(shown) < (terminal.isInteractive() ? SECONDS_BETWEEN_BARS
                : SECONDS_BETWEEN_LINES))) {
            return;
        }
        shown = System.nanoTime();
        if (terminal.isInteractive()) {
            terminal.err().printf(Locale.ROOT, "\r\033[K%-9s %s", stage, total == 0 ? detail : bar() + counted());
            terminal.err().flush();
        } else if (done > 0) {
            terminal.tell("%-9s %s", stage, counted());
        }
    }

    private String bar() {
        var filled = (int) (BAR * done / total);
        return "[" + "#".repeat(filled) + ".".repeat(BAR - filled) + "] ";
    }

    private String counted() {
        var left = done == 0 ? ""
                : ", %s left".formatted(Terminal.duration(
                        seconds(started) / done * (total - done)));
        return "%d of %d %s%s".formatted(done, total, unit, left);
    }

    private void clear() {
        if (terminal.isInteractive() && !quiet) {
            terminal.err().print("\r\033[K");
            terminal.err().flush();
        }
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }
}
