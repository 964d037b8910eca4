package org.zoetrope.scenes;

import java.util.Optional;

/// One thing in a scene: what it looks like and where it goes.
public record SceneObject(Colour colour, Shape shape, Track track) {
    public Motion motion() {
        return track.motion();
    }

    /// The size a caption may name; empty for an object that grows or shrinks.
    public Optional<Size> size() {
        return motion().keepsSize() ? Optional.of(Size.of(track.radius())) : Optional.empty();
    }

    public Combination combination() {
        return new Combination(colour, shape, motion());
    }

    /// Whether the two stay apart at every moment, with a pixel or two of a small picture between them.
    boolean staysClearOf(SceneObject other) {
        for (var i = 0; i <= 48; i++) {
            var here = track.at(i / 48.0);
            var there = other.track.at(i / 48.0);
            if (here.distance(there) < here.radius() * shape.reach() + there.radius() * other.shape.reach() + 0.04) {
                return false;
            }
        }
        return true;
    }

    /// Whether one reads this one first: it lies further left or up than the other, half way through the clip.
    boolean comesBefore(SceneObject other) {
        var here = track.at(0.5);
        var there = other.track.at(0.5);
        return here.x() + here.y() < there.x() + there.y();
    }
}
