package org.zoetrope.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.zoetrope.pipeline.Recipe;
import org.zoetrope.tensor.DType;

/// Measures two builds, or one build under two settings, in one run: each in a process of its own, a case at a time, in
/// turns that change places every round. While one computes the other waits for its turn, so that both meet the same
/// machine; what counts is the ratio of their speeds.
public final class Versus implements AutoCloseable {
    private static final int PATIENCE = 5; // seconds in which a process that was told to end does

    /// What is measured.
    ///
    /// @param label       what reports call it
    /// @param command     starts a process that calls [Turns#serve]
    /// @param environment set for it, beside that of this process
    public record Side(String label, List<String> command, Map<String, String> environment) {}

    private final Side side;
    private final Process process;
    private final BufferedReader answers;
    private final PrintWriter asking;

    private Versus(Side side) throws IOException {
        this.side = side;
        var builder = new ProcessBuilder(side.command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().putAll(side.environment);
        process = builder.start();
        answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        asking = new PrintWriter(process.getOutputStream(), true, StandardCharsets.UTF_8);
    }

    /// Measures everything in the plan on both sides.
    ///
    /// @param model  a folder to generate a video with, or none
    /// @param wanted number types of the networks
    /// @throws BenchException if one of the processes does not know how to be asked, or ends
    /// @throws IOException    if it does not start
    public static Comparison run(Plan plan, List<DType> wanted, Optional<Path> model, Side first, Side second, Bench.Listener listener)
            throws IOException {
        var rows = new ArrayList<Comparison.Row>();
        var unknown = new ArrayList<String>();
        try (var a = started(first); var b = started(second)) {
            var cases = Suite.cases(plan, wanted, model);
            for (var one : cases) {
                if (listener.isCancelled()) {
                    break;
                }
                listener.measuring(one.label(), rows.size() + unknown.size() + 1, cases.size());
                if (a.knows(one) & b.knows(one)) {
                    rows.add(row(one, a, b, plan));
                } else {
                    unknown.add(one.label());
                }
            }
        }
        return new Comparison(Recipe.VERSION, first.label, second.label, rows, unknown);
    }

    private static Versus started(Side side) throws IOException {
        var one = new Versus(side);
        try {
            var greeting = one.answer();
            if (!greeting.equals(Turns.GREETING)) {
                throw one.failure("answered \"%s\"".formatted(greeting));
            }
            return one;
        } catch (IOException | RuntimeException e) {
            one.close();
            throw e;
        }
    }

    private static Comparison.Row row(Case one, Versus a, Versus b, Plan plan) throws IOException {
        var ratios = new double[plan.rounds()];
        double fastestA = Double.POSITIVE_INFINITY, fastestB = Double.POSITIVE_INFINITY;
        for (var round = 0; round < ratios.length; round++) {
            var isAFirst = round % 2 == 0;
            var earlier = (isAFirst ? a : b).turn(plan);
            var later = (isAFirst ? b : a).turn(plan);
            Turn ofA = isAFirst ? earlier : later, ofB = isAFirst ? later : earlier;
            ratios[round] = ofB.speed() / ofA.speed();
            fastestA = Math.min(fastestA, ofA.fastest());
            fastestB = Math.min(fastestB, ofB.fastest());
        }
        Arrays.sort(ratios);
        return new Comparison.Row(one.name(), one.dtype().name().toLowerCase(Locale.ROOT), fastestA, fastestB,
                ratios[ratios.length / 2], ratios[0], ratios[ratios.length - 1]);
    }

    // ---------------------------------------------------------------- one side

    private boolean knows(Case one) throws IOException {
        asking.println(Turns.asking(one));
        return Turns.isReady(answer());
    }

    private Turn turn(Plan plan) throws IOException {
        asking.println(Turns.asking(plan.isNarrow() ? 0 : Turn.SHORTEST));
        var answer = answer();
        try {
            return Turns.turn(answer);
        } catch (NumberFormatException _) {
            throw failure("answered \"%s\" to a turn".formatted(answer));
        }
    }

    private String answer() throws IOException {
        var line = answers.readLine();
        if (line == null) {
            throw failure("ended");
        }
        return line;
    }

    private BenchException failure(String what) {
        return new BenchException("%s cannot be measured in turns: its process %s%n  command %s%n  fix     see what it said above; a build of before \"bench --versus\" knows no turns, compare reports of --json then"
                .formatted(side.label, what, String.join(" ", side.command)));
    }

    @Override
    public void close() {
        asking.close();
        try {
            if (!process.waitFor(PATIENCE, TimeUnit.SECONDS)) {
                process.destroy();
            }
        } catch (InterruptedException _) {
            process.destroy();
            Thread.currentThread().interrupt();
        }
    }
}
