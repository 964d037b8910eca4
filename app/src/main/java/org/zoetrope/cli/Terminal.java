package org.zoetrope.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Where a command talks to: results go to `out`, everything about the way there to `err`.
///
/// @param isInteractive whether `err` is a terminal on which a line can be drawn again
public record Terminal(PrintWriter out, PrintWriter err, boolean isInteractive) {
    /// The streams of this process. The launcher says whether the second is a terminal; Java cannot tell.
    static Terminal ofProcess() {
        return new Terminal(writer(FileDescriptor.out), writer(FileDescriptor.err),
                Boolean.getBoolean("zoetrope.terminal"));
    }

    private static PrintWriter writer(FileDescriptor descriptor) {
        return new PrintWriter(new OutputStreamWriter(new FileOutputStream(descriptor), StandardCharsets.UTF_8), true);
    }

    /// A line about the way there.
    void tell(String format, @Nullable Object... values) {
        err.printf(Locale.ROOT, format + "%n", values);
        err.flush();
    }

    /// A line of the result.
    void result(String format, @Nullable Object... values) {
        out.printf(Locale.ROOT, format + "%n", values);
        out.flush();
    }

    /// Bytes as people say them: `38 MB`, `1.9 GB`.
    static String bytes(double count) {
        var units = new String[] {"B", "kB", "MB", "GB", "TB"};
        var unit = 0;
        while (count >= 1000 && unit < units.length - 1) {
            count /= 1000;
            unit++;
        }
        return String.format(Locale.ROOT, unit > 0 && count < 10 ? "%.1f %s" : "%.0f %s", count, units[unit]);
    }

    /// Counts as people say them: `9.8 M`, `1.7 G`.
    static String count(double number) {
        return number < 1000 ? "%.0f".formatted(number) : bytes(number).replace("k", "K").replaceAll("B$", "");
    }

    /// A duration as people say it: `4.2 s`, `3 min 20 s`, `2 h 5 min`.
    static String duration(double seconds) {
        if (seconds < 60) {
            return String.format(Locale.ROOT, seconds < 10 ? "%.1f s" : "%.0f s", seconds);
        }
        var whole = Math.round(seconds);
        return whole < 3600 ? "%d min %d s".formatted(whole / 60, whole % 60)
                : "%d h %d min".formatted(whole / 3600, whole % 3600 / 60);
    }
}
