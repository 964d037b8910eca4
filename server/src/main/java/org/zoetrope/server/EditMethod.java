package org.zoetrope.server;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.zoetrope.edit.Editor;
import org.zoetrope.edit.FlowDirectorV1;
import org.zoetrope.edit.FlowDirectorV2;
import org.zoetrope.edit.FlowEdit;
import org.zoetrope.edit.MaskSource;
import org.zoetrope.edit.Sdedit;

/// The methods of editing that requests may name, as published but for the guidance of the target prompt.
enum EditMethod {
    FLOWEDIT, FLOWDIRECTOR, FLOWDIRECTOR_V1, SDEDIT;

    private static final double STRENGTH = 0.6; // of a run that SDEdit takes

    /// How strongly the target prompt leads where a request does not say.
    static double guidance() {
        return FlowEdit.usual().targetScale();
    }

    String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    static Optional<EditMethod> of(String word) {
        return Arrays.stream(values()).filter(method -> method.word().equals(word)).findFirst();
    }

    static String words() {
        return Arrays.stream(values()).map(EditMethod::word).collect(Collectors.joining(", "));
    }

    /// Whether a step can take something over from the one before, see [Editor#followsOnePath()].
    boolean followsOnePath() {
        return editor(guidance()).followsOnePath();
    }

    static String onOnePath() {
        return Arrays.stream(values()).filter(EditMethod::followsOnePath).map(EditMethod::word)
                .collect(Collectors.joining(", "));
    }

    Editor editor(double guidance) {
        var usual = FlowEdit.usual();
        return switch (this) {
            case FLOWEDIT -> new FlowEdit(usual.nMax(), usual.nMin(), usual.nAvg(), usual.sourceScale(), guidance);
            case FLOWDIRECTOR -> FlowDirectorV2.defaults().scales(usual.sourceScale(), guidance);
            case FLOWDIRECTOR_V1 -> new FlowDirectorV1(usual.nMax(), FlowDirectorV1.defaults().draws(),
                    usual.sourceScale(), guidance);
            case SDEDIT -> new Sdedit(STRENGTH, guidance);
        };
    }

    /// Where the edit may act if nobody has marked it.
    MaskSource mask() {
        return switch (this) {
            case FLOWEDIT -> MaskSource.velocityDifference();
            case FLOWDIRECTOR, FLOWDIRECTOR_V1 -> MaskSource.attention();
            case SDEDIT -> new MaskSource.Everywhere();
        };
    }
}
