package org.zoetrope.scenes;

/// The sizes a caption may name, as ranges of the radius in picture heights. An object that grows or shrinks has none.
public enum Size {
    SMALL(0.095, 0.110),
    LARGE(0.155, 0.170);

    /// Objects with a smaller radius than this are small: it halves the gap between the two ranges.
    public static final double BOUNDARY = 0.1325;

    private final double least;
    private final double most;

    Size(double least, double most) {
        this.least = least;
        this.most = most;
    }

    double least() {
        return least;
    }

    double most() {
        return most;
    }

    /// The size of an object of this radius.
    public static Size of(double radius) {
        return radius < BOUNDARY ? SMALL : LARGE;
    }

    /// The name used in captions.
    public String word() {
        return Words.of(this);
    }
}
