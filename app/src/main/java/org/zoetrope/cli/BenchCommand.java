package org.zoetrope.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.zoetrope.bench.Bench;
import org.zoetrope.bench.Plan;
import org.zoetrope.bench.Report;
import org.zoetrope.bench.Turns;
import org.zoetrope.bench.Versus;
import org.zoetrope.tensor.DType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/// Measures this machine, and what the networks make of it.
@Command(name = "bench", mixinStandardHelpOptions = true, sortOptions = false,
        description = {
                "Measure how fast products of matrices and copies are on this machine, and which part of that speed "
                        + "our networks reach.",
                "Networks have the widths of published models, random weights and few blocks. Each case takes turns "
                        + "with its yardstick, so that other programs slow down both; the fraction of the yardstick "
                        + "can be compared between runs and machines, operations a second cannot."},
        footer = {"",
                "Examples:",
                "  zoetrope bench --quick",
                "  zoetrope bench --json bench.json --svg bench.svg",
                "  zoetrope bench --against bench.json",
                "  zoetrope bench --versus ../zoetrope-before --only stack,decoder",
                "  zoetrope bench --setting OMP_NUM_THREADS=1 --only attention"})
final class BenchCommand implements Callable<Integer> {
    @Option(names = "--quick", description = "About a minute: one block, the shorter sequences, few rounds.")
    private boolean quick;
    @Option(names = "--tiny", description = "Seconds: shows that everything runs; the numbers mean nothing.")
    private boolean tiny;
    @Option(names = "--long", description = "Also attention over 16,384 tokens.")
    private boolean isLong;
    @Option(names = "--dtype", paramLabel = "TYPE", split = ",", defaultValue = "float32,bfloat16",
            converter = ModelOptions.NumberType.class,
            description = "Number types of the networks (default: float32,bfloat16).")
    private List<DType> types;
    @Option(names = {"-m", "--model"}, paramLabel = "DIR", defaultValue = "mini",
            description = "The model of the case from end to end: a folder, or the name of a bundled one "
                    + "(default: mini).")
    private String model;
    @Option(names = "--threads", paramLabel = "N", description = "Threads of one operation (default: one a core).")
    private Optional<Integer> threads;
    @Option(names = "--json", paramLabel = "FILE", description = "Write the report for --against.")
    private Optional<Path> json;
    @Option(names = "--svg", paramLabel = "FILE", description = "Draw the roofline.")
    private Optional<Path> svg;
    @Option(names = "--against", paramLabel = "FILE",
            description = "Compare with a report that --json wrote: fractions of the yardstick, and their ratio.")
    private Optional<Path> against;
    @Option(names = "--only", paramLabel = "WORD", split = ",",
            description = "Only cases that have one of these words in their names or number types, as the table "
                    + "writes them; several words with commas between them.")
    private List<String> only = List.of();
    @Option(names = "--versus", paramLabel = "HOME",
            description = "Measure another build beside this one, in turns: the folder that its launcher is in.")
    private Optional<Path> versus;
    @Option(names = "--setting", paramLabel = "NAME=VALUE",
            description = "Measure a build under another setting beside this one, in turns: an environment variable "
                    + "of the second process. May be given several times, and together with --versus.")
    private Map<String, String> settings = Map.of();
    @Option(names = "--turns", hidden = true,
            description = "Answer another bench on standard input and output (org.zoetrope.bench.Turns).")
    private boolean turns;
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() throws IOException {
        if (quick && tiny || isLong && (quick || tiny)) {
            throw new UsageException("--quick, --tiny and --long are three sizes; give one");
        }
        if (turns) {
            return answer();
        }
        check();
        return versus.isPresent() || !settings.isEmpty() ? compare() : measure();
    }

    private void check() {
        if ((versus.isPresent() || !settings.isEmpty()) && (against.isPresent() || svg.isPresent())) {
            throw new UsageException(
                    "--against and --svg are of one build; leave them out beside --versus and --setting, "
                            + "which give the ratio themselves");
        }
        if (only.isEmpty()) {
            return;
        }
        var all = Bench.names(plan().only(List.of()), types, Optional.of(Installation.find().model(model)));
        var unknown = only.stream().filter(word -> all.stream().noneMatch(name -> name.contains(word))).toList();
        if (!unknown.isEmpty()) {
            throw new UsageException("no case has \"%s\" in its name; there are %s", String.join("\" or \"", unknown),
                    String.join(", ", all));
        }
    }

