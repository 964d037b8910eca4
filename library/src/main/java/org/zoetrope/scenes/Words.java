package org.zoetrope.scenes;

import java.util.Locale;

/// How the constants of this room are said in a caption.
final class Words {
    private Words() {}

    static String of(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
