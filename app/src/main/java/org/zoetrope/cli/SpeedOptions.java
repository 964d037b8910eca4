package org.zoetrope.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.zoetrope.diffusion.Guidance;
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
    @Option(names = "--guidance-within", paramLabel = "LOW..HIGH", converter = NoiseShares.Converter.class,
            description = "Guide only while the share of noise is within, from 0 (clean) to 1 (noise), such as "
                    + "0.2..0.9; other steps cost half, and the result differs a little.")
    private Optional<NoiseShares> within;

    /// Shares of noise as they are typed.
    record NoiseShares(double low, double high) {
        static final class Converter implements ITypeConverter<NoiseShares> {
            @Override
            public NoiseShares convert(String text) {
                var ends = text.split("\\.\\.", -1);
                try {
                    var shares = new NoiseShares(Double.parseDouble(ends[0]),
                            Double.parseDouble(ends[ends.length - 1]));
                    if (ends.length == 2 && 0 <= shares.low && shares.low < shares.high && shares.high <= 1) {
                        return shares;
                    }
                } catch (NumberFormatException _) {
                    // told below
                }
                throw new TypeConversionException(
                        "\"%s\" is no part of 0..1; give a lower and a higher share of noise, such "
                                .formatted(text) + "as 0.2..0.9");
            }
        }
    }

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
    ///
    /// @param usual guidance scale of the model
    Request on(Request request, double usual) {
        check();
        var guided = within.map(shares -> request.guidance(guidanceWithin(shares, request, usual))).orElse(request);
        return reusing(guided);
    }

    private static Guidance guidanceWithin(NoiseShares shares, Request request, double usual) {
        return switch (request.guidance().orElseGet(() -> new Guidance.ClassifierFree(usual))) {
            case Guidance.ClassifierFree(var scale) -> new Guidance.Interval(scale, shares.low, shares.high);
            case Guidance.Off() -> throw new UsageException("guidance 1 guides nowhere; leave out --guidance-within");
            default ->
                throw new UsageException("--dynamic-guidance and --guidance-within both say when to guide; give one");
        };
    }

    private Request reusing(Request request) {
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
