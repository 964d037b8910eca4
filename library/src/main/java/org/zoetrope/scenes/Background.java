package org.zoetrope.scenes;

/// The plain colours behind the objects: at least 75 apart in RGB.
public enum Background {
    BLACK(0x050505),
    WHITE(0xFAFAFA),
    GRAY(0x808080),
    NAVY(0x0F145F),
    BROWN(0x693C19),
    TEAL(0x00645F);

    private final int rgb;

    Background(int rgb) {
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
