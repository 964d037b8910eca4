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
import org.zoetrope.pipeline.EditDefaults;

/// The methods of editing that requests may name, as published but for the scales of guidance.
enum EditMethod {
    FLOWEDIT, FLOWDIRECTOR, FLOWDIRECTOR_V1, SDEDIT;

    private static final double STRENGTH = 0.6; // of a run that SDEdit takes

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
        return editor(EditDefaults.WAN).followsOnePath();
    }

    static String onOnePath() {
        return Arrays.stream(values()).filter(EditMethod::followsOnePath).map(EditMethod::word)
                .collect(Collectors.joining(", "));
    }

    Editor editor(EditDefaults usual) {
        double source = usual.sourceScale(), target = usual.targetScale();
        return switch (this) {
            case FLOWEDIT -> FlowEdit.of(usual);
            case FLOWDIRECTOR -> FlowDirectorV2.defaults().scales(source, target);
            case FLOWDIRECTOR_V1 -> FlowDirectorV1.defaults().scales(source, target);
            case SDEDIT -> new Sdedit(STRENGTH, target);
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
