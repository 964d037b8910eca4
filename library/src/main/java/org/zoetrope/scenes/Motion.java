package org.zoetrope.scenes;

/// What an object does from the first frame of a clip to the last.
public enum Motion {
    LEFT(-1, 0),
    RIGHT(1, 0),
    UP(0, -1),
    DOWN(0, 1),
    UP_LEFT(-1, -1),
    UP_RIGHT(1, -1),
    DOWN_LEFT(-1, 1),
    DOWN_RIGHT(1, 1),
    STILL(0, 0),
    /// Two hops up and back to the same floor.
    BOUNCE(0, 0),
    /// Once around, either way.
    CIRCLE(0, 0),
    GROW(0, 0),
    SHRINK(0, 0);

    private final int x;
    private final int y;

    Motion(int x, int y) {
        this.x = x;
        this.y = y;
    }

    /// The sign of the way along the columns: -1 left, 1 right, 0 neither.
    public int x() {
        return x;
    }

    /// The sign of the way along the rows: -1 up, 1 down, 0 neither.
    public int y() {
        return y;
    }

    /// Whether the object goes straight from one place to another.
    public boolean isStraight() {
        return x != 0 || y != 0;
    }

    /// Whether the object keeps its size, so that a caption may name it.
    public boolean keepsSize() {
        return this != GROW && this != SHRINK;
    }
}
