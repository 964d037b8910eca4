package org.zoetrope.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.zoetrope.nn.Reuse;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.Request;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// What may make a run faster and its result a little different.
final class SpeedOptions {
    /// A way of being faster.
    enum Tier {
        LOSSLESS, CACHED, BROADCAST, INT8;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /// Tiers by their words.
    static final class TierName implements ITypeConverter<Tier> {
        @Override
        public Tier convert(String text) {
            return Arrays.stream(Tier.values()).filter(tier -> tier.word().equals(text)).findFirst()
                    .orElseThrow(() -> new TypeConversionException(
                            "no speed is called \"%s\"; there are %s".formatted(text, words())));
        }

        private static String words() {
            return Arrays.stream(Tier.values()).map(Tier::word).collect(Collectors.joining(", "));
        }
    }

    @Option(names = "--speed", paramLabel = "TIER", split = ",", defaultValue = "lossless", converter = TierName.class,
            description = "lossless (default), cached (blocks are not run at steps where the network hardly changes, "
                    + "TeaCache), broadcast (attentions serve several steps, PAB), int8 (less memory: the matrices of "
                    + "transformer and text encoder in eight bits). Results of all but the first differ a little.")
    private List<Tier> tiers;
    @Option(names = "--reuse-threshold", paramLabel = "CHANGE",
            description = "With --speed cached: how much change may add up before blocks are run again (default: the "
                    + "model's; 0 is lossless).")
    private Optional<Double> threshold;

    /// Reads options as they are typed, such as `--speed cached --reuse-threshold 0.2`.
    static SpeedOptions parse(String words) {
        var options = new SpeedOptions();
        try {
            new CommandLine(options).parseArgs(words.strip().split("\\s+"));
        } catch (CommandLine.ParameterException e) {
            throw new UsageException("\"%s\": %s", words, String.valueOf(e.getMessage()));
        }
        options.check();
        return options;
    }

    /// How to open the model.
    OpenOptions on(OpenOptions options) {
        check();
        return tiers.contains(Tier.INT8) ? options.matrices(OpenOptions.Matrices.INT8) : options;
    }

    /// What to ask of it.
    Request on(Request request) {
        check();
        return tiers.contains(Tier.CACHED) ? request.reuse(new Reuse.Stack(threshold))
                : tiers.contains(Tier.BROADCAST) ? request.reuse(Reuse.Attention.published()) : request;
    }

    private void check() {
        if (tiers.size() > 1 && tiers.contains(Tier.LOSSLESS)) {
            throw new UsageException("--speed lossless computes everything; leave out %s", tiers.stream()
                    .filter(tier -> tier != Tier.LOSSLESS).map(Tier::word).collect(Collectors.joining(", ")));
        }
        if (tiers.contains(Tier.CACHED) && tiers.contains(Tier.BROADCAST)) {
            throw new UsageException("--speed cached and broadcast are two ways of reusing earlier steps; give one");
        }
        if (threshold.isPresent() && !tiers.contains(Tier.CACHED)) {
            throw new UsageException("--reuse-threshold says when blocks are run again; add --speed cached");
        }
    }
}
