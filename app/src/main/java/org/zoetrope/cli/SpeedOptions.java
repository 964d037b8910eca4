package org.zoetrope.cli;

import java.util.List;
import java.util.Optional;
import org.zoetrope.diffusion.Guidance;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.RequestException;
import org.zoetrope.pipeline.Tiers;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// What may make a run faster and its result a little different.
final class SpeedOptions {
    /// Tiers by their words.
    static final class TierName implements ITypeConverter<Tiers.Tier> {
        @Override
        public Tiers.Tier convert(String text) {
            try {
                return Tiers.Tier.of(text);
            } catch (RequestException e) {
                throw new TypeConversionException(e.problems().getFirst());
            }
        }
    }

    @Option(names = "--speed", paramLabel = "TIER", split = ",", defaultValue = "lossless", converter = TierName.class,
            description = "lossless (default), cached (blocks are not run at steps where the network hardly changes, "
                    + "TeaCache), broadcast (attentions serve several steps, PAB), int8 (less memory: the matrices of "
                    + "transformer and text encoder in eight bits). Results of all but the first differ a little.")
    private List<Tiers.Tier> tiers;
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
        options.tiers();
        return options;
    }

    /// How to open the model.
    OpenOptions on(OpenOptions options) {
        return tiers().on(options);
    }

    /// What to ask of it.
    ///
    /// @param usual guidance scale of the model
    Request on(Request request, double usual) {
        var guided = within.map(shares -> request.guidance(guidanceWithin(shares, request, usual))).orElse(request);
        return tiers().on(guided);
    }

    private static Guidance guidanceWithin(NoiseShares shares, Request request, double usual) {
        return switch (request.guidance().orElseGet(() -> new Guidance.ClassifierFree(usual))) {
            case Guidance.ClassifierFree(var scale) -> new Guidance.Interval(scale, shares.low, shares.high);
            case Guidance.Off() -> throw new UsageException("guidance 1 guides nowhere; leave out --guidance-within");
            default ->
                throw new UsageException("--dynamic-guidance and --guidance-within both say when to guide; give one");
        };
    }

    private Tiers tiers() {
        try {
            return new Tiers(tiers, threshold);
        } catch (RequestException e) {
            throw new UsageException("--speed: %s", String.join("%n         ".formatted(), e.problems()));
        }
    }
}
