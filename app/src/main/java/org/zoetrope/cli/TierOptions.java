package org.zoetrope.cli;

import java.util.List;
import java.util.Optional;
import org.zoetrope.pipeline.RequestException;
import org.zoetrope.pipeline.Tiers;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// What a run may leave out.
final class TierOptions {
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

    /// What was typed.
    ///
    /// @throws UsageException if it does not go together
    Tiers tiers() {
        try {
            return new Tiers(tiers, threshold);
        } catch (RequestException e) {
            throw new UsageException("--speed: %s", String.join("%n         ".formatted(), e.problems()));
        }
    }
}