    // ---------------------------------------------------------------- in turns

    /// One side of a comparison.
    private int answer() throws IOException {
        ModelOptions.useThreads(threads);
        zoetrope.interruption().disposable(true);
        Turns.serve(plan(), Optional.of(Installation.find().model(model)),
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)),
                new PrintWriter(System.out, true, StandardCharsets.UTF_8));
        return 0;
    }

    private int compare() throws IOException {
        try (var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), false)) {
            var comparison = Versus.run(plan(), types, Optional.of(Installation.find().model(model)), here(), other(),
                    heard(stages));
            stages.close();
            if (json.isPresent()) {
                comparison.writeJson(json.get());
            }
            zoetrope.terminal().result("%s", comparison.table().stripTrailing());
        }
        return 0;
    }

    private Versus.Side here() {
        return side("this build", thisBuild(), Map.of());
    }

    private static List<String> thisBuild() {
        return Optional.ofNullable(System.getProperty("zoetrope.home")).map(Path::of).map(BenchCommand::launcher)
                .orElseGet(BenchCommand::thisJava);
    }

    private Versus.Side other() {
        var line = versus.map(home -> {
            if (!Files.isExecutable(home.resolve("zoetrope"))) {
                throw new UsageException("--versus %s: there is no ./zoetrope in it; give the folder of another build",
                        home);
            }
            return launcher(home);
        }).orElseGet(BenchCommand::thisBuild);
        var label = Stream
                .concat(versus.map(Path::toString).or(() -> Optional.of("this build")).stream(),
                        settings.entrySet().stream()
                                .map(setting -> setting.getKey() + "=" + setting.getValue()).sorted())
                .collect(Collectors.joining(", "));
        return side(label, line, settings);
    }

    private Versus.Side side(String label, List<String> line, Map<String, String> environment) {
        return new Versus.Side(label, Stream.concat(line.stream(), arguments().stream()).toList(), environment);
    }

    private List<String> arguments() {
        var line = new ArrayList<>(
                List.of("bench", "--turns", "--model", Installation.find().model(model).toAbsolutePath().toString()));
        if (quick || tiny || isLong) {
            line.add(quick ? "--quick" : tiny ? "--tiny" : "--long");
        }
        threads.ifPresent(count -> line.addAll(List.of("--threads", count.toString())));
        return line;
    }

    private static List<String> launcher(Path home) {
        return List.of(home.resolve("zoetrope").toAbsolutePath().toString());
    }

    /// A Java like this one, where no launcher started it.
    private static List<String> thisJava() {
        var line = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.startsWith("-D") || flag.startsWith("--") || flag.startsWith("-XX"))
                .forEach(line::add);
        line.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        return line;
    }

    // ---------------------------------------------------------------- alone

    private Bench.Listener heard(Stages stages) {
        return new Bench.Listener() {
            @Override
            public void measuring(String name, int index, int count) {
                zoetrope.interruption().disposable(index < 2); // what was measured so far is reported
                stages.enter("measure", index == 0 ? name : "%d of %d: %s".formatted(index, count, name));
            }

            @Override
            public boolean isCancelled() {
                return stages.isCancelled();
            }
        };
    }

    private int measure() throws IOException {
        var before = against.map(Report::read);
        var folder = Installation.find().model(model);
        ModelOptions.useThreads(threads);
        try (var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), false)) {
            var report = Bench.run(plan(), types, Optional.of(folder), heard(stages));
            stages.close();
            if (json.isPresent()) {
                report.writeJson(json.get());
            }
            if (svg.isPresent()) {
                report.writeRoofline(svg.get());
            }
            zoetrope.terminal().result("%s", report.table().stripTrailing());
            before.ifPresent(b -> zoetrope.terminal().result("%nfraction of the yardstick, before and now%n%s",
                    report.against(b).stripTrailing()));
        }
        return 0;
    }

    private Plan plan() {
        var size = quick ? Plan.quick() : tiny ? Plan.tiny() : Plan.full();
        return (isLong ? size.withAttention(1 << 14) : size).only(only);
    }
}
