package org.zoetrope.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.zoetrope.parity.Comparison;
import org.zoetrope.parity.Parity;
import org.zoetrope.parity.ParityResult;
import org.zoetrope.tensor.Device;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// Compares our implementations with what reference implementations computed.
@Command(name = "parity", mixinStandardHelpOptions = true, sortOptions = false,
        description = {
                "Run fixture folders and print how far every output is from its reference.",
                "A fixture is a component, scheduler, text encoder, tokenizer or whole model with case.json (or "
                        + "cases.json) and reference.safetensors. The exit code is 1 if anything is outside its "
                        + "tolerance."},
        footer = {
                "", "Examples:",
                "  zoetrope parity fixtures/components/cogvideox-vae",
                "  zoetrope parity --all fixtures --skip-unsupported"})
final class ParityCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", arity = "1..*",
            description = "Fixture folders; with --all, trees of them.")
    private List<Path> folders = new ArrayList<>();
    @Option(names = "--all",
            description = "Run every fixture below the folders.")
    private boolean all;
    @Option(names = "--skip-unsupported",
            description = "Do not fail because of classes that are not implemented.")
    private boolean skipUnsupported;
    @Option(names = "--device", paramLabel = "DEVICE", converter = ModelOptions.DeviceName.class, defaultValue = "cpu",
            description = "cpu, cuda or cuda:N (default: cpu); tolerances are the same everywhere.")
    private Device device;
    @ParentCommand private Zoetrope zoetrope;

    private int outputs;
    private int outside;
    private int unsupported;
    private int failed;

    @Override
    public Integer call() {
        say("%-44s %-28s %10s %10s %10s %10s  %s", "fixture", "output", "max abs", "allowed", "rel l2", "allowed", "");
        for (var folder : folders) {
            for (var fixture : all ? Parity.find(folder) : List.of(folder)) {
                var base = all ? folder : folder.toAbsolutePath().normalize().resolveSibling("");
                show(Parity.run(fixture, device),
                        base.toAbsolutePath().relativize(fixture.toAbsolutePath().normalize()));
            }
        }
        say("%d outputs: %d within tolerance, %d outside; %d fixtures failed, %d of classes that are not implemented",
                outputs, outputs - outside, outside, failed, unsupported);
        return outside + failed + (skipUnsupported ? 0 : unsupported) == 0 ? 0 : Failures.FAILED;
    }

    private void show(ParityResult result, Path name) {
        switch (result) {
            case ParityResult.Compared(_, _, var comparisons) -> comparisons.forEach(c -> show(name, c));
            case ParityResult.Unsupported(_, var className, var reason) -> {
                unsupported++;
                say("%-44s %s: %s", name, className, reason);
            }
            case ParityResult.Failed(_, var className, var cause) -> {
                failed++;
                say("%-44s %s FAILED: %s", name, className, cause.getMessage());
            }
        }
    }

    private void show(Path name, Comparison c) {
        outputs++;
        outside += c.isWithin() ? 0 : 1;
        say("%-44s %-28s %10s %10s %10s %10s  %s %s", name, c.output(), number(c.maxAbs()),
                number(c.tolerance().maxAbs()), number(c.relativeL2()), number(c.tolerance().relativeL2()),
                c.isWithin() ? "ok" : "OUTSIDE", c.remark());
    }

    private static String number(double value) {
        return value == 0 ? "0" : String.format(Locale.ROOT, "%.2e", value);
    }

    private void say(String format, @Nullable Object... values) {
        zoetrope.terminal().result(format, values);
    }
}
