package org.zoetrope.cli;

import java.util.Optional;
import org.zoetrope.diffusion.Guidance;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.Request;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// What may make a run faster and its result a little different.
final class SpeedOptions {
    @Mixin private TierOptions tiers;
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

    /// @throws UsageException if what was typed does not go together
    void check() {
        tiers.tiers();
    }

    /// How to open the model.
    OpenOptions on(OpenOptions options) {
        return tiers.tiers().on(options);
    }

    /// What to ask of it.
    ///
    /// @param usual guidance scale of the model
    Request on(Request request, double usual) {
        var guided = within.map(shares -> request.guidance(guidanceWithin(shares, request, usual))).orElse(request);
        return tiers.tiers().on(guided);
    }

    private static Guidance guidanceWithin(NoiseShares shares, Request request, double usual) {
        return switch (request.guidance().orElseGet(() -> new Guidance.ClassifierFree(usual))) {
            case Guidance.ClassifierFree(var scale) -> new Guidance.Interval(scale, shares.low, shares.high);
            case Guidance.Off() -> throw new UsageException("guidance 1 guides nowhere; leave out --guidance-within");
            default ->
                throw new UsageException("--dynamic-guidance and --guidance-within both say when to guide; give one");
        };
    }
}
