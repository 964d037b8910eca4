package org.zoetrope.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.zoetrope.nn.AdamW;
import org.zoetrope.scenes.Colour;
import org.zoetrope.scenes.Scene;
import org.zoetrope.scenes.SceneObject;
import org.zoetrope.scenes.Shape;
import org.zoetrope.scenes.Split;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

class AlignmentTest {
    private static final int ROWS = 8;
    private static final int FRAMES = 5;

    /// What is asked is what the clip shows: a cell is said to be covered where its pixels have more of the object's colour than of
    /// the background's.
    @Test
    void theOutlineIsThatOfTheRenderedClip() {
        for (var seed = 0; seed < 12; seed++) {
            var scene = Scene.draw(seed, Split.TRAIN);
            var labels = new Alignment.Labels(FRAMES * ROWS * ROWS);
            labels.add(scene, FRAMES, ROWS);
            var clip = scene.render();
            int wrong = 0, covered = 0;
            for (var t = 0; t < FRAMES; t++) {
                for (var f = 0; f < 4; f++) {
                    var frame = t == 0 ? 0 : 4 * (t - 1) + f + 1;
                    for (var y = 0; y < 32; y++) {
                        for (var x = 0; x < 32; x++) {
                            var token = (t * ROWS + y / 4) * ROWS + x / 4;
                            var said = labels.covered[token * 64 + (f * 4 + y % 4) * 4 + x % 4] == 1;
                            int at = 2 * x, down = 2 * y, fr = frame;
                            var different = IntStream.range(0, 4).filter(i -> clip.pixel(fr, at + i % 2, down + i / 2) != clip.pixel(fr, 0, 0)).count();
                            covered += said ? 1 : 0;
                            // Cells on an edge may fall to either side.
                            wrong += said && different == 0 || !said && IntStream.range(0, 4).allMatch(i -> scene.objects().stream()
                                    .anyMatch(o -> o.colour().rgb() == clip.pixel(fr, at + i % 2, down + i / 2))) ? 1 : 0;
                        }
                    }
                }
            }
            assertThat(wrong).isZero();
            assertThat(covered).isGreaterThan(300);
        }
    }

    @Test
    void aMapThatKnowsTheTokensLearnsTheAnswersAndMissesThoseOfAnotherScene() {
        try (var _ = Scope.open()) {
            var scene = Scene.draw(3, Split.TRAIN);
            var fresh = Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU);
            var alignment = new Alignment(fresh, 320);
            fresh.tree().values().forEach(p -> p.requireGradient(true));
            var adam = new AdamW(fresh.tree(), AdamW.Options.defaults());
            var tokens = new Rng(2).normal(1, 320, 320);
            var first = alignment.loss(tokens, List.of(scene), FRAMES).item();
            for (var step = 1; step <= 60; step++) {
                var at = step;
                Scope.run(() -> {
                    var loss = alignment.loss(tokens, List.of(scene), FRAMES);
                    var gradients = Tensor.gradients(loss, List.copyOf(fresh.tree().values()));
                    var i = 0;
                    for (var name : fresh.tree().keySet()) {
                        adam.step(name, at, 0.03, gradients.get(i++));
                    }
                });
            }
            assertThat(first).isBetween(2.0, 7.0);
            assertThat(alignment.loss(tokens, List.of(scene), FRAMES).item()).isLessThan(0.1);
            var object = scene.objects().getFirst();
            for (var other : List.of(with(scene, new SceneObject(other(object.colour()), object.shape(), object.track())),
                    with(scene, new SceneObject(object.colour(), other(object.shape()), object.track())))) {
                assertThat(alignment.loss(tokens, List.of(other), FRAMES).item()).isGreaterThan(0.4);
            }
        }
    }

    @Test
    void tokensOfOtherClipsAreRefused() {
        try (var _ = Scope.open()) {
            var alignment = new Alignment(Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU), 8);
            assertThatThrownBy(() -> alignment.loss(new Rng(1).normal(1, 300, 8), List.of(Scene.draw(1, Split.TRAIN)), FRAMES))
                    .isInstanceOf(ShapeException.class).hasMessageContaining("not those of 1 clips of 5 square frames");
        }
    }

    private static Scene with(Scene scene, SceneObject first) {
        var objects = new ArrayList<>(scene.objects());
        objects.set(0, first);
        return new Scene(scene.background(), objects);
    }

    private static Colour other(Colour colour) {
        return Colour.values()[(colour.ordinal() + 1) % Colour.values().length];
    }

    private static Shape other(Shape shape) {
        return Shape.values()[(shape.ordinal() + 1) % Shape.values().length];
    }
}
