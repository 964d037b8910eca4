package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

/// How an edit fades out around a mask: 1 inside, `exp(-lambda d)` outside, d the distance in latent cells to the nearest
/// inside cell of the same latent frame, and 0 where that is below the floor, so that the far background stays exactly
/// as it is. A frame without inside cells is 0 everywhere, one without outside cells 1.
///
/// @param lambda how steeply it falls, 0.25 in FlowDirector; infinite for a hard edge
/// @param floor  weights below this are 0
public record SoftEdge(double lambda, double floor) {
    private static final double FLOOR = 0.01;

    public SoftEdge {
        require(lambda >= 0 && floor >= 0 && floor <= 1,
                "a soft edge falls with lambda 0 or more to a floor within 0 .. 1, found %s and %s", lambda, floor);
    }

    /// The edge of the public FlowDirector, with a floor.
    public static SoftEdge published() {
        return new SoftEdge(0.25, FLOOR);
    }

    /// What edits do unless told otherwise: an edge that reaches about two cells.
    public static SoftEdge usual() {
        return new SoftEdge(2, FLOOR);
    }

    /// No edge: 1 inside, 0 outside.
    public static SoftEdge hard() {
        return new SoftEdge(Double.POSITIVE_INFINITY, FLOOR);
    }

    /// The weight at a distance.
    public double weight(double distance) {
        var weight = distance == 0 ? 1 : Math.exp(-lambda * distance);
        return weight < floor ? 0 : weight;
    }
}
