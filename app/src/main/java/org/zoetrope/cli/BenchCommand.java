package org.zoetrope.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.zoetrope.bench.Bench;
import org.zoetrope.bench.Plan;
import org.zoetrope.bench.Report;
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
                "  zoetrope bench --against bench.json"})
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
    @ParentCommand private Zoetrope zoetrope;

    @Override
    public Integer call() throws IOException {
        if (quick && tiny || isLong && (quick || tiny)) {
            throw new UsageException("--quick, --tiny and --long are three sizes; give one");
        }
        var before = against.map(Report::read);
        var folder = Installation.find().model(model);
        ModelOptions.useThreads(threads);
        try (var stages = new Stages(zoetrope.terminal(), zoetrope.interruption(), false)) {
            var report = Bench.run(plan(), types, Optional.of(folder), new Bench.Listener() {
                @Override
                public void measuring(String name, int index, int count) {
                    zoetrope.interruption().disposable(index < 2); // what was measured so far is reported
                    stages.enter("measure", index == 0 ? name : "%d of %d: %s".formatted(index, count, name));
                }

                @Override
                public boolean isCancelled() {
                    return stages.isCancelled();
                }
            });
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
        return isLong ? size.withAttention(1 << 14) : size;
    }
}
