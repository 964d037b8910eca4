package org.zoetrope.scenes;

/// The outlines that move about, chosen to stay apart when a clip is small and a little blurred.
///
/// All outlines are measured in units of the object's radius, and all have the area of the unit circle: the radius
/// alone says how much of a picture an object covers, whichever shape it has. The origin is the centre of mass, and y
/// points down.
public enum Shape {
    CIRCLE(1) {
        @Override
        public boolean contains(double u, double v) {
            return u * u + v * v <= 1;
        }
    },
    SQUARE(Math.sqrt(Math.PI / 2)) {
        @Override
        public boolean contains(double u, double v) {
            return Math.max(Math.abs(u), Math.abs(v)) * Math.sqrt(2) <= reach();
        }
    },
    /// Equilateral, one corner up: its area is 3 sqrt(3) / 4 of its reach squared.
    TRIANGLE(Math.sqrt(4 * Math.PI / (3 * Math.sqrt(3)))) {
        @Override
        public boolean contains(double u, double v) {
            var inner = reach() / 2;
            return v <= inner && Math.abs(u) * Math.sqrt(3) / 2 - v / 2 <= inner;
        }
    },
    /// A square standing on a corner.
    DIAMOND(Math.sqrt(Math.PI / 2)) {
        @Override
        public boolean contains(double u, double v) {
            return Math.abs(u) + Math.abs(v) <= reach();
        }
    },
    /// Five points, one up; its notches lie at [#NOTCH] of its reach.
    STAR(Math.sqrt(Math.PI / (5 * Shape.NOTCH * Shape.SIN_36))) {
        @Override
        public boolean contains(double u, double v) {
            // Of each of the ten mirrored wedges only the edge from point to notch matters; a wedge spans 36 degrees.
            double bestAlong = -1;
            double bestAcross = 0;
            for (var k = 0; k < 5; k++) {
                var along = u * SIN_72[k] - v * COS_72[k];
                if (along > bestAlong) {
                    bestAlong = along;
                    bestAcross = Math.abs(u * COS_72[k] + v * SIN_72[k]);
                }
            }
            var notchAlong = NOTCH * COS_36;
            var notchAcross = NOTCH * SIN_36;
            return bestAcross * (1 - notchAlong) + bestAlong * notchAcross <= reach() * notchAcross;
        }
    };

    /// How far the notches of a star lie from its centre, as a share of its points. A regular pentagram has 0.38; the
    /// arms of that one are too thin for a clip of 64 pixels.
    private static final double NOTCH = 0.45;
    private static final double SIN_36 = 0.5877852522924731;
    private static final double COS_36 = 0.8090169943749475;
    private static final double[] SIN_72 = new double[5];
    private static final double[] COS_72 = new double[5];

    static {
        for (var k = 0; k < 5; k++) {
            SIN_72[k] = StrictMath.sin(2 * Math.PI * k / 5);
            COS_72[k] = StrictMath.cos(2 * Math.PI * k / 5);
        }
    }

    private final double reach;

    Shape(double reach) {
        this.reach = reach;
    }

    /// Distance of the farthest point from the centre, in radii.
    public double reach() {
        return reach;
    }

    /// Whether the point `u` radii right of the centre and `v` radii below it belongs to the shape.
    public abstract boolean contains(double u, double v);

    /// The name used in captions.
    public String word() {
        return Words.of(this);
    }
}
