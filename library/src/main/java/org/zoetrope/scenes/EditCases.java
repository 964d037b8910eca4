package org.zoetrope.scenes;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/// Draws edits of scenes. Source and target both belong to the combinations that training shows, so that an edit fails by
/// the method and not because the model never saw the parts together.
public final class EditCases {
    private static final int STREAM = 1 << 20; // far from those of training and of prompts

    private EditCases() {}

    /// `count` edits, the kinds in turn.
    public static List<EditCase> draw(long seed, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> draw(EditKind.values()[i % EditKind.values().length], SplitMix64.of(seed, STREAM + i)))
                .toList();
    }

    private static EditCase draw(EditKind kind, SplitMix64 random) {
        while (true) {
            var source = Scene.draw(random, Split.TRAIN, kind == EditKind.RECOLOUR_ONE_OF_TWO ? 2 : 1);
            var targets = targets(kind, source);
            if (!targets.isEmpty()) {
                var target = random.pick(targets);
                return new EditCase(kind, source, Captions.plain(promise(source)), target,
                        Captions.plain(promise(target)));
            }
        }
    }

    /// Every scene that differs from this one as the kind says.
    private static List<Scene> targets(EditKind kind, Scene source) {
        var first = source.objects().getFirst();
        return switch (kind) {
            case RECOLOUR, RECOLOUR_ONE_OF_TWO -> Arrays.stream(Colour.values())
                    .filter(colour -> source.objects().stream().noneMatch(o -> o.colour() == colour))
                    .map(colour -> new SceneObject(colour, first.shape(), first.track())).filter(isShown())
                    .map(changed -> withFirst(source, changed)).toList();
            case RESHAPE -> Arrays.stream(Shape.values()).filter(shape -> shape != first.shape())
                    .map(shape -> new SceneObject(first.colour(), shape, first.track())).filter(isShown())
                    .filter(EditCases::staysInside).map(changed -> withFirst(source, changed)).toList();
            case CHANGE_BACKGROUND -> Arrays.stream(Background.values())
                    .filter(background -> background != source.background())
                    .map(background -> new Scene(background, source.objects())).toList();
            case ADD_NOTHING -> List.of(source);
        };
    }

    private static Predicate<SceneObject> isShown() {
        return object -> !object.combination().isHeldOut();
    }

    private static boolean staysInside(SceneObject object) {
        return IntStream.rangeClosed(0, 48).mapToObj(i -> object.track().at(i / 48.0)).allMatch(pose -> {
            var reach = pose.radius() * object.shape().reach();
            return pose.x() >= reach && pose.x() <= 1 - reach && pose.y() >= reach && pose.y() <= 1 - reach;
        });
    }

    private static Scene withFirst(Scene scene, SceneObject object) {
        var objects = new ArrayList<>(scene.objects());
        objects.set(0, object);
        return new Scene(scene.background(), objects);
    }

    /// Colour, shape, motion and background; sizes stay unsaid.
    private static Promise promise(Scene scene) {
        return new Promise(scene.objects().stream()
                .map(o -> new Promise.Item(o.colour(), o.shape(), o.motion(), Optional.empty())).toList(),
                Optional.of(scene.background()));
    }
}
