package org.zoetrope.train;

import java.util.List;
import java.util.function.ToIntFunction;
import org.zoetrope.nn.Linear;
import org.zoetrope.scenes.Background;
import org.zoetrope.scenes.Colour;
import org.zoetrope.scenes.Motion;
import org.zoetrope.scenes.Scene;
import org.zoetrope.scenes.SceneObject;
import org.zoetrope.scenes.Shape;
import org.zoetrope.scenes.Size;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// What the middle of a denoiser is asked while it learns: which object covers a token, what kind of object it is, and where
/// its outline runs. After REPA (arXiv 2410.06940, equation 8), where a linear or small map of a middle block's tokens must
/// agree with what a pretrained network sees in the clean clip. Generated clips need no such network: what is to be seen is
/// known.
///
/// The error of a picture hardly tells words apart: an object is a sixtieth of what its background is, and its outline a
/// twentieth of that. Asked for them, the network brings each word to where it belongs long before the picture needs it. The
/// map is thrown away with the training; the network that is kept has no part that the published one lacks.
///
/// Axes: B batch, T latent frames, V video tokens of all frames, row by row, D width.
final class Alignment {
    /// Cells along each side of a token for which the outline is asked, in each of the frames that a token joins.
    private static final int CELLS = 4;
    private static final int FRAMES = 4; // that a latent frame joins, behind the first, which is alone
    private static final int OUTLINE = FRAMES * CELLS * CELLS;
    private static final double OUTLINE_WEIGHT = 5; // most cells are plain background, so that the mean is small

    /// A question about the object that covers a token.
    private record Question(int answers, ToIntFunction<SceneObject> answer) {}

    private static final List<Question> QUESTIONS = List.of(
            new Question(Colour.values().length, object -> object.colour().ordinal()),
            new Question(Shape.values().length, object -> object.shape().ordinal()),
            new Question(Motion.values().length, object -> object.motion().ordinal()),
            new Question(Size.values().length + 1, object -> object.size().map(Size::ordinal).orElse(Size.values().length)));
    private static final int BACKGROUNDS = Background.values().length;
    private static final int ANSWERS = QUESTIONS.stream().mapToInt(Question::answers).sum() + BACKGROUNDS;

    private final Linear head;

    Alignment(Weights w, long width) {
        head = new Linear(w, width, OUTLINE + ANSWERS);
    }

    /// The mean surprise at the right answers, in nats: a scalar, about 2.6 for a network that knows nothing.
    ///
    /// @param tokens of a middle block [B, V, D], V = T rows rows
    /// @param scenes what the B clips show
    /// @param frames latent frames T, 1 for pictures
    Tensor loss(Tensor tokens, List<Scene> scenes, int frames) {
        var rows = (int) Math.round(Math.sqrt((double) tokens.size(1) / frames));
        ShapeException.require((long) frames * rows * rows == tokens.size(1) && scenes.size() == tokens.size(0),
                "tokens %s are not those of %d clips of %d square frames", tokens, scenes.size(), frames);
        var labels = new Labels(scenes.size() * (int) tokens.size(1));
        for (var i = 0; i < scenes.size(); i++) {
            labels.add(scenes.get(i), frames, rows);
        }
        var scores = head.forward(tokens).to(DType.FLOAT32).flatten(0, 1);                        // [B V, outline, answers]
        var outline = scores.narrow(-1, 0, OUTLINE);
        var covered = Tensor.of(labels.covered, labels.tokens, OUTLINE);
        var entropies = outline.softplus().minus(outline.times(covered)).mean().times(OUTLINE_WEIGHT);
        var right = Tensor.of(labels.right, labels.tokens, ANSWERS);
        var at = 0;
        for (var question : QUESTIONS) {
            entropies = entropies.plus(mean(scores, right, at, question.answers, labels.objects).div(QUESTIONS.size() + 1));
            at += question.answers;
        }
        return entropies.plus(mean(scores, right, at, BACKGROUNDS, labels.tokens).div(QUESTIONS.size() + 1));
    }

    private static Tensor mean(Tensor scores, Tensor right, int at, int answers, int count) {
        return CrossEntropy.of(scores.narrow(-1, OUTLINE + at, answers), right.narrow(-1, at, answers)).sum().div(Math.max(1, count));
    }

    /// The right answers for the tokens of a batch.
    static final class Labels {
        final int tokens;
        final float[] covered;
        final float[] right;
        int objects; // tokens that an object covers
        private int next;

        Labels(int tokens) {
            this.tokens = tokens;
            this.covered = new float[tokens * OUTLINE];
            this.right = new float[tokens * ANSWERS];
        }

        void add(Scene scene, int frames, int rows) {
            for (var t = 0; t < frames; t++) {
                var cells = new int[scene.objects().size()][rows * rows]; // that each object covers in a token
                for (var f = 0; f < FRAMES; f++) {
                    var moment = Scene.moment(t == 0 ? 0 : FRAMES * (t - 1) + f + 1, Scene.FRAMES);
                    for (var o = 0; o < cells.length; o++) {
                        cover(scene.objects().get(o), moment, f, rows, cells[o]);
                    }
                }
                for (var token = 0; token < rows * rows; token++) {
                    answer(scene, cells, token);
                }
                next += rows * rows;
            }
        }

        private void cover(SceneObject object, double moment, int frame, int rows, int[] cells) {
            var pose = object.track().at(moment);
            var reach = pose.radius() * object.shape().reach();
            var side = rows * CELLS;
            var right = Math.min(side - 1, (int) ((pose.x() + reach) * side));
            var bottom = Math.min(side - 1, (int) ((pose.y() + reach) * side));
            for (var y = Math.max(0, (int) ((pose.y() - reach) * side)); y <= bottom; y++) {
                for (var x = Math.max(0, (int) ((pose.x() - reach) * side)); x <= right; x++) {
                    if (object.shape().contains(((x + 0.5) / side - pose.x()) / pose.radius(), ((y + 0.5) / side - pose.y()) / pose.radius())) {
                        var token = y / CELLS * rows + x / CELLS;
                        covered[(next + token) * OUTLINE + (frame * CELLS + y % CELLS) * CELLS + x % CELLS] = 1;
                        cells[token]++;
                    }
                }
            }
        }

        private void answer(Scene scene, int[][] cells, int token) {
            var most = 0;
            for (var o = 1; o < cells.length; o++) {
                most = cells[o][token] > cells[most][token] ? o : most;
            }
            var at = (next + token) * ANSWERS;
            if (cells[most][token] > 0) {
                objects++;
                var offset = at;
                for (var question : QUESTIONS) {
                    right[offset + question.answer.applyAsInt(scene.objects().get(most))] = 1;
                    offset += question.answers;
                }
            }
            right[at + ANSWERS - BACKGROUNDS + scene.background().ordinal()] = 1;
        }
    }
}
