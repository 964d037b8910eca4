package org.zoetrope.scenes;

/// The colours of objects: at least 95 apart in RGB from one another and at least 95 from every [Background].
public enum Colour {
    RED(0xE12323),
    GREEN(0x28B93C),
    BLUE(0x2D5AF0),
    YELLOW(0xFAE128),
    ORANGE(0xFA8214),
    PURPLE(0x9632BE),
    CYAN(0x3CD7E1),
    PINK(0xFA8CBE);

    private final int rgb;

    Colour(int rgb) {
        this.rgb = rgb;
    }

    /// The colour as 0xRRGGBB.
    public int rgb() {
        return rgb;
    }

    /// The name used in captions.
    public String word() {
        return Words.of(this);
    }
}
